"""Verdicts, and the three forms of a report, which must not disagree."""

import io

import pytest
from rich.console import Console

from bench import costs, latency, render
from bench.report import CHUNK, PLAIN, SCALE, Figure, Report, Section, Verdict, judged
from bench.rounds import Form, Round


def a_round(worker: float, messages: float = 5, **other: float) -> Round:
    return Round(
        requests=10,
        failed=0,
        why="",
        per_second=100.0,
        cpu_us={"worker": worker, "envoy": 300.0, **other},
        messages=messages,
        total_us=[1_000, 2_000, 3_000],
        first_us=[500, 600, 700],
    )


def test_at_the_limit_is_within_the_budget() -> None:
    assert [PLAIN.judge(value) for value in (1.8, 1.81)] == [Verdict.OK, Verdict.OVER]


def test_scale_is_a_budget_from_below() -> None:
    assert [SCALE.judge(value) for value in (1.8, 1.79)] == [Verdict.OK, Verdict.OVER]


def test_without_a_value_there_is_no_verdict() -> None:
    assert PLAIN.judge(None) is Verdict.NONE


def dialect() -> Section:
    plain = {
        "floor": [a_round(500), a_round(1_000)],
        "gateway": [a_round(900, redis=50, writer=20), a_round(1_800, redis=50, writer=20)],
    }
    stream = {
        "floor": [a_round(750 + 50 * 80, 55)] * 2,
        "gateway": [a_round(1_350 + 50 * 160, 55, redis=50, writer=20)] * 2,
    }
    return costs.section("Any", plain, stream, Form(1, 2, 8))


def row(section: Section, what: str) -> Figure:
    return next(figure for figure in section.rows if figure.what.startswith(what))


def test_a_whole_answer_is_judged_by_the_pairs_of_rounds() -> None:
    found = row(dialect(), "whole answer: workers")
    assert (found.ratio, found.verdict) == (1.8, Verdict.OK)
    assert found.values == {"floor": 750, "gateway": 1_350}


def test_a_chunk_is_judged_by_what_a_stream_costs_more() -> None:
    found = row(dialect(), "one streamed chunk: workers")
    assert found.values == {"floor": 80, "gateway": 160}
    assert (found.ratio, found.budget, found.verdict) == (2.0, CHUNK, Verdict.OVER)


def test_all_processes_count_in_the_sum() -> None:
    found = row(dialect(), "whole answer: all")
    assert found.values == {"floor": 750 + 300, "gateway": 1_350 + 300 + 70}


def test_a_round_below_the_clock_tick_has_no_ratio_and_no_verdict() -> None:
    rounds = {"floor": [a_round(0)], "gateway": [a_round(0)]}
    found = costs.compared("whole answer", rounds, lambda r: r.cost_us("worker"), PLAIN)
    assert (found.ratio, found.verdict) == (None, Verdict.NONE)


def test_added_latency_is_the_difference_to_the_upstream() -> None:
    def side(total: int) -> list[Round]:
        made = a_round(1)
        return [Round(1, 0, "", 1, made.cpu_us, 5, [total] * 3, [total] * 3)]

    found = latency.row(
        "first token", [side(100), side(1_100), side(4_100)], 50, lambda r: r.first_us, judge=True
    )
    assert list(found.values.values()) == [100, 1_000, 4_000]
    assert found.verdict is Verdict.OVER


def report() -> Report:
    figures = [
        judged("kept | promise", "us", {"floor": 100, "gateway": 1_500}, PLAIN, ratio=1.5),
        judged("broken", "bytes", {"gateway": 2048.0}, PLAIN, ratio=2.5, spread=0.25),
        Figure("nothing to judge", "per_s", {"floor": None, "gateway": 12.0}),
    ]
    section = Section("A section", ("floor", "gateway"), figures, "x floor", ["A note."])
    return Report("python -m bench --short", {"processor": "one"}, [section], 10, 1, ["It broke."])


def test_json_holds_plain_numbers() -> None:
    said = report().to_dict()
    first = said["sections"][0]["rows"][0]
    assert first["values"] == {"floor": 100, "gateway": 1_500}
    assert (first["ratio"], first["budget"], first["verdict"]) == (1.5, "≤ 1.8 x floor", "ok")
    assert (said["requests"], said["failed"], said["problems"]) == (10, 1, ["It broke."])


def test_the_page_says_by_which_command_it_was_written() -> None:
    page = render.to_markdown(report())
    assert "- command: `python -m bench --short`\n" in page
    assert "| kept / promise | 100 µs | 1.50 ms | 1.50 | ≤ 1.8 x floor | ok |" in page
    assert "| broken | · | 2.0 KB | 2.50 ±0.25 | ≤ 1.8 x floor | over |" in page
    assert "- It broke." in page


def test_every_row_of_the_page_has_as_many_cells_as_its_headings() -> None:
    lines = [line for line in render.to_markdown(report()).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + 3


def test_the_terminal_shows_rows_notes_and_problems() -> None:
    out = io.StringIO()
    render.to_terminal(report(), Console(file=out, width=120))
    for text in ("A section", "broken", "over", "A note.", "It broke.", "10 requests, 1 failed"):
        assert text in out.getvalue()


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (None, "us", "·"),
        (999.4, "us", "999 µs"),
        (-1_500, "us", "-1.50 ms"),
        (51_200, "bytes", "50.0 KB"),
        (3 * 1024 * 1024, "bytes", "3.0 MB"),
        (12.34, "per_s", "12/s"),
        (52.62, "count", "52.6"),
    ],
)
def test_numbers_are_shown_with_their_unit(value: float | None, unit: str, text: str) -> None:
    assert render.number(value, unit) == text
