"""The doors: which path opens which protocol, and what is forgiven.

One table lists the doors by the segments after the version. A path is read from the left; if it
is not a door as it stands, leading segments that are themselves words of the doors (a repeated
version, a full endpoint used as base URL, a prefix twice) are skipped until one is, and the
answer carries a hint that says what to fix. A path with any other word in front is not guessed
at: it is 404 with help.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode

if TYPE_CHECKING:
    from catalog import Surface
    from catalog.surfaces import DoorKind

PREFIXES = {
    "api": "anthropic",
    "claude": "anthropic",
    "anthropic": "anthropic",
    "openai": "openai_chat",
    "gemini": "gemini",
}
MAX_PATH = 1024  # characters: the longest model name with room to spare; paths are remembered
MAX_SEGMENTS = 24  # a doubled endpoint has eight; reading a path takes the square of this
VERSIONS = frozenset({"v1", "v1beta", "v1alpha"})
_WORDS = (
    VERSIONS
    | PREFIXES.keys()
    | {"chat", "completions", "messages", "responses", "embeddings", "images", "generations"}
)

_GATES: "dict[str, DoorKind]" = {
    "anthropic": "messages",
    "openai_chat": "chat",
    "openai_responses": "responses",
    "gemini": "generate",
}
_CONVERTIBLE = frozenset(
    {"messages", "chat", "responses", "generate", "count_tokens", "input_tokens", "convert"}
)
_OWN_GATES: "dict[str, DoorKind]" = {"images": "images", "embeddings": "embeddings"}


@dataclass(frozen=True, slots=True)
class Door:
    """One kind of request. `surface` is what an upstream must offer, `protocol` the dialect."""

    kind: str
    methods: tuple[str, ...]
    pattern: tuple[
        str, ...
    ]  # segments after the version; {name} matches one, {name...} all the rest
    surface: "Surface | None"  # None: the portal answers
    protocol: str
    prefixes: tuple[str, ...]  # the documented ones, for hints
    multipart: bool = False
    stored: bool = False  # speaks of an earlier answer, by its id
    free: bool = False  # produces nothing: counting, looking up

    @property
    def convertible(self) -> bool:
        """True when an upstream of another chat protocol may answer."""
        return self.kind in _CONVERTIBLE

    @property
    def gate(self) -> "DoorKind":
        """The kind of door as groups and keys may be limited to it."""
        return _GATES[self.protocol] if self.kind not in _OWN_GATES else _OWN_GATES[self.kind]


@dataclass(frozen=True, slots=True)
class Opened:
    """A door found. `rest` is the upstream path after the version, with `{model}` open."""

    door: Door
    rest: str
    query: str  # without `key`
    query_key: str | None
    model: str | None = None  # where the path names it
    subject: str | None = None  # id of a stored answer
    streamed: bool = False  # where the path says so
    hint: str | None = None
    version: str = "v1"
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class NoDoor:
    """No door here: in which dialect to say so, and what to say. `allow` makes it 405."""

    protocol: str
    message: str
    allow: tuple[str, ...] = ()
    query_key: str | None = None


_OPENAI = ("", "openai")
_ANTHROPIC = ("", "api", "claude", "anthropic")
_GEMINI = ("", "gemini")
_ALL = _OPENAI + _ANTHROPIC[1:] + _GEMINI[1:]

DOORS = (
    Door("messages", ("POST",), ("messages",), "anthropic", "anthropic", _ANTHROPIC),
    Door(
        "count_tokens",
        ("POST",),
        ("messages", "count_tokens"),
        "anthropic",
        "anthropic",
        _ANTHROPIC,
        free=True,
    ),
    Door("chat", ("POST",), ("chat", "completions"), "openai_chat", "openai_chat", _OPENAI),
    Door("responses", ("POST",), ("responses",), "openai_responses", "openai_responses", _OPENAI),
    Door(
        "input_tokens",
        ("POST",),
        ("responses", "input_tokens"),
        "openai_responses",
        "openai_responses",
        _OPENAI,
        free=True,
    ),
    Door(
        "compact",
        ("POST",),
        ("responses", "compact"),
        "openai_responses",
        "openai_responses",
        _OPENAI,
    ),
    Door(
        "stored_response",
        ("GET", "DELETE"),
        ("responses", "{id}"),
        "openai_responses",
        "openai_responses",
        _OPENAI,
        stored=True,
        free=True,
    ),
    Door(
        "stored_response",
        ("POST",),
        ("responses", "{id}", "cancel"),
        "openai_responses",
        "openai_responses",
        _OPENAI,
        stored=True,
        free=True,
    ),
    Door(
        "stored_response",
        ("GET",),
        ("responses", "{id}", "input_items"),
        "openai_responses",
        "openai_responses",
        _OPENAI,
        stored=True,
        free=True,
    ),
    Door(
        "images", ("POST",), ("images", "generations"), "openai_images", "openai_responses", _OPENAI
    ),
    Door(
        "images",
        ("POST",),
        ("images", "edits"),
        "openai_images",
        "openai_responses",
        _OPENAI,
        multipart=True,
    ),
    Door("convert", ("POST",), ("convert",), "openai_chat", "openai_chat", _ALL, free=True),
    Door("embeddings", ("POST",), ("embeddings",), "openai_embeddings", "openai_chat", _OPENAI),
    Door("models", ("GET", "HEAD"), ("models",), None, "openai_chat", _OPENAI + _ANTHROPIC[1:]),
    Door("usage", ("GET", "HEAD"), ("usage",), None, "openai_chat", _OPENAI + _ANTHROPIC[1:]),
    Door(
        "usage", ("GET", "HEAD"), ("usage", "{id}"), None, "openai_chat", _OPENAI + _ANTHROPIC[1:]
    ),
    Door("credits", ("GET", "HEAD"), ("credits",), None, "openai_chat", _OPENAI + _ANTHROPIC[1:]),
    Door(
        "credits", ("POST",), ("credits", "redeem"), None, "openai_chat", _OPENAI + _ANTHROPIC[1:]
    ),
    Door("generate", ("POST",), ("models", "{call...}"), "gemini", "gemini", _GEMINI),
    Door("models", ("GET", "HEAD"), ("models", "{name...}"), None, "openai_chat", _OPENAI),
)

# Gemini's methods: the door kind and the surface an upstream must offer.
ACTIONS: "dict[str, tuple[str, Surface]]" = {
    "generateContent": ("generate", "gemini"),
    "streamGenerateContent": ("generate", "gemini"),
    "countTokens": ("count_tokens", "gemini"),
    "embedContent": ("embeddings", "gemini_embeddings"),
    "batchEmbedContents": ("embeddings", "gemini_embeddings"),
}


def open_door(method: str, target: str) -> Opened | NoDoor:
    """The door behind `target` (path and query as the client sent them)."""
    path, _, query = target.partition("?")
    if len(path) > MAX_PATH or path.count("/") > MAX_SEGMENTS:
        return NoDoor("openai_chat", "The path is too long to be an endpoint.")
    found = _behind(method, path)
    if not query:
        return found
    query, query_key = _without_key(query)
    if isinstance(found, NoDoor):
        return replace(found, query_key=query_key)
    return replace(found, query=query, query_key=query_key)


@lru_cache(maxsize=2048)  # clients repeat their paths; bounded, because they also choose them
def _behind(method: str, path: str) -> Opened | NoDoor:
    tokens = [unquote(token) for token in path.split("/") if token]
    found = _find(method, tokens)
    if isinstance(found, NoDoor):
        return found
    opened, skipped = found
    hint = _hint(opened, path, skipped, tokens)
    return replace(opened, hint=hint) if hint else opened


def _find(method: str, tokens: list[str]) -> tuple[Opened, list[str]] | NoDoor:
    """The first door that a suffix of the path opens, with the tokens in front of it."""
    wrong_method: tuple[str, ...] = ()
    for start in range(len(tokens)):
        if any(token not in _WORDS for token in tokens[:start]):
            break
        prefix, version, segments = _split(tokens[start:])
        for door in DOORS:
            names = _match(door.pattern, segments)
            if names is None:
                continue
            if method not in door.methods:
                if ":" not in names.get("name", ""):
                    wrong_method += door.methods
                continue
            opened = _opened(door, segments, names, version)
            if opened is not None:
                return _for_caller(opened, prefix, tokens), tokens[:start]
    protocol = dialect(tokens)
    wrong_method = tuple(dict.fromkeys(wrong_method))
    if wrong_method:
        message = f"This path does not take {method}; it takes {', '.join(wrong_method)}."
        return NoDoor(protocol, message, allow=wrong_method)
    return NoDoor(protocol, _help(tokens))


def _split(tokens: list[str]) -> tuple[str, str, list[str]]:
    prefix = tokens[0] if tokens and tokens[0] in PREFIXES else ""
    rest = tokens[1:] if prefix else tokens
    if rest and rest[0] in VERSIONS:
        return prefix, rest[0], rest[1:]
    return prefix, "", rest


def _match(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for index, part in enumerate(pattern):
        if part.endswith("...}"):
            if len(segments) <= index:
                return None
            names[part[1:-4]] = "/".join(segments[index:])
            return names
        if index >= len(segments):
            return None
        if part.startswith("{"):
            names[part[1:-1]] = segments[index]
        elif part != segments[index]:
            return None
    return names if len(pattern) == len(segments) else None


def _opened(door: Door, segments: list[str], names: dict[str, str], version: str) -> Opened | None:
    rest = "/" + "/".join(quote(s, safe=":@!$&'()*+,;=-._~") for s in segments)
    if "call" in names:
        return _gemini(door, names["call"], version)
    if names.get("id") in _WORDS or names.get("id") in ("input_tokens", "compact", "cancel"):
        return None
    return Opened(door, rest, "", None, subject=names.get("id"), version=version or "v1")


def _gemini(door: Door, call: str, version: str) -> Opened | None:
    model, colon, action = call.rpartition(":")
    if not colon or action not in ACTIONS or not model:
        return None
    kind, surface = ACTIONS[action]
    model = model.removeprefix("models/")
    return Opened(
        replace(door, kind=kind, surface=surface, free=kind == "count_tokens"),
        f"/models/{{model}}:{action}",
        "",
        None,
        model=model,
        streamed=action == "streamGenerateContent",
        version=version or "v1beta",
    )


def _for_caller(opened: Opened, prefix: str, tokens: list[str]) -> Opened:
    """Shared doors (models, usage) answer in the dialect that the path suggests."""
    if opened.door.surface is not None:
        return opened
    name = dialect(tokens) if prefix or opened.version != "v1" else opened.door.protocol
    return replace(opened, door=replace(opened.door, protocol=name), prefix=prefix)


def dialect(tokens: list[str]) -> str:
    """The protocol that a path suggests, for errors on paths that open nothing."""
    if tokens and tokens[0] in PREFIXES:
        if "responses" in tokens:
            return "openai_responses"
        return PREFIXES[tokens[0]]
    if "messages" in tokens:
        return "anthropic"
    if "v1beta" in tokens or any(token.rpartition(":")[2] in ACTIONS for token in tokens):
        return "gemini"
    return "openai_responses" if "responses" in tokens else "openai_chat"


def portal_path(opened: Opened) -> str:
    """The path under which the portal serves a shared door, without what was forgiven."""
    own = "/openai" if opened.prefix == "openai" else ""
    prefix = {"anthropic": "/anthropic", "gemini": "/gemini"}.get(opened.door.protocol, own)
    version = "v1beta" if opened.door.protocol == "gemini" else "v1"
    query = f"?{opened.query}" if opened.query else ""
    return f"{prefix}/{version}{opened.rest}{query}"


def _without_key(query: str) -> tuple[str, str | None]:
    """Google's clients may send the key in the query: it must not reach logs or upstreams."""
    if "key=" not in query:
        return query, None
    pairs = parse_qsl(query, keep_blank_values=True)
    keys = [value for name, value in pairs if name == "key"]
    if not keys:
        return query, None
    return urlencode([pair for pair in pairs if pair[0] != "key"]), keys[0]


def _hint(opened: Opened, path: str, skipped: list[str], tokens: list[str]) -> str | None:
    """What to fix, when the path was forgiven. Plain ASCII without the caller's own text."""
    wrong = []
    if "//" in path:
        wrong.append("double slash in the path")
    if skipped:
        wrong.append("the base URL repeats part of the path; use the base URL without it")
    elif opened.door.surface is not None or "models" in tokens:
        versions = [token for token in tokens if token in VERSIONS]
        is_codex = tokens[:2] == ["openai", "responses"]
        if not versions and not is_codex:
            wrong.append(f"the version is missing; use /{opened.version} before the endpoint")
    if not wrong:
        return None
    return f"{'; '.join(wrong)}; the full path is {full_path(opened.door, tokens)}"


def full_path(door: Door, tokens: list[str]) -> str:
    """The documented path of a door, with the caller's prefix where it is one of the door's."""
    prefix = next((t for t in tokens if t in door.prefixes), "")
    version = "v1beta" if door.protocol == "gemini" else "v1"
    pattern = "/".join(door.pattern).replace("{call...}", "{model}:generateContent")
    return f"{'/' + prefix if prefix else ''}/{version}/{pattern.replace('...', '')}"


_EXAMPLES = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/{model}:generateContent",
}


def _help(tokens: list[str]) -> str:
    if len(tokens) == 1 and tokens[0] in PREFIXES:
        prefix = tokens[0]
        path = f"/{prefix}{_EXAMPLES[PREFIXES[prefix]]}"
        also = f" or /{prefix}/v1/responses" if prefix == "openai" else ""
        return (
            f"/{prefix} is a prefix, not an endpoint. The full path is {path}{also}; "
            f"as base URL in a client, /{prefix} is right where the client adds the rest."
        )
    paths = ", ".join(f"POST {path}" for path in _EXAMPLES.values())
    return f"There is no such path here. The endpoints are {paths} and GET /v1/models."
