"""How a command answers: for people by default, for programs with `--json`.

    OperatorError               a mistake that the operator can mend: one line, and the code to exit
    with ├── NotRunning              the gateway of this data directory does not run, and must └──
    AlreadyRunning          it runs already, and must not

1. With `--json` standard output holds one JSON value, an error too: `{"error": {"message",
   "details"}}`.
2. An operator's mistake never shows a traceback; a mistake of ours always does.
"""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from catalog import CatalogError
from cli.supervised import StartFailed
from ledger.errors import LedgerError

P = ParamSpec("P")
R = TypeVar("R")

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


class OperatorError(Exception):
    """Something is wrong that the operator can mend; the message says what and how."""

    def __init__(self, message: str, details: Sequence[str] = (), exit_code: int = 1) -> None:
        super().__init__(message)
        self.details = list(details)
        self.exit_code = exit_code


class NotRunning(OperatorError):
    """Start it with `clavis up`."""


class AlreadyRunning(OperatorError):
    """Stop the other one first, or choose another data directory."""


console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(orjson.dumps(value, default=str, option=options).decode())
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """For commands that tell of things as they happen."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")
    sys.stdout.flush()


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A plain table; None is shown as a dash."""
    made = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        made.add_row(*("-" if cell is None else escape(str(cell)) for cell in row))
    return made


def answers(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an operator's mistake into one clear message and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (OperatorError, CatalogError, LedgerError, StartFailed, ValidationError) as error:
            fail = _as_operator_error(error)
        _report(fail, bool(kwargs.get("json", False)))
        raise typer.Exit(fail.exit_code)

    return wrapped


def _as_operator_error(error: Exception) -> OperatorError:
    match error:
        case OperatorError():
            return error
        case CatalogError():
            return OperatorError("The catalog cannot be used.", error.problems)
        case ValidationError():
            return OperatorError("A setting is wrong.", [_setting(e) for e in error.errors()])
        case StartFailed():
            return OperatorError(f"Could not start: {error}")
        case _:
            return OperatorError(str(error))


def _setting(problem: Any) -> str:
    """The value is left out: a URL may hold a password."""
    name = ".".join(str(step) for step in problem["loc"])
    return f"CLAVIS_{name.upper()} (or its flag): {problem['msg']}"


def _report(error: OperatorError, as_json: bool) -> None:
    if as_json:
        print_json({"error": {"message": str(error), "details": error.details}})
        return
    errors.print(f"[red]error:[/red] {escape(str(error))}")
    for detail in error.details:
        errors.print(f"  {escape(detail)}")
