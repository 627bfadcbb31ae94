"""The documentation as data: pages, their code blocks, links, headings and table rows.

A block is what stands between fences, with the language of its first line. Rows and headings are
looked for outside of blocks, so that an example is never taken for a description.
"""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.test_house import ROOT, tracked

_FENCE = re.compile(r"^(`{3,})(\w*)\s*$")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `line` is that of its opening fence, from 1."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file, by its path from the root of the repository."""

    name: str
    text: str
    prose: str  # without the blocks
    blocks: tuple[Block, ...]

    @property
    def directory(self) -> Path:
        return (ROOT / self.name).parent

    @property
    def links(self) -> list[str]:
        return _LINK.findall(re.sub(r"`[^`\n]*`", "", self.prose))

    @property
    def headings(self) -> list[str]:
        found = (_HEADING.match(line) for line in self.prose.splitlines())
        return [match[1] for match in found if match]

    @property
    def anchors(self) -> set[str]:
        """What a link's fragment may say, as the usual renderers make it of a heading."""
        kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in self.headings)
        return {heading.replace(" ", "-") for heading in kept}

    def rows(self) -> list[list[str]]:
        """Every table row as its cells, without the lines under the headings."""
        lines = [line.strip() for line in self.prose.splitlines()]
        cells = [_cells(line) for line in lines if line.startswith("|") and line.endswith("|")]
        return [row for row in cells if not all(set(cell) <= set("-: ") for cell in row)]

    def first_cells(self) -> set[str]:
        """What the tables describe: their first cells, bare of code marks."""
        return {row[0].replace("`", "") for row in self.rows()}


def _cells(line: str) -> list[str]:
    parts = re.split(r"(?<!\\)\|", line[1:-1])
    return [part.strip().replace("\\|", "|") for part in parts]


def parse(name: str, text: str) -> Page:
    """A page from its text."""
    blocks: list[Block] = []
    prose: list[str] = []
    fence, language, begun, inside = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        match = _FENCE.match(line)
        if fence and line.strip() == fence:
            blocks.append(Block(name, begun, language, "\n".join(inside) + "\n"))
            fence = ""
        elif fence:
            inside.append(line)
        elif match:
            fence, language, begun, inside = match[1], match[2], number, []
        else:
            prose.append(line)
    assert not fence, f"{name}:{begun}: a block that does not end"
    return Page(name, text, "\n".join(prose), tuple(blocks))


@cache
def pages() -> tuple[Page, ...]:
    """Every Markdown file of the repository."""
    paths = sorted(tracked(".md"))
    return tuple(parse(p.relative_to(ROOT).as_posix(), p.read_text("utf-8")) for p in paths)


def page(name: str) -> Page:
    """One page, such as docs/cli.md."""
    return next(found for found in pages() if found.name == name)


def manual() -> tuple[Page, ...]:
    """What users read: the README, the changelog and docs/."""
    return tuple(p for p in pages() if "/" not in p.name or p.name.startswith("docs/"))


def blocks(*languages: str) -> list[Block]:
    """The manual's blocks in these languages."""
    return [block for p in manual() for block in p.blocks if block.language in languages]


def commands(block: Block) -> list[list[str]]:
    """The simple commands of a shell block as words, without comments, assignments and pipes."""
    found = []
    for words in _lines(block.text.replace("\\\n", " ")):
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        end = next((i for i, w in enumerate(words) if w in ("|", ">", "&&", ";", "&")), None)
        if words:
            found.append(words[:end])
    return found


def _lines(text: str) -> list[list[str]]:
    """Each command's words; a quotation may run over several lines."""
    found, pending = [], ""
    for line in text.splitlines():
        pending += line + "\n"
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:
            continue
        found.append(words)
        pending = ""
    assert not pending, text
    return found


def clavis_arguments(words: list[str]) -> list[str] | None:
    """What follows `clavis` in a command; None for another program."""
    return words[1:] if words and words[0].split("/")[-1] == "clavis" else None
