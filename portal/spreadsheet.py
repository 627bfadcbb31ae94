"""Rows as CSV for spreadsheets: RFC 4180, a heading, one row for each entry.

A cell that a spreadsheet could take for a formula gets an apostrophe before it: names and reasons
come from people. Some spreadsheets skip white space before they look, and none of them should be
handed control characters of a caller's.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

# https://owasp.org/www-community/attacks/CSV_Injection, full-width signs included
_FORMULA = re.compile(r"\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|[\t\r\n\x00]")


def write_csv(
    file: TextIO,
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    line_end: str = "\r\n",
    *,
    heading: bool = True,
) -> None:
    """The heading, unless it was written before, and the rows. Absent is an empty cell."""
    writer = csv.writer(file, lineterminator=line_end)
    if heading:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: object) -> object:
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value
