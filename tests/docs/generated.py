"""Parts of the pages that the program writes: tables and diagrams between two markers.

    <!-- generated: name -->
    ...
    <!-- end -->

A test compares every such part with what the program says now. After a change of the program

    python -m tests.docs.generated

writes them anew. Each part is a function here or in tests.docs.reference.
"""

import re
import sys
from collections.abc import Callable, Mapping

from catalog.capabilities import ModelCapabilities, Row, rows
from tests.docs import reference
from tests.docs.pages import Page, manual
from tests.test_house import ROOT
from translators.canonical.effort import BUDGETS, effort_of

_PART = re.compile(r"<!-- generated: ([^>]+?) -->\n(.*?)<!-- end -->", re.DOTALL)


def efforts() -> str:
    """The one table between efforts and budgets, read in both directions."""
    found = []
    least = 1
    for effort, budget in BUDGETS.items():
        assert (effort_of(least), effort_of(budget)) == (effort, effort)
        last = effort is list(BUDGETS)[-1]
        found.append(
            (f"`{effort}`", f"{budget:,}", f"{least:,} {'and more' if last else f'to {budget:,}'}")
        )
        least = budget + 1
    return reference.table(
        ("effort", "as a budget, in tokens", "budgets that are read as it"), found
    )


def capabilities() -> str:
    """Every row of catalog/capabilities.yaml."""
    found = [
        (title, *map(reference.codes, (row.names, row.presets, row.surfaces)), _said(row))
        for title, row in rows().items()
    ]
    headings = ("row", "names", "presets", "surfaces", "what differs")
    return reference.table(headings, found)


def _said(row: Row) -> str:
    """What a row says, in the order of the fields."""
    one = row.capabilities
    said = [name for name in ModelCapabilities.model_fields if name in one.model_fields_set]
    return "; ".join(f"{name}: {_shown(getattr(one, name))}" for name in said)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value) or "all"
    return "its surface's" if value is None else f"{value}"


PARTS: Mapping[str, Callable[[], str]] = {
    "exchange diagram": reference.exchange_diagram,
    "exchange table": reference.exchange_table,
    "arrows": reference.arrows,
    "doors": reference.doors,
    "kinds of failure": reference.kinds_of_failure,
    "presets": reference.presets_table,
    "capabilities": capabilities,
    "efforts": efforts,
    "settings": reference.settings,
    "metrics": reference.metrics,
    **reference.error_parts(),
    **reference.catalog_parts(),
    **reference.command_tables(),
}


def found_in(page: Page) -> dict[str, str]:
    """The generated parts of a page as they stand there, by name."""
    return {match[1]: match[2] for match in _PART.finditer(page.text)}


def rewritten(page: Page) -> str:
    """The page's text with every part as the program says it now."""

    def renew(match: re.Match[str]) -> str:
        return f"<!-- generated: {match[1]} -->\n{PARTS[match[1]]()}\n<!-- end -->"

    return _PART.sub(renew, page.text)


def main() -> None:
    """Renews every page and names those that changed."""
    for page in manual():
        text = rewritten(page)
        if text != page.text:
            (ROOT / page.name).write_text(text, "utf-8")
            sys.stdout.write(f"{page.name}\n")


if __name__ == "__main__":
    main()
