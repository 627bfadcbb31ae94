"""Every source against the simulator's token endpoints and signature check, which share no code
with it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from catalog import Identity
from catalog.auth import ENTRA_SCOPE, GOOGLE_SCOPE
from catalog.credentials import AwsKeys, EntraClient, GoogleKey
from extproc.credentials.source import CredentialError
from extproc.credentials.sources import source_of
from extproc.vouching import Outgoing
from tests.extproc.credentials import known
from tests.simulator.running import Running, running

MESSAGES = {"max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
INVOCATION = json.dumps({"anthropic_version": "bedrock-2023-05-31", **MESSAGES}).encode()
MODEL = "eu.anthropic.claude-haiku-4-5-20251001-v1%3A0"


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = known.written(tmp_path_factory.mktemp("clouds"))
    with running("--clouds", str(path)) as one:
        yield one


def aws(keys: AwsKeys, region: str = known.REGION) -> Identity:
    return Identity("a", "aws_sigv4", keys, region=region, service="bedrock")


def static(
    key: str = known.ACCESS_KEY, secret: str = known.SECRET_KEY, token: str | None = None
) -> AwsKeys:
    return AwsKeys(
        access_key_id=SecretStr(key),
        secret_access_key=SecretStr(secret),
        session_token=SecretStr(token) if token else None,
    )


def posted(url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(url, content=body, headers=headers)


async def invoked(
    sim: Running, identity: Identity, path: str = f"/aws/model/{MODEL}/invoke"
) -> httpx.Response:
    made = await source_of(identity).fetch()
    sent = {"content-type": "application/json", "x-own": "1"}
    request = Outgoing("POST", path, sim.url.removeprefix("http://"), False, sent, INVOCATION)
    headers = sent | made.proof.headers(request)
    return posted(sim.url + path, INVOCATION, headers)


async def test_a_signed_request_is_believed(sim: Running) -> None:
    answer = await invoked(sim, aws(static()))
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "message"


async def test_a_signature_holds_for_an_arn_in_the_path(sim: Running) -> None:
    arn = "arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.anthropic.claude-haiku-4-5"
    answer = await invoked(sim, aws(static()), f"/aws/model/{arn}/invoke")
    assert answer.status_code == 200, answer.text


async def test_a_temporary_key_shows_its_token(sim: Running) -> None:
    identity = aws(static(known.SESSION_KEY, token=known.SESSION_TOKEN))
    assert (await invoked(sim, identity)).status_code == 200


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (aws(static(secret="wrong")), "InvalidSignatureException"),
        (aws(static(key="AKIDNOBODY")), "UnrecognizedClientException"),
        (aws(static(), region="us-east-1"), "InvalidSignatureException"),
        (aws(static(known.SESSION_KEY)), "UnrecognizedClientException"),
        (aws(static("ASIAEXPIRED", token=known.SESSION_TOKEN)), "ExpiredTokenException"),
    ],
)
async def test_a_wrong_signature_is_not(sim: Running, identity: Identity, name: str) -> None:
    answer = await invoked(sim, identity)
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"].startswith(name)


async def test_the_chain_finds_what_the_machine_has(
    sim: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CredentialError, match="has none"):
        await source_of(aws(AwsKeys(default_chain=True))).fetch()
    with pytest.raises(CredentialError, match="ProfileNotFound"):
        await source_of(aws(AwsKeys(default_chain=True, profile="work"))).fetch()
    (tmp_path / "credentials").write_text(
        f"[work]\naws_access_key_id={known.ACCESS_KEY}\naws_secret_access_key={known.SECRET_KEY}\n"
    )
    answer = await invoked(sim, aws(AwsKeys(default_chain=True, profile="work")))
    assert answer.status_code == 200


# -------------------------------------------------------------------------------------- google


def google(sim: Running, key: GoogleKey) -> Identity:
    url = f"{sim.url}/gcp/token"
    return Identity("g", "google_service_account", key, scope=GOOGLE_SCOPE, token_url=url)


def inline(**changes: str) -> GoogleKey:
    return GoogleKey(key=SecretStr(json.dumps(known.google_key().file | changes)))


async def predicted(sim: Running, identity: Identity) -> httpx.Response:
    made = await source_of(identity).fetch()
    headers = made.proof.headers(Outgoing("POST", "/", "h", True, {}, b""))
    body = {"anthropic_version": "vertex-2023-10-16", **MESSAGES}
    path = f"/v1/projects/{known.PROJECT}/locations/global/publishers/anthropic/models/claude-x"
    return posted(f"{sim.url}/gcp{path}:rawPredict", json.dumps(body).encode(), headers)


async def test_a_service_accounts_key_becomes_a_token(sim: Running, tmp_path: Path) -> None:
    made = await source_of(google(sim, inline())).fetch()
    assert made.lives_s == pytest.approx(3600, abs=30)
    assert (await predicted(sim, google(sim, inline()))).status_code == 200
    file = tmp_path / "key.json"
    file.write_text(json.dumps(known.google_key().file))
    from_file = google(sim, GoogleKey(key_file=str(file)))
    assert (await predicted(sim, from_file)).status_code == 200


async def test_googles_chain_is_used_where_the_operator_wants_it(
    sim: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "adc.json"
    file.write_text(json.dumps(known.google_key().file | {"token_uri": f"{sim.url}/gcp/token"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    identity = google(sim, GoogleKey(default_chain=True))
    assert (await predicted(sim, identity)).status_code == 200


async def test_googles_refusals_are_told_by_name_and_without_the_key(
    sim: Running, tmp_path: Path
) -> None:
    with pytest.raises(CredentialError, match=r"RefreshError \(invalid_grant\)"):
        await source_of(google(sim, inline(client_email="somebody@else.test"))).fetch()
    other = known.google_key("second").private
    with pytest.raises(CredentialError, match="invalid_grant") as told:
        await source_of(google(sim, inline(private_key=other))).fetch()
    assert "PRIVATE" not in str(told.value)
    with pytest.raises(CredentialError, match="the key cannot be used: FileNotFoundError"):
        await source_of(google(sim, GoogleKey(key_file=str(tmp_path / "none")))).fetch()
    with pytest.raises(CredentialError, match=r"MalformedError|cannot be used"):
        await source_of(google(sim, inline(private_key="not a key"))).fetch()
    away = replace(google(sim, inline()), token_url="http://127.0.0.1:9/token")
    with pytest.raises(CredentialError, match="TransportError"):
        await source_of(away).fetch()


# --------------------------------------------------------------------------------------- entra


def entra(sim: Running, secret: str = known.CLIENT_SECRET, tenant: str = known.TENANT) -> Identity:
    client = EntraClient(tenant=tenant, client_id=known.CLIENT_ID, client_secret=SecretStr(secret))
    url = f"{sim.url}/entra/{{tenant}}/oauth2/v2.0/token"
    return Identity("e", "azure_entra", client, scope=ENTRA_SCOPE, token_url=url)


async def test_an_applications_secret_becomes_a_token(sim: Running) -> None:
    made = await source_of(entra(sim)).fetch()
    assert (made.lives_s, made.renew_in_s) == (3600, 3000)
    headers = made.proof.headers(Outgoing("POST", "/", "h", True, {}, b""))
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}
    url = f"{sim.url}/azure/openai/v1/chat/completions"
    answer = posted(url, json.dumps(body).encode(), headers)
    assert answer.status_code == 200, answer.text


async def test_entras_refusals_are_told_by_number(sim: Running) -> None:
    with pytest.raises(CredentialError, match="status 401, AADSTS7000215") as told:
        await source_of(entra(sim, secret="wrong-secret")).fetch()
    assert "wrong-secret" not in str(told.value)
    with pytest.raises(CredentialError, match="status 400, AADSTS90002"):
        await source_of(entra(sim, tenant="nobody.test")).fetch()
    away = replace(entra(sim), token_url="http://127.0.0.1:9/token")
    with pytest.raises(CredentialError, match="no answer: ConnectError"):
        await source_of(away).fetch()


async def test_a_token_endpoint_that_fails_or_says_nonsense_is_told(sim: Running) -> None:
    path = f"/entra/{known.TENANT}/oauth2/v2.0/token"
    sim.queue({"error": {"status": 503}}, {"html": True}, match={"path": path})
    with pytest.raises(CredentialError, match="status 503"):
        await source_of(entra(sim)).fetch()
    with pytest.raises(CredentialError, match="gave no token"):
        await source_of(entra(sim)).fetch()
