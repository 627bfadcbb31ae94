"""A small catalog that is right, in pieces, for tests that change one of them."""

from collections.abc import Mapping

from catalog import Catalog, parse
from catalog.presets import presets
from catalog.variables import names

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


# What accounts show, by the field that the auth of a preset needs.
SHOWN = {
    "credential": "credential: the-key",
    "aws": "aws: {access_key_id: AKIDEXAMPLE, secret_access_key: the-secret}",
    "google": "google: {key_file: /run/secrets/google.json}",
    "entra": "entra: {tenant: contoso.test, client_id: 1-2-3, client_secret: the-secret}",
}


def provider_of(preset: str) -> str:
    """The declaration of a provider by a preset, with all that the preset leaves open."""
    known = presets()[preset]
    base = "" if known.base_url else ", base_url: 'https://mine.example'"
    texts = [known.base_url or "", *(end.base_path for end in known.surfaces.values())]
    open_ones = {name for text in texts for name in names(text)}
    if known.auth.scheme == "aws_sigv4":
        open_ones.add("region")
    values = ", ".join(f"{name}: some-{name}" for name in sorted(open_ones))
    return f"{{preset: {preset}{base}" + (f", variables: {{{values}}}}}" if values else "}")


def account_of(preset: str, provider: str) -> str:
    """The declaration of an account there; empty where none is needed."""
    needs = presets()[preset].auth.needs
    return "" if needs is None else f"{{provider: {provider}, {SHOWN[needs]}}}"
