"""A gateway whose models are in the clouds, and the simulator as all three of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.gateway import UPSTREAM_KEY, Gateway, Simulator, gateway, simulator
from tests.extproc.credentials import known

# Models share accounts here, and one test's failure would be the next one's rest.
CATALOG = """
version: 1
limits: {keep_alive_ms: 1000, cooldown: {start_ms: 0, told_most_ms: 0, account_ms: 0}}
providers:
  bedrock:
    preset: bedrock
    base_url: "${SIMULATOR}/aws"
    variables: {region: eu-west-1}
  bedrock-key:
    preset: bedrock-api-key
    base_url: "${SIMULATOR}/aws"
    variables: {region: eu-west-1}
  bedrock-messages:
    preset: bedrock-messages
    base_url: "${SIMULATOR}/aws"
    variables: {region: eu-west-1}
  vertex-claude: &vertex
    preset: vertex-anthropic
    base_url: "${SIMULATOR}/gcp"
    variables: {project: our-project, location: europe-west1}
    auth: {scheme: google_service_account, token_url: "${SIMULATOR}/gcp/token"}
  vertex-gemini:
    preset: vertex-gemini
    base_url: "${SIMULATOR}/gcp"
    variables: {project: our-project, location: global}
    auth: {scheme: google_service_account, token_url: "${SIMULATOR}/gcp/token"}
  azure-key: {preset: azure-openai, base_url: "${SIMULATOR}/azure"}
  azure-entra:
    preset: azure-openai
    base_url: "${SIMULATOR}/azure"
    auth: &entra
      scheme: azure_entra
      token_url: "${SIMULATOR}/entra/{tenant}/oauth2/v2.0/token"
  azure-dated: {preset: azure-openai-deployments, base_url: "${SIMULATOR}/azure", auth: *entra}
  foundry: {preset: azure-anthropic, base_url: "${SIMULATOR}/azure"}
  plain: {preset: anthropic, base_url: "${SIMULATOR}", prices: anthropic}
accounts:
  aws-1:
    provider: bedrock
    aws: {access_key_id: "${ACCESS_KEY}", secret_access_key: "${SECRET_KEY}"}
  aws-session:
    provider: bedrock
    pool: session
    aws:
      access_key_id: "${SESSION_KEY}"
      secret_access_key: "${SECRET_KEY}"
      session_token: "${SESSION_TOKEN}"
  aws-wrong:
    provider: bedrock
    pool: wrong
    aws: {access_key_id: "${ACCESS_KEY}", secret_access_key: not-the-secret}
  aws-elsewhere:
    provider: bedrock
    pool: elsewhere
    variables: {region: us-east-1}
    aws: {access_key_id: "${ACCESS_KEY}", secret_access_key: "${SECRET_KEY}"}
  bedrock-key-1: {provider: bedrock-key, credential: "${BEDROCK_API_KEY}"}
  bedrock-key-wrong: {provider: bedrock-key, pool: wrong, credential: not-the-key}
  messages-1:
    provider: bedrock-messages
    aws: {access_key_id: "${ACCESS_KEY}", secret_access_key: "${SECRET_KEY}"}
  gcp-claude: {provider: vertex-claude, google: {key: "${GOOGLE_KEY}"}}
  gcp-other-project:
    provider: vertex-claude
    pool: wrong
    variables: {project: somebody-elses}
    google: {key: "${GOOGLE_KEY}"}
  gcp-gemini: {provider: vertex-gemini, google: {key_file: "${GOOGLE_KEY_FILE}"}}
  azure-1: {provider: azure-key, credential: "${AZURE_KEY}"}
  azure-wrong: {provider: azure-key, pool: wrong, credential: not-the-key}
  azure-2: {provider: azure-entra, entra: &app {
    tenant: contoso.test, client_id: 1-2-3-4, client_secret: "${ENTRA_SECRET}"}}
  azure-no-secret:
    provider: azure-entra
    pool: wrong
    entra: {tenant: contoso.test, client_id: 1-2-3-4, client_secret: not-the-secret}
  azure-3: {provider: azure-dated, entra: *app}
  foundry-1: {provider: foundry, credential: "${AZURE_KEY}"}
  plain-1: {provider: plain, credential: "${UPSTREAM_KEY}"}
models:
- {name: "claude-haiku-4-5-b-*", targets: [
    {provider: bedrock, pool: default, model: "eu.anthropic.*"}]}
- {name: "claude-haiku-4-5-k-*", targets: [
    {provider: bedrock-key, pool: default, model: "anthropic.*"}]}
- {name: "claude-haiku-4-5-m-*", targets: [{provider: bedrock-messages, model: "*"}]}
- {name: "claude-haiku-4-5-v-*", targets: [
    {provider: vertex-claude, pool: default, model: "*@20251001"}]}
- {name: "claude-haiku-4-5-f-*", targets: [{provider: foundry, model: "*"}]}
- {name: "gemini-3-pro-*", targets: [{provider: vertex-gemini, model: "*"}]}
- {name: "gpt-5-a-*", targets: [{provider: azure-key, pool: default, model: "*"}]}
- {name: "gpt-5-e-*", targets: [{provider: azure-entra, pool: default, model: "*"}]}
- {name: "gpt-5-d-*", targets: [{provider: azure-dated, model: "*"}]}
- {name: bedrock-haiku, targets: [
    {provider: bedrock, pool: default, model: "eu.anthropic.claude-haiku-4-5-20251001-v1:0"}]}
- name: bedrock-arn
  targets:
  - provider: bedrock
    pool: session
    model: "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-haiku-4-5"
- {name: bedrock-wrong, targets: [
    {provider: bedrock, pool: wrong, model: anthropic.claude-haiku-4-5}]}
- {name: bedrock-elsewhere, targets: [
    {provider: bedrock, pool: elsewhere, model: anthropic.claude-haiku-4-5}]}
- {name: bedrock-wrong-key, targets: [
    {provider: bedrock-key, pool: wrong, model: anthropic.claude-haiku-4-5}]}
- {name: vertex-wrong, targets: [
    {provider: vertex-claude, pool: wrong, model: claude-haiku-4-5@20251001}]}
- {name: azure-wrong, targets: [{provider: azure-key, pool: wrong, model: gpt-5}]}
- {name: azure-no-secret, targets: [{provider: azure-entra, pool: wrong, model: gpt-5}]}
- name: bedrock-then-plain
  targets:
  - {provider: bedrock, pool: default, model: anthropic.claude-flaky, tier: 1}
  - {provider: plain, model: claude-haiku-4-5, tier: 2}
- name: no-secret-then-key
  targets:
  - {provider: azure-entra, pool: wrong, model: gpt-5, tier: 1}
  - {provider: azure-key, pool: default, model: gpt-5, tier: 2}
- {name: azure-embedding, kinds: [embedding], targets: [
    {provider: azure-dated, model: text-embedding-3-small}]}
- {name: azure-image, kinds: [image], targets: [{provider: azure-dated, model: gpt-image-1}]}
"""

RESTING = CATALOG.replace("account_ms: 0", "account_ms: 600000").replace(
    "start_ms: 0", "start_ms: 500"
)


@contextmanager
def cloudy(
    directory: Path, catalog: str = CATALOG, token_ttl_s: float = 3600
) -> Iterator[tuple[Gateway, Simulator]]:
    """A gateway and its clouds. Tokens live so long."""
    key_file = directory / "google.json"
    key_file.write_text(json.dumps(known.google_key().file))
    variables = {
        "ACCESS_KEY": known.ACCESS_KEY,
        "SECRET_KEY": known.SECRET_KEY,
        "SESSION_KEY": known.SESSION_KEY,
        "SESSION_TOKEN": known.SESSION_TOKEN,
        "BEDROCK_API_KEY": known.BEDROCK_API_KEY,
        "GOOGLE_KEY": json.dumps(known.google_key().file),
        "GOOGLE_KEY_FILE": str(key_file),
        "AZURE_KEY": known.AZURE_API_KEY,
        "ENTRA_SECRET": known.CLIENT_SECRET,
    }
    flags = "--api-key", UPSTREAM_KEY, "--clouds", str(known.written(directory, token_ttl_s))
    with (
        simulator(*flags) as upstream,
        gateway(directory, upstream, catalog, variables) as running,
    ):
        yield running, upstream
