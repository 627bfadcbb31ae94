"""A report for people: tables in the terminal, and the page docs/benchmarks.md."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.report import Figure, Report, Section, Verdict

_COLOURS = {Verdict.OK: "green", Verdict.OVER: "red", Verdict.NONE: ""}
NOTHING = "·"


def number(value: float | None, unit: str) -> str:
    """A value as people read it, with its unit."""
    if value is None:
        return NOTHING
    match unit:
        case "us":
            return f"{value / 1000:.2f} ms" if abs(value) >= 1000 else f"{value:.0f} µs"
        case "bytes":
            size = abs(value) / 1024
            return f"{value / 1024**2:.1f} MB" if size >= 1024 else f"{value / 1024:.1f} KB"
        case "per_s":
            return f"{value:.0f}/s"
        case _:
            return f"{value:.1f}"


def cells(section: Section, figure: Figure) -> list[str]:
    """One row as text, in the order of `headings`."""
    row = [figure.what]
    row += [number(figure.values.get(column), figure.unit) for column in section.columns]
    if section.ratio:
        row.append(_ratio(figure))
    return [*row, figure.budget.text if figure.budget else "", figure.verdict.value]


def headings(section: Section) -> list[str]:
    ratio = [section.ratio] if section.ratio else []
    return ["", *section.columns, *ratio, "budget", "verdict"]


def to_terminal(report: Report, console: Console) -> None:
    """Every section as a table, then what did not work."""
    for name, value in report.machine.items():
        console.print(f"[dim]{name}:[/] {value}")
    for section in report.sections:
        table = Table(title=section.title, title_justify="left", title_style="bold")
        for place, heading in enumerate(headings(section)):
            table.add_column(heading, justify="right" if place else "left")
        for figure in section.rows:
            row = cells(section, figure)
            row[-1] = f"[{_COLOURS[figure.verdict]}]{row[-1]}[/]" if row[-1] else ""
            table.add_row(*row)
        console.print()
        console.print(table)
        for note in section.notes:
            console.print(f"  {note}", style="dim", markup=False)
    console.print(f"\n{report.requests} requests, {report.failed} failed")
    for problem in report.problems:
        console.print(problem, style="yellow", markup=False)


def to_markdown(report: Report) -> str:
    """The page. Nobody edits it by hand: it says which command writes it."""
    lines = [
        "# Benchmarks",
        "",
        "Written by the command below, and only by it. Every figure is CPU time, memory or latency "
        "of one run on one machine; what carries over to another machine is the ratios.",
        "",
        f"- command: `{report.command}`",
        *(f"- {name}: {value}" for name, value in report.machine.items()),
        f"- requests: {report.requests}, failed: {report.failed}",
    ]
    for section in report.sections:
        lines += ["", f"## {section.title}", ""]
        names = headings(section)
        lines += [_line(names), _line(["---", *["---:"] * (len(names) - 1)])]
        lines += [_line(cells(section, figure)) for figure in section.rows]
        lines += ["", *(f"{note}\n" for note in section.notes)] if section.notes else []
    if report.problems:
        lines += ["", "## What did not run", "", *(f"- {line}" for line in report.problems)]
    return "\n".join(lines).rstrip("\n") + "\n\n" + METHOD


def _ratio(figure: Figure) -> str:
    if figure.ratio is None:
        return NOTHING
    unrest = f" ±{figure.spread:.2f}" if figure.spread else ""
    return f"{figure.ratio:.2f}{unrest}"


def _line(columns: Sequence[str]) -> str:
    return "| " + " | ".join(column.replace("|", "/") for column in columns) + " |"


METHOD = """\
## How it is measured

- **The floor** (`bench/floor.py`) is the same Envoy binary on the same rendered configuration, with
  an external processor that decides nothing: it sends each request to a cluster and echoes each
  piece of the answer. A Python processor on this configuration and on gRPC's own library costs no
  less.
- **The gateway** runs whole: key check, admission in Redis, settlement in Redis, the writer that
  brings usage records into SQL, metrics, access log.
- **The upstream** (`bench/upstream.py`) answers canned bytes. Each of a stream's 53 events leaves
  in a write of its own; what Envoy reads together becomes one chunk, so the number of chunks is
  counted by Envoy and not assumed.
- **CPU per request** is user plus system time of the named processes, children included, divided
  by the requests of a round; nothing is subtracted. A **streamed chunk** is what a stream costs
  more than a whole answer, divided by the messages that it takes more.
- Sides take turns in short rounds; a **ratio** is the median of the quotients of rounds that ran
  beside each other, ± half their interquartile range.
- **Added latency** is the time through Envoy and the processor minus the time straight to the
  upstream, with one connection. The first token is the first piece that a person could read.
- Absolute times hold for the machine above, with whatever else ran on it.
"""
