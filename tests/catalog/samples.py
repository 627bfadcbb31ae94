"""A small catalog that is right, in pieces, for tests that change one of them."""

from collections.abc import Mapping

from catalog import Catalog, parse

ENV = {"ANTHROPIC_API_KEY": "ant-secret-0001", "OPENAI_API_KEY": "oai-secret-0002"}

TEXT = """\
version: 1
providers:
  anthropic: {preset: anthropic}
  openai: {preset: openai}
  local: {preset: ollama}
accounts:
  ant-a: {provider: anthropic, credential: "${ANTHROPIC_API_KEY}", weight: 3}
  ant-b: {provider: anthropic, credential: "${ANTHROPIC_API_KEY}"}
  ant-vip: {provider: anthropic, credential: "${ANTHROPIC_API_KEY}", pool: vip}
  oai: {provider: openai, credential: "${OPENAI_API_KEY}"}
models:
  - name: claude-sonnet-4-5
    aliases: [sonnet]
    targets:
      - {provider: anthropic, pool: default, weight: 2}
      - {provider: anthropic, pool: vip, weight: 9, tier: 2}
  - name: claude-opus-5-5
    targets: [{provider: anthropic, pool: vip}]
  - name: gpt-5
    targets: [{provider: openai}]
  - name: text-embedding-3-small
    kinds: [embedding]
    targets: [{provider: openai}]
  - name: claude-*
    targets: [{provider: anthropic}]
  - name: local/*
    targets: [{provider: local, model: llama3.3}]
  - name: any-*
    targets: [{provider: openai, model: vendor/*}]
groups:
  plain: {models: [claude-*, gpt-5], pools: [default]}
  vip: {pools: [default, vip], price_multiplier: 0.8}
  pictures: {models: [gpt-*], endpoints: [images]}
"""


def sample(more: str = "", env: Mapping[str, str] = ENV) -> Catalog:
    """The sample catalog with further text at its end."""
    return parse(TEXT + more, env)
