"""`python -m bench`: measure, print, and write what was asked for.

Exit codes: 0 all requests succeeded, 1 some failed or nothing could be measured. A figure over its
budget is shown, and fails nothing: on a shared machine one run is no verdict.
"""

import argparse
import asyncio
import dataclasses
import os
import sys
import tempfile
from pathlib import Path

import orjson
from rich.console import Console

from bench import profiling, render, suite
from bench.report import Report
from bench.rounds import Unable
from bench.stack import NotReady

WIDTH = 110  # of the tables, in a pipe too


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Flags; PEERS=1 in the environment is the same as --peers."""
    plan = suite.Plan()
    parser = argparse.ArgumentParser(prog="bench", description="CPU, latency, memory, scale.")
    parser.add_argument("--seconds", type=float, help=f"of one round (default {plan.seconds:g})")
    parser.add_argument("--rounds", type=int, help=f"of each side (default {plan.rounds})")
    parser.add_argument("--connections", type=int, help=f"(default {plan.connections})")
    parser.add_argument("--idle-streams", type=int, help=f"(default {plan.idle_streams})")
    parser.add_argument("--short", action="store_true", help="a smoke run; its figures say nothing")
    parser.add_argument("--peers", action="store_true", help="LiteLLM and Portkey too")
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
    parser.add_argument("--write", type=Path, help="a Markdown file, e.g. docs/benchmarks.md")
    parser.add_argument("--profile", action="store_true", help="where a worker's CPU time goes")
    return parser.parse_args(argv)


def plan_of(args: argparse.Namespace) -> suite.Plan:
    """The plan that the flags and the environment ask for."""
    base = suite.SHORT if args.short else suite.Plan()
    names = ("seconds", "rounds", "connections", "idle_streams")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    wanted = args.peers or os.environ.get("PEERS", "") not in ("", "0")
    return dataclasses.replace(base, peers=wanted, **given)


def command_of(args: argparse.Namespace, plan: suite.Plan) -> str:
    """The command that repeats this run."""
    changed = [
        f"--{name.replace('_', '-')} {getattr(args, name)}"
        for name in ("seconds", "rounds", "connections", "idle_streams")
        if getattr(args, name) is not None
    ]
    flags = [*(["--short"] if args.short else []), *(["--peers"] if plan.peers else []), *changed]
    return " ".join(["python -m bench", *flags])


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    plan = plan_of(args)
    console = Console(highlight=False, stderr=args.json, width=WIDTH)
    with tempfile.TemporaryDirectory(prefix="clavis-bench-") as place:
        try:
            if args.profile:
                asyncio.run(profiling.run(plan, Path(place), console))
                return 0
            report = asyncio.run(suite.run(plan, Path(place), command_of(args, plan)))
        except (NotReady, Unable) as error:
            Console(stderr=True, highlight=False).print(str(error), markup=False)
            return 1
    _show(report, args, console)
    return 1 if report.failed else 0


def _show(report: Report, args: argparse.Namespace, console: Console) -> None:
    if args.json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        sys.stdout.write(orjson.dumps(report.to_dict(), option=options).decode())
    else:
        render.to_terminal(report, console)
    if args.write is not None:
        args.write.parent.mkdir(parents=True, exist_ok=True)
        args.write.write_text(render.to_markdown(report))


if __name__ == "__main__":
    sys.exit(main())
