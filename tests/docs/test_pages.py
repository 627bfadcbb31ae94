"""The pages hold together: links lead somewhere, blocks are what they say, prose is neat."""

import json
import subprocess
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

import catalog
from catalog.reading import read
from cli.demo import Demo
from tests.catalog.test_schema import complaints
from tests.docs import generated
from tests.docs.pages import Block, Page, blocks, clavis_arguments, commands, manual, pages
from tests.docs.reference import commands as clavis_commands
from tests.test_house import ROOT

LANGUAGES = {"bash", "json", "mermaid", "python", "text", "yaml", "sh", "console", "ini", "toml"}
MAX_COLUMNS = 115
FREE = ("docs/benchmarks.md", "docs/containers.md", "docs/decisions/")  # as wide as they like
ANY_VALUE = dict.fromkeys(
    ["ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY_2", "OPENAI_API_KEY", "OPENROUTER_API_KEY"], "a-key"
)


def test_there_is_something_to_check() -> None:
    assert len(manual()) > 12
    assert len(blocks("bash")) > 20


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Page) -> None:
    for link in page.links:
        if "://" in link:
            continue
        path, _, fragment = unquote(link).partition("#")
        target = (page.directory / path).resolve() if path else ROOT / page.name
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if fragment:
            name = target.relative_to(ROOT).as_posix()
            found = next(other for other in pages() if other.name == name)
            assert fragment in found.anchors, link


@pytest.mark.parametrize(
    "page", [p for p in manual() if not p.name.startswith(FREE)], ids=lambda page: page.name
)
def test_prose_is_no_wider_than_a_screen(page: Page) -> None:
    wide = [
        line
        for line in page.prose.splitlines()
        if len(line) > MAX_COLUMNS and not line.startswith("|") and "](" not in line
    ]
    assert wide == []


@pytest.mark.parametrize("page", manual(), ids=lambda page: page.name)
def test_generated_parts_are_what_the_program_says(page: Page) -> None:
    """Renew them: python -m tests.docs.generated"""
    for name, text in generated.found_in(page).items():
        assert text == generated.PARTS[name]() + "\n", name


def test_every_generated_part_stands_somewhere() -> None:
    found = [name for page in manual() for name in generated.found_in(page)]
    assert sorted(found) == sorted(generated.PARTS)


def test_every_block_says_its_language() -> None:
    wrong = [str(b) for page in manual() for b in page.blocks if b.language not in LANGUAGES]
    assert wrong == []


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", blocks("bash", "sh"), ids=str)
def test_shell_is_shell(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_catalogs_are_right(block: Block) -> None:
    """A whole catalog is loaded; a part of one is held against the schema."""
    value = yaml.safe_load(block.text)
    if not set(value) <= set(catalog.Catalog.model_fields):
        return  # something else: a compose file, a piece of Envoy's configuration
    if "version" in value:
        loaded = catalog.parse(block.text, ANY_VALUE)
        assert loaded.models
    else:
        assert read(block.text).value
        assert complaints(f"version: 1\n{block.text}") == []


CLAVIS = [
    (block, arguments)
    for block in blocks("bash", "sh")
    for words in commands(block)
    if (arguments := clavis_arguments(words)) is not None
]


@pytest.mark.parametrize(
    ("block", "arguments"), CLAVIS, ids=[f"{b} {' '.join(a)}" for b, a in CLAVIS]
)
def test_clavis_understands_the_commands(block: Block, arguments: list[str]) -> None:
    known = clavis_commands()
    name = next(n for n in (" ".join(arguments[:2]), arguments[0]) if n in known)
    rest = arguments[len(name.split()) :]
    context: Any = known[name].make_context(name, rest)
    assert context.params


def test_the_makefile_has_the_targets() -> None:
    made = [words for b in blocks("bash", "sh") for words in commands(b) if words[0] == "make"]
    targets = {words[1] for words in made if len(words) > 1}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert {"demo", "test"} <= targets
    assert [target for target in targets if f"\n{target}:" not in makefile] == []


def test_the_readme_shows_the_curl_lines_that_the_demo_prints() -> None:
    shown = next(b for b in blocks("bash") if b.page == "README.md" and "curl -N" in b.text)
    demo = Demo(
        http="http://127.0.0.1:8080",
        https="https://127.0.0.1:8443",
        secret="$CLAVIS_KEY",
        ca=ROOT / ".demo" / "tls" / "ca.pem",
        real=(),
    )
    printed = Block("demo", 0, "bash", "\n".join(demo.curls))
    assert [_comparable(c) for c in commands(shown)] == [_comparable(c) for c in commands(printed)]


def _comparable(words: list[str]) -> list[Any]:
    """JSON as its value, and the CA's path as it is in the working directory."""
    short = [word.removeprefix(f"{ROOT}/") for word in words]
    return [json.loads(word) if word.startswith("{") else word for word in short]
