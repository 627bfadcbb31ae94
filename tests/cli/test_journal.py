"""Every line that a process says becomes one JSON line with its name."""

from pathlib import Path

import orjson
import pytest

from cli.journal import MAX_LINE_BYTES, FileSink, Journal, Lines, tagged
from tests.cli.fakes import Memory, journal


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"status":200}', {"process": "envoy", "status": 200}),
        (b"plain words", {"process": "envoy", "message": "plain words"}),
        (b"{}", {"process": "envoy", "message": "{}"}),
        (b"{not json}", {"process": "envoy", "message": "{not json}"}),
        (b"caf\xe9 \xff", {"process": "envoy", "message": "caf\ufffd \ufffd"}),
    ],
)
def test_a_line_is_tagged(line: bytes, expected: dict[str, object]) -> None:
    text = tagged("envoy", line)
    assert text.endswith(b"\n")
    assert orjson.loads(text) == expected


def test_lines_are_whole_however_they_arrive() -> None:
    book, memory = journal()
    lines = Lines("x", book)
    for byte in b"one\r\ntwo\n\nthree":
        lines.feed(bytes([byte]))
    lines.close()
    assert [entry["message"] for entry in memory.entries] == ["one", "two", "three"]
    assert list(lines.last) == ["one", "two", "three"]


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    book, memory = journal()
    lines = Lines("x", book)
    lines.feed(b"a" * (3 * MAX_LINE_BYTES))
    lines.close()
    assert [len(str(entry["message"])) for entry in memory.entries] == [MAX_LINE_BYTES] * 3


def test_events_are_told_and_written() -> None:
    memory, told = Memory(), []
    book = Journal(memory, lambda name, fields: told.append((name, fields)))
    book.event("ready", name="worker", pid=7)
    [entry] = memory.entries
    assert entry.pop("time")
    assert entry == {"process": "supervisor", "event": "ready", "name": "worker", "pid": 7}
    assert told == [("ready", {"name": "worker", "pid": 7})]


def test_a_log_file_is_turned_over_at_its_limit_and_one_older_is_kept(tmp_path: Path) -> None:
    sink = FileSink(tmp_path, max_bytes=10)
    for text in (b"first-part\n", b"second-part\n", b"third\n"):
        sink.write("x", text)
    sink.close()
    assert (tmp_path / "x.jsonl.1").read_bytes() == b"second-part\n"
    assert (tmp_path / "x.jsonl").read_bytes() == b"third\n"
    assert (tmp_path / "x.jsonl").stat().st_mode & 0o777 == 0o600
