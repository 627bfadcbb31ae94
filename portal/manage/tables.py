"""The same answers as CSV, in UTF-8."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import Request
from starlette.responses import Response

from portal.spreadsheet import write_csv

CSV = "text/csv"
CSV_ANSWER: dict[str, Any] = {"content": {CSV: {"schema": {"type": "string"}}}}


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
    write_csv(file, rows, columns)
    more = {} if next_cursor is None else {"x-next-cursor": next_cursor}
    return Response(file.getvalue(), media_type=CSV, headers=more)
