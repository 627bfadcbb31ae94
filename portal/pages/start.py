"""The start page: what this is, the base URL of each tool, where the doors are."""

import re
from html import escape
from string import Template

from catalog import Catalog
from portal.pages.frame import code, read, row

# Tool, where its base URL is set, what stands behind the host.
TOOLS = (
    ("Claude Code, Claude Agent SDK", "ANTHROPIC_BASE_URL", "/api"),
    ("Cline, Aider (Anthropic)", "base URL", "/api"),
    ("Anthropic SDKs", "base_url", ""),
    ("OpenAI SDKs, DeepSeek-TUI", "OPENAI_BASE_URL", "/openai/v1"),
    ("Codex CLI", "base_url of a model provider", "/openai"),
    ("Cherry Studio, LobeHub, Chatbox", "API host (OpenAI)", "/v1"),
    ("Gemini CLI, Google Gen AI SDKs", "GOOGLE_GEMINI_BASE_URL", "/gemini"),
    ("OpenCode (google provider)", "baseURL", "/gemini/v1beta"),
)
_ANTHROPIC = "/api, /claude, /anthropic"
DOORS = (
    ("Anthropic Messages", "POST /v1/messages", _ANTHROPIC),
    ("Anthropic token counting", "POST /v1/messages/count_tokens", _ANTHROPIC),
    ("OpenAI Chat Completions", "POST /v1/chat/completions", "/openai"),
    ("OpenAI Responses", "POST /v1/responses", "/openai"),
    ("Google Gemini", "POST /v1beta/models/{model}:generateContent", "/gemini"),
    ("Google Gemini, streamed", "POST /v1beta/models/{model}:streamGenerateContent", "/gemini"),
    ("OpenAI Images", "POST /v1/images/generations, /v1/images/edits", "/openai"),
    ("OpenAI Embeddings", "POST /v1/embeddings", "/openai"),
    ("Dry run of a conversion", "POST /v1/convert", f"/openai, {_ANTHROPIC}, /gemini"),
    ("Models", "GET /v1/models", f"/openai, {_ANTHROPIC}; /v1beta/models, /gemini/v1beta/models"),
    ("Usage", "GET /v1/usage/{request_id}, /v1/usage", f"/openai, {_ANTHROPIC}"),
)

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_START = Template(read("start.html"))


def content(base: str) -> str:
    """The page's content for an origin, https://api.example.com."""
    return _START.substitute(
        base=escape(base),
        tools="\n".join(
            row(escape(tool), code(how), code(base + path)) for tool, how, path in TOOLS
        ),
        doors="\n".join(row(escape(what), code(door), code(also)) for what, door, also in DOORS),
    )


def origin(scheme: str, host: str, catalog: Catalog | None) -> str:
    """The origin to show: the one that was asked where it is plausible and serves the API, else the
    first declared domain that does. The Host header is anybody's text."""
    declared = (
        [domain.name for domain in catalog.domains if domain.kind == "api"] if catalog else []
    )
    names = [name for name in declared if not name.startswith("*.")]
    if _HOST.fullmatch(host) and (not names or _name_of(host) not in _portals(catalog)):
        return f"{scheme}://{host}"
    return f"https://{names[0]}" if names else f"{scheme}://localhost"


def _portals(catalog: Catalog | None) -> set[str]:
    domains = catalog.domains if catalog else ()
    return {domain.name for domain in domains if domain.kind == "portal"}


def _name_of(host: str) -> str:
    return host.lower() if host.startswith("[") else host.lower().partition(":")[0]
