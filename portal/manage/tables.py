"""The same answers as CSV, for spreadsheets: RFC 4180, UTF-8, a heading, one row for each entry.

A cell that begins like a formula gets an apostrophe before it: names and reasons come from people,
and a spreadsheet would run them.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import Request
from starlette.responses import Response

CSV = "text/csv"
CSV_ANSWER: dict[str, Any] = {"content": {CSV: {"schema": {"type": "string"}}}}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv(request: Request) -> bool:
    """Whether CSV is asked for before JSON."""
    for part in request.headers.get("accept", "").split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in (CSV, "application/json"):
            return kind == CSV
    return False


def csv_answer(
    rows: Iterable[Mapping[str, object]], columns: Sequence[str], next_cursor: str | None = None
) -> Response:
    """Rows as a CSV file; the next page's cursor is a header. Absent is an empty cell."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    more = {} if next_cursor is None else {"x-next-cursor": next_cursor}
    return Response(file.getvalue(), media_type=CSV, headers=more)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
