"""The transition table as a Mermaid state diagram, for docs/architecture.md.

`python -m extproc.exchange.diagram` prints it; a test compares it with the page.
"""

import sys

from extproc.exchange.phases import TRANSITIONS, Phase


def mermaid() -> str:
    """One line for each phase and signal, in the table's order."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.OPENED.value}"]
    for phase, exits in TRANSITIONS.items():
        for signal, after in exits.items():
            lines.append(f"    {phase.value} --> {after.value}: {signal.value}")
    lines.append(f"    {Phase.CLOSED.value} --> [*]")
    return "\n".join(lines)


def table() -> str:
    """The same as a Markdown table: the whole life of an exchange on one screen."""
    rows = ["| phase | signal and next phase |", "|---|---|"]
    for phase, exits in TRANSITIONS.items():
        cells = [f"{signal.value} → **{after.value}**" for signal, after in exits.items()]
        rows.append(f"| {phase.value} | {' · '.join(cells) or '(the end)'} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(f"{mermaid()}\n\n{table()}\n")
