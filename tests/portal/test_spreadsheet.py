"""CSV that a spreadsheet shows and does not run."""

import csv
import io

import pytest

from portal.spreadsheet import write_csv


def written(value: object) -> str:
    file = io.StringIO()
    write_csv(file, [{"name": value}], ("name", "absent"))
    heading, row = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert heading == ["name", "absent"] and row[1] == ""
    return row[0]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        " =1+1",
        "\n=1",
        "\t=1",
        "\r=1",
        "\u3000=1",
        "\uff1d1",
        "\t",
        "\n",
    ],
)
def test_what_looks_like_a_formula_is_text(text: str) -> None:
    assert written(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", ["gpt-5", "a=b", "", 'say "hi", all', "two\nlines", -5, 3.5, None]
)
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert written(value) == ("" if value is None else str(value))
