"""The pages: complete without anything from elsewhere, safe, and true."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from portal.pages import start
from tests.portal.conftest import World


class Seen(HTMLParser):
    """What a page refers to, what of it could run, and the text in its <code> elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.risky: list[str] = []
        self.code: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.links.append(value or "")
            elif name == "id":
                self.ids.add(value or "")
            elif name == "style" or name.startswith("on"):
                self.risky.append(f"{tag} {name}")
        if tag in ("script", "style", "iframe", "object", "base"):
            self.risky.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "code":
            self.code.append(data)


PAGES = ("/", "/docs")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_allows_nothing_but_its_own_origin_and_no_frame(
    world: World, path: str
) -> None:
    answer = await world.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_well_formed_and_has_no_script_and_no_inline_style(
    world: World, path: str
) -> None:
    seen = Seen((await world.get(path)).text)
    assert seen.open == []
    assert seen.risky == []


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_leads_somewhere_here(world: World, path: str) -> None:
    seen = Seen((await world.get(path)).text)
    assert len(seen.links) > 5
    for link in seen.links:
        page, _, anchor = link.partition("#")
        assert not re.match(r"[a-z]+:|//", link), "nothing from elsewhere"
        if page:
            assert (await world.get(page)).status_code == 200, link
        else:
            assert anchor in seen.ids, link


async def test_the_start_page_names_the_base_url_of_each_tool_and_every_door(
    world: World,
) -> None:
    answer = await world.client.get("/", headers={"x-forwarded-proto": "https"})
    code = Seen(answer.text).code
    for path in ("/api", "/openai", "/openai/v1", "/gemini", "/gemini/v1beta", "/v1", ""):
        assert f"https://api.example.com{path}" in code
    for door in ("POST /v1/messages", "POST /v1/chat/completions", "POST /v1/responses"):
        assert door in code
    for tool in ("Claude Code", "Codex CLI", "Gemini CLI", "OpenCode", "Aider", "DeepSeek-TUI"):
        assert tool in answer.text


HOSTS = (
    ("localhost:8080", "http://localhost:8080/api"),
    ("[::1]:8080", "http://[::1]:8080/api"),
    ("probe.example.com", "https://api.example.com/api"),
    ("PROBE.example.com:443", "https://api.example.com/api"),
    ("<script>alert(1)</script>", "https://api.example.com/api"),
    ("a'onclick='x", "https://api.example.com/api"),
    ("", "https://api.example.com/api"),
)


async def test_the_host_is_shown_only_where_it_is_plausible(world: World) -> None:
    for host, shown in HOSTS:
        answer = await world.client.get("/", headers={"host": host})
        assert shown in Seen(answer.text).code, host
        assert "<script" not in answer.text
        assert "onclick" not in answer.text


def test_without_a_catalog_and_a_host_the_page_still_has_an_address() -> None:
    assert start.origin("http", "", None) == "http://localhost"


@pytest.mark.parametrize("proto", ["gopher", "https://evil", ""])
async def test_only_http_and_https_are_schemes(world: World, proto: str) -> None:
    answer = await world.client.get("/", headers={"x-forwarded-proto": proto})
    assert "http://api.example.com/api" in Seen(answer.text).code


async def test_the_api_page_shows_every_path_and_shape_of_the_document(world: World) -> None:
    document = world.app.openapi()
    seen = Seen((await world.get("/docs")).text)
    assert set(document["paths"]) <= set(seen.code)
    assert set(document["components"]["schemas"]) <= seen.ids


async def test_parts_of_pages_may_be_cached(world: World) -> None:
    style = await world.get("/portal/style.css")
    icon = await world.get("/favicon.ico")
    assert style.headers["content-type"].startswith("text/css")
    assert icon.headers["content-type"].startswith("image/svg+xml")
    assert "max-age" in style.headers["cache-control"]


def test_files_beside_the_pages_are_used_by_them() -> None:
    folder = Path(start.__file__).parent
    used = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    for path in folder.iterdir():
        if path.suffix in (".html", ".css", ".svg"):
            assert f'"{path.name}"' in used
