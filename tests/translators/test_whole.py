"""A JSON answer to a request for a stream: kept while it comes, read when it is all there."""

import pytest

from translators import whole
from translators.canonical.stream import Begun, Ended, Generated, StreamEvent, Truncated
from translators.protocol import NotUnderstood
from translators.whole import WholeAnswerDecoder, is_json


def read(body: bytes) -> list[StreamEvent]:
    """Stands for a protocol's reader of whole answers."""
    if not body.endswith(b"}"):
        raise NotUnderstood("cut off")
    return [Begun(body.decode(), None), Ended()]


def test_it_is_read_once_and_at_the_end() -> None:
    decoder = WholeAnswerDecoder(read)
    assert decoder.feed(b'{"a"') == decoder.feed(b":1}") == []
    assert decoder.close() == [Begun('{"a":1}', None), Ended()]
    assert decoder.close() == []


def test_an_answer_that_was_cut_off_is_truncated() -> None:
    decoder = WholeAnswerDecoder(read)
    decoder.feed(b'{"a"')
    assert decoder.close() == [Truncated()]
    assert decoder.close() == []


def test_an_answer_over_the_limit_passes_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "MOST_BYTES", 8)
    decoder = WholeAnswerDecoder(read)
    for _ in range(3):
        decoder.feed(b"12345}")
    assert decoder.close() == [Generated(), Ended()]


def test_an_answer_over_the_limit_that_must_be_translated_cannot_be_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole, "MOST_BYTES", 8)
    decoder = WholeAnswerDecoder(read, passes=False)
    decoder.feed(b"12345}")
    with pytest.raises(NotUnderstood, match="larger"):
        decoder.feed(b"12345}")


@pytest.mark.parametrize(
    ("content_type", "json"),
    [
        ("application/json", True),
        ("Application/JSON ; charset=UTF-8", True),
        ("application/problem+json", True),
        ("text/event-stream", False),
        ("application/jsonlines", False),
        ("", False),
    ],
)
def test_what_says_json(content_type: str, json: bool) -> None:
    assert is_json(content_type) is json
