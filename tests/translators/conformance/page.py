"""docs/conformance.md and the tables of docs/losses.md, written from the golden files.

    make conformance

writes them anew; a test holds the pages to the golden files, and those to the translators.
"""

import inspect
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.test_house import ROOT
from tests.translators.conformance.cases import PROTOCOLS, Case, cases
from tests.translators.conformance.golden import GOLDEN, answer_folders
from translators.canonical.loss import LossKind, Neutral

CONFORMANCE = ROOT / "docs" / "conformance.md"
LOSSES = ROOT / "docs" / "losses.md"
START = "<!-- written by make conformance: {} -->\n"
END = "<!-- end of what is written -->"

NAMES = {
    "anthropic": "Anthropic Messages",
    "gemini": "Gemini",
    "openai_chat": "OpenAI Chat Completions",
    "openai_responses": "OpenAI Responses",
}

HEAD = """# Conformance

What becomes of a request, feature by feature, for every protocol of a client and every protocol of
an upstream. The tables are written by `make conformance` from the golden files in
`tests/translators/conformance/golden`, which the tests compare with the translators byte by byte;
nothing here is written by hand.

| word | meaning |
|---|---|
| native | the same protocol: the bytes pass unchanged |
| converted | said in the upstream's own way, nothing is lost |
| converted, adds | nothing is lost; the upstream demands a field that the caller did not send |
| lossy | sent without the named fields, or with them changed; `x-clavis-losses` names them |
| refused | answered with 400: the meaning cannot be kept, and no loss would be honest |

The tables are for an upstream's model that takes everything its protocol knows. A model that takes
less (no sampling parameters, no forced tools) loses more; see [losses](losses.md).
"""

Row = tuple[str, list[str]]


def table(head: Iterable[str], rows: Iterable[Row]) -> str:
    cells = [*head]
    lines = ["| " + " | ".join(cells) + " |", "|" + "---|" * len(cells)]
    lines += [f"| {name} | " + " | ".join(row) + " |" for name, row in rows]
    return "\n".join(lines) + "\n"


def parsed(text: str) -> tuple[str, str]:
    """The field and the kind of a loss as a golden file has it, without its note."""
    field, _, kind = text.partition(": ")[0].rpartition("=")
    return field, kind


def generic(field: str) -> str:
    """The field without the places in lists: turns[3].parts[0] becomes turns[].parts[]."""
    return re.sub(r"\[\d+\]|\.\d+(?=\.|$)", "[]", field)


def cell(outcome: dict[str, Any]) -> str:
    """One outcome in a few words."""
    if "refused" in outcome:
        param = f" (`{outcome['param']}`)" if outcome["param"] else ""
        return f"refused: {outcome['refused']}{param}".replace("|", "\\|")
    if "failed" in outcome:
        return "the failure, told in the client's form"
    found = [parsed(text) for text in outcome["losses"]]
    lost = dict.fromkeys(
        f"`{generic(field)}` {kind}" for field, kind in found if kind != LossKind.ADDED
    )
    added = dict.fromkeys(f"`{generic(field)}`" for field, kind in found if kind == LossKind.ADDED)
    if lost:
        return "lossy: " + ", ".join([*lost, *(f"{field} added" for field in added)])
    return "converted, adds " + ", ".join(added) if added else "converted"


def read(path: Path) -> dict[str, Any]:
    outcome: dict[str, Any] = json.loads(path.read_bytes())
    return outcome


def outcome_of(case: Case, target: str) -> str:
    if target == case.protocol:
        return "native"
    return cell(read(GOLDEN / "requests" / f"{case.protocol}-{target}" / f"{case.feature}.json"))


def answer_of(upstream: str, client: str, recording: str) -> str:
    if client == upstream:
        return "native"
    return cell(read(GOLDEN / "answers" / f"{upstream}-{client}" / f"{recording}.json"))


def request_tables() -> Iterator[str]:
    names = [protocol.name for protocol in PROTOCOLS]
    for client in names:
        rows = [
            (case.feature.replace("_", " "), [outcome_of(case, target) for target in names])
            for case in cases(client)
        ]
        yield f"## Requests of {NAMES[client]} clients\n\n"
        yield table(["feature", *(f"to {NAMES[name]}" for name in names)], rows) + "\n"


def answer_tables() -> Iterator[str]:
    names = [protocol.name for protocol in PROTOCOLS]
    for upstream in names:
        rows = [
            (
                folder.name.replace("_", " "),
                [answer_of(upstream, client, folder.name) for client in names],
            )
            for folder in answer_folders(upstream)
        ]
        yield f"## Answers of {NAMES[upstream]} upstreams\n\n"
        yield table(["recording", *(f"to {NAMES[name]} clients" for name in names)], rows) + "\n"


def conformance() -> str:
    """The whole page."""
    return "\n".join([HEAD, "".join([*request_tables(), *answer_tables()])]).rstrip() + "\n"


def kinds() -> str:
    """The kinds of loss."""
    return explained(LossKind, "kind")


def names() -> str:
    """The neutral names."""
    return explained(Neutral, "name")


def explained(words: type[StrEnum], head: str) -> str:
    """The words of an enumeration, each with what stands beside it in the source."""
    lines = re.findall(r'^    \w+ = "([^"]+)"  # (.+)$', inspect.getsource(words), re.MULTILINE)
    assert [word for word, _ in lines] == [word.value for word in words]
    return table([head, "meaning"], [(f"`{word}`", [meaning]) for word, meaning in lines])


def fields() -> str:
    """Every field that a golden file names as lost, with the kinds and the protocols towards which
    it happens."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for part in ("requests", "answers"):
        for path in GOLDEN.glob(f"{part}/*/*.json"):
            target = NAMES[path.parent.name.split("-")[1]]
            for text in read(path).get("losses", []):
                field, kind = parsed(text)
                found[generic(field)][kind].add(target)
    rows = [
        (f"`{field}`", [f"`{kind}`", ", ".join(sorted(targets))])
        for field, by_kind in sorted(found.items())
        for kind, targets in sorted(by_kind.items())
    ]
    return table(["field", "kind", "towards"], rows)


def losses(text: str) -> str:
    """The page with its tables as they are now."""
    for name, write in (("kinds", kinds), ("names", names), ("fields", fields)):
        start = START.format(name)
        before, _, rest = text.partition(start)
        assert rest, f"docs/losses.md has no part '{name}'"
        text = before + start + "\n" + write() + "\n" + END + rest.partition(END)[2]
    return text


def main() -> None:
    """Writes both pages and names those that changed."""
    for path, text in (
        (CONFORMANCE, conformance()),
        (LOSSES, losses(LOSSES.read_text("utf-8"))),
    ):
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
