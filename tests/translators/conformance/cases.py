"""The cases: one request for each feature and client protocol, as files."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from translators.protocol import Protocol, discover

HERE = Path(__file__).parent
REQUESTS = HERE / "requests"
PROTOCOLS = [discover()[name] for name in sorted(discover())]

# Requests that a caller's own provider refuses, though clients do send them, and why.
REFUSED_AT_HOME = {
    "duplicate_tools": "a tool is declared twice",
    "foreign_seal_history": "seals of other providers, carried in the client's opaque fields",
    "orphan_results": "the calls were trimmed from the history, their results were not",
    "reasoning_history_without_seal": "an item that is not stored",
    "unanswered_call": "the user went on before the tool had answered",
    "unknown_block": "a part that nobody documents",
    "unknown_fields": "fields that nobody documents",
    "unsigned_reasoning_history": "reasoning of an upstream that signs nothing",
}

# Gemini names the model in the path. What its cases are sent to:
GEMINI_MODEL = "gemini-2.5-flash"
GEMINI_MODELS = {"web_search_with_tools": "gemini-3.1-pro-preview"}


class Case(NamedTuple):
    """One request of a client, by the feature that it is about."""

    protocol: str
    feature: str

    @property
    def path(self) -> Path:
        return REQUESTS / self.protocol / f"{self.feature}.json"

    @property
    def json(self) -> Any:
        """Numbers beyond 64 bits stay whole."""
        return json.loads(self.path.read_text("utf-8"))

    @property
    def body(self) -> bytes:
        """As a client sends it."""
        return json.dumps(self.json, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def model(self) -> str:
        return str(self.json.get("model", GEMINI_MODELS.get(self.feature, GEMINI_MODEL)))


def cases(protocol: str | None = None) -> list[Case]:
    """All cases, of one client protocol or of every one."""
    return [
        Case(path.parent.name, path.stem)
        for path in sorted(REQUESTS.glob("*/*.json"))
        if protocol in (None, path.parent.name)
    ]


def label(case: Case) -> str:
    return f"{case.protocol}/{case.feature}"


def others(name: str) -> list[Protocol]:
    """Every protocol but this one."""
    return [protocol for protocol in PROTOCOLS if protocol.name != name]
