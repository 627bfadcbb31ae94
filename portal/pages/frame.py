"""Pages as text: templates beside this file, values escaped, one policy for all of them.

The policy allows this origin alone and no inline script or style; the pages have neither.
"""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from starlette.responses import HTMLResponse, Response

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
_ASSET_HEADERS = {"cache-control": "public, max-age=3600"}


def read(name: str) -> str:
    """The text of a file beside this one."""
    return files("portal.pages").joinpath(name).read_text("utf-8")


_FRAME = Template(read("frame.html"))


def page(
    title: str, content: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A whole page. `title` is text, `content` is HTML."""
    text = _FRAME.substitute(title=escape(title), content=content)
    return HTMLResponse(text, status, headers={**HEADERS, **(headers or {})})


def asset(text: str, media_type: str) -> Response:
    """A style sheet or an image."""
    return Response(text, media_type=media_type, headers=_ASSET_HEADERS)


def row(*cells: str) -> str:
    """A table row of cells that are HTML."""
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def code(text: str) -> str:
    """Text as code."""
    return f"<code>{escape(text)}</code>"
