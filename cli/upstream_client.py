"""Requests from the command line to a provider, as the gateway would send them, and what their
answers mean in words.

The way is the gateway's own: its address, base path, key header, further headers and trust store,
and no proxy of the environment, because Envoy uses none. A credential never reaches a finding:
messages of providers are taken from the decoders, which strike such things out, and the credential
itself is struck out once more.
"""

import importlib.metadata
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from catalog import Account, Catalog, Provider
from catalog.surfaces import CHAT_SURFACES, Surface, home
from cli.output import OperatorError
from translators.canonical.failure import Failure, Kind
from translators.protocol import Protocol, discover

ANTHROPIC_VERSION = "2023-06-01"
MODEL_LIST = "model list"


class Verdict(StrEnum):
    """What is wrong, if anything."""

    OK = "ok"
    SLOW = "slow"
    SKIPPED = "skipped"
    DNS = "dns"
    CONNECTION_REFUSED = "connection_refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    NOT_TLS = "not_tls"
    TIMEOUT = "timeout"
    WRONG_KEY = "wrong_key"
    FORBIDDEN = "forbidden"
    NO_CREDIT = "no_credit"
    RATE_LIMITED = "rate_limited"
    WRONG_PATH = "wrong_path"
    WRONG_PROTOCOL = "wrong_protocol"
    UNKNOWN_MODEL = "unknown_model"
    REQUEST_REFUSED = "request_refused"
    UPSTREAM_ERROR = "upstream_error"


# Nobody will be reached on another path or with another question either.
UNREACHED = frozenset(
    {
        Verdict.DNS,
        Verdict.CONNECTION_REFUSED,
        Verdict.UNREACHABLE,
        Verdict.TLS,
        Verdict.NOT_TLS,
        Verdict.TIMEOUT,
    }
)
WELL = frozenset({Verdict.OK, Verdict.SLOW, Verdict.SKIPPED})

EXIT_CODES: Mapping[Verdict, int] = {
    **dict.fromkeys(WELL, 0),
    **dict.fromkeys(UNREACHED, 3),
    Verdict.WRONG_KEY: 4,
    Verdict.FORBIDDEN: 4,
    Verdict.NO_CREDIT: 5,
    Verdict.RATE_LIMITED: 5,
    Verdict.WRONG_PATH: 6,
    Verdict.WRONG_PROTOCOL: 6,
    Verdict.UNKNOWN_MODEL: 6,
    Verdict.REQUEST_REFUSED: 6,
    Verdict.UPSTREAM_ERROR: 7,
}

_BY_KIND: Mapping[Kind, tuple[Verdict, str]] = {
    Kind.AUTHENTICATION: (Verdict.WRONG_KEY, "The key is not accepted."),
    Kind.PERMISSION: (Verdict.FORBIDDEN, "The key may not do this, or is wrong."),
    Kind.CREDIT: (Verdict.NO_CREDIT, "The account has no credit."),
    Kind.RATE_LIMITED: (Verdict.RATE_LIMITED, "The key works, but its rate limit is reached."),
}
_PATH_WORDS = re.compile(r"\burl\b|\bpath\b|\broute\b|cannot (?:get|post)|no such endpoint", re.I)
_MODEL_WORDS = re.compile(r"\bmodels?\b", re.I)
_UNKNOWN_WORDS = re.compile(
    r"not (?:been )?found|not exist|unknown|invalid|not supported|no longer|not available", re.I
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One request and what came of it. `words` hold no secret."""

    step: str  # the model list, or the surface
    url: str
    verdict: Verdict
    words: str
    status: int | None = None
    ms: int | None = None
    model: str | None = None

    @property
    def well(self) -> bool:
        return self.verdict in WELL


@dataclass(frozen=True, slots=True)
class Question:
    """A request to send. `model` is the provider's name of what is asked."""

    step: str
    method: str
    path: str
    surface: Surface
    body: Mapping[str, Any] | None = None
    model: str | None = None


def accounts_named(catalog: Catalog, name: str) -> list[Account]:
    """The account of that name, else all of the provider's; empty: there is neither."""
    if name in catalog.accounts:
        return [catalog.accounts[name]]
    return [account for account in catalog.accounts.values() if account.provider == name]


class Upstream:
    """A provider by one of its accounts. `timeout_s` bounds the wait for each part of an answer."""

    def __init__(self, provider: Provider, account: Account, timeout_s: float) -> None:
        self.provider = provider
        self.account = account
        self.address = account.own_address(provider) or provider.address
        self._timeout_s = timeout_s
        self._secret = account.credential.get_secret_value() if account.credential else None
        self._client = httpx.Client(
            timeout=timeout_s, trust_env=False, verify=self._trust(), follow_redirects=False
        )

    def __enter__(self) -> "Upstream":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def home(self) -> Surface:
        return home(self.provider.surfaces)

    def path_of(self, surface: Surface, rest: str) -> str:
        return self.address.prefix + self.account.base_path(self.provider, surface) + rest

    def url(self, path: str) -> str:
        scheme = "https" if self.address.tls else "http"
        return f"{scheme}://{self.address.authority}{path}"

    def ask(self, question: Question) -> tuple[Finding, Any]:
        """What came of it, and the answer's JSON; None unless all is well."""
        begun = time.monotonic()
        try:
            response = self._client.request(
                question.method,
                self.url(question.path),
                json=question.body,
                headers=self._headers(question),
                extensions=self._extensions(),
            )
        except httpx.TransportError as error:
            verdict, words = self._unreached(error)
            return self._finding(question, verdict, words, begun), None
        verdict, words, value = self._judge(question, response)
        finding = self._finding(question, verdict, words, begun, response.status_code)
        return finding, value

    def _finding(
        self,
        question: Question,
        verdict: Verdict,
        words: str,
        begun: float,
        status: int | None = None,
    ) -> Finding:
        return Finding(
            step=question.step,
            url=self.url(question.path.partition("?")[0]),
            verdict=verdict,
            words=words.replace(self._secret, "***") if self._secret else words,
            status=status,
            ms=round((time.monotonic() - begun) * 1000),
            model=question.model,
        )

    # --------------------------------------------------------------------------- the request

    def _headers(self, question: Question) -> dict[str, str]:
        own = {name: value.get_secret_value() for name, value in self.provider.headers.items()}
        surface = None if question.step == MODEL_LIST else question.surface
        auth = self.provider.auth_header(self.account.credential, surface)
        version = {"anthropic-version": ANTHROPIC_VERSION}
        return {
            "user-agent": f"clavis/{importlib.metadata.version('clavis')}",
            **(version if question.surface == "anthropic" else {}),
            **own,
            **({auth[0]: auth[1]} if auth else {}),
        }

    def _extensions(self) -> dict[str, Any]:
        name = self.provider.tls.server_name
        return {"sni_hostname": name} if name else {}

    def _trust(self) -> ssl.SSLContext:
        """Envoy's: the system's store, or the file alone. Raises OperatorError."""
        file = self.provider.tls.ca_file
        if file is None:
            return ssl.create_default_context()
        try:
            return ssl.create_default_context(cafile=file)
        except OSError as error:
            raise OperatorError(f"tls.ca_file {file} cannot be used: {error.strerror}.") from None

    # ---------------------------------------------------------------------------- the answer

    def _unreached(self, error: httpx.TransportError) -> tuple[Verdict, str]:
        host = self.address.authority
        for cause in _causes(error):
            match cause:
                case socket.gaierror():
                    return Verdict.DNS, f"DNS knows no {self.address.host}."
                case ssl.SSLCertVerificationError():
                    return Verdict.TLS, f"Its certificate is not accepted: {cause.verify_message}."
                case ssl.SSLError():
                    return Verdict.NOT_TLS, f"{host} does not speak TLS. Is it http://?"
                case ConnectionRefusedError():
                    return Verdict.CONNECTION_REFUSED, f"Nobody listens at {host}."
        match error:
            case httpx.ConnectTimeout():
                return Verdict.UNREACHABLE, f"{host} cannot be reached."
            case httpx.TimeoutException():
                return Verdict.TIMEOUT, f"No answer within {self._timeout_s:g} seconds."
            case httpx.RemoteProtocolError() if not self.address.tls:
                return Verdict.WRONG_PROTOCOL, f"{host} does not speak HTTP. Is it https://?"
            case _:
                return Verdict.UNREACHABLE, f"{host} ended the connection."

    def _judge(self, question: Question, response: httpx.Response) -> tuple[Verdict, str, Any]:
        status = response.status_code
        if response.is_redirect:
            return Verdict.WRONG_PATH, f"It redirects elsewhere ({status}).", None
        try:
            value = response.json()
        except ValueError:
            value = None
        if response.is_success and value is None:
            return Verdict.WRONG_PROTOCOL, "It answers, but not in JSON.", None
        if response.is_success and not _is_error(value):
            return Verdict.OK, "", value
        protocol = _protocol(question.surface)
        told = 502 if response.is_success else status
        failure = protocol.decode_failure(told, dict(response.headers), response.content)
        verdict, words = _of_failure(failure, status, question.model)
        said = failure.message.strip() if value is not None else ""
        return verdict, f"{words} It says: {said}" if said else words, None


def _protocol(surface: Surface) -> Protocol:
    """Whose errors are spoken there: embeddings and images speak as their maker's chat does."""
    if surface in CHAT_SURFACES:
        return discover()[surface]
    return discover()["gemini" if surface == "gemini_embeddings" else "openai_chat"]


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _is_error(value: Any) -> bool:
    """Whether a 200 tells of an error, as some providers do."""
    if not isinstance(value, dict):
        return False
    inner = value.get("base_resp")
    code = inner.get("status_code") if isinstance(inner, dict) else None
    return bool(value.get("error")) or value.get("type") == "error" or bool(code)


def _of_failure(failure: Failure, status: int, model: str | None) -> tuple[Verdict, str]:
    if failure.kind in _BY_KIND:
        return _BY_KIND[failure.kind]
    if status in (404, 405) or failure.kind is Kind.NOT_FOUND:
        if model is not None and _means_model(failure, model):
            return Verdict.UNKNOWN_MODEL, f"It does not know the model {model}."
        return Verdict.WRONG_PATH, "There is no such path: is the base URL or base path right?"
    if failure.kind is Kind.INVALID_REQUEST:
        if model is not None and _means_model(failure, model) and _says_unknown(failure):
            return Verdict.UNKNOWN_MODEL, f"It does not know the model {model}."
        return Verdict.REQUEST_REFUSED, f"It refuses the question ({status})."
    return Verdict.UPSTREAM_ERROR, f"It fails by itself ({status})."


def _means_model(failure: Failure, model: str) -> bool:
    if failure.kind is Kind.NOT_FOUND and failure.code is not None:
        return "model" in failure.code or failure.code.isdigit()
    message = failure.message
    if _PATH_WORDS.search(message):
        return False
    return model in message or _MODEL_WORDS.search(message) is not None


def _says_unknown(failure: Failure) -> bool:
    return _UNKNOWN_WORDS.search(failure.message) is not None
