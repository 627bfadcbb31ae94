"""The short form of `python -m bench`, whole: real Envoy, real workers, real Redis."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

GENEROUS = 50  # a ratio beyond this is a broken measurement, not a slow machine


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_short_form_measures_everything_and_no_request_fails(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--short", "--json", "--write", str(page)],
        capture_output=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    report = orjson.loads(done.stdout)
    assert (report["failed"], report["problems"]) == (0, [])
    assert report["requests"] > 50
    sections = {section["title"]: section["rows"] for section in report["sections"]}
    assert list(sections) == [
        "CPU per request: OpenAI Chat, same protocol",
        "CPU per request: Anthropic, same protocol",
        "CPU per request: OpenAI Chat to Anthropic, translated",
        "CPU per request: Anthropic to OpenAI Chat, translated",
        "Policy: keys, limits and money",
        "Added latency, OpenAI Chat, same protocol",
        "Failover: what it adds to the wait",
        "Routing: the cost of many accounts",
        "Memory",
        "Scale",
        "Translation: cost by the length of the conversation",
        "Translation: cost by the length of the stream",
    ]
    for title, rows in sections.items():
        assert rows, title
        for row in rows:
            assert row["ratio"] is None or -1 < row["ratio"] < GENEROUS, row
            assert row["verdict"] in ("", "ok", "over")
            assert (row["budget"] is None) <= (row["verdict"] == ""), row
    streams = sections["CPU per request: OpenAI Chat, same protocol"]
    messages = next(row for row in streams if row["what"].startswith("messages"))
    assert all(5 < count < 100 for count in messages["values"].values())
    assert page.read_text().startswith("# Benchmarks\n")
    assert "python -m bench --short" in page.read_text()
