"""404 and 405 that help: what the path probably was meant to be.

The doors of the protocols are served (and forgiven) elsewhere; what arrives here and is unknown is
a bare prefix taken for an endpoint, or simply wrong.
"""

from portal.dialects import PREFIXES, VERSIONS, Dialect, action_of

ENDPOINTS = (
    "POST /v1/messages",
    "POST /v1/chat/completions",
    "POST /v1/responses",
    "POST /v1beta/models/{model}:generateContent",
    "POST /v1/images/generations",
    "POST /v1/embeddings",
    "POST /v1/convert",
    "GET /v1/models",
    "GET /v1/usage/{request_id}",
)
_BEHIND: dict[Dialect, tuple[str, ...]] = {
    Dialect.ANTHROPIC: ("/v1/messages",),
    Dialect.OPENAI: ("/v1/chat/completions", "/v1/responses"),
    Dialect.GEMINI: ("/v1beta/models/{model}:generateContent",),
}


def no_such_path(path: str) -> str:
    """What to say about a path that opens nothing. Repeats nothing that the caller made up."""
    segments = [segment for segment in path.split("/") if segment]
    if segments and len(segments) <= 2 and PREFIXES.keys() | VERSIONS >= set(segments):
        return _bare(segments)
    if segments and action_of(segments[-1]):
        return "Methods of a model take POST."
    return f"There is no such path here. The endpoints are {', '.join(ENDPOINTS)}; see /docs."


def _bare(segments: list[str]) -> str:
    prefix = f"/{segments[0]}" if segments[0] in PREFIXES else ""
    if prefix:
        behind = _BEHIND[PREFIXES[segments[0]]]
    else:
        behind = _BEHIND[Dialect.GEMINI if segments[0] != "v1" else Dialect.OPENAI]
    paths = " or ".join(prefix + path for path in behind)
    return (
        f"/{'/'.join(segments)} is a prefix, not an endpoint. The full path is {paths}; as base "
        "URL in a client it is right where the client adds the rest."
    )


def wrong_method(method: str, allowed: str) -> str:
    """What to say about a method that a path does not take."""
    shown = method if method.isalpha() and len(method) <= 20 else "this method"
    return f"This path does not take {shown}; it takes {allowed}."
