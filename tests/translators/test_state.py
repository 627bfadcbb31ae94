"""Stored answers: what is kept of an exchange, and what later requests get of it."""

import orjson
import pytest

from translators.canonical.reply import ReplyContext
from translators.openai_responses.state import STATE
from translators.protocol import NotUnderstood

ASKED = orjson.dumps({"model": "m", "input": "one"})
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]}
ANSWER = orjson.dumps({"id": "resp_1", "output": [SAID]})
KEPT = STATE.keep(ASKED, ANSWER)


def user(text: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def test_a_continued_request_has_input_and_output_of_the_earlier_one_before_its_own() -> None:
    later = orjson.dumps({"model": "m", "input": [user("three")], "previous_response_id": "resp_1"})
    expanded = orjson.loads(STATE.expand(later, KEPT))
    assert expanded == {"model": "m", "input": [user("one"), SAID, user("three")]}


def test_a_chain_has_everything() -> None:
    later = STATE.expand(orjson.dumps({"input": "three"}), KEPT)
    again = STATE.expand(orjson.dumps({"input": "five"}), STATE.keep(later, ANSWER))
    assert orjson.loads(again)["input"] == [
        user("one"), SAID, user("three"), SAID, user("five"),
    ]  # fmt: skip


def test_instructions_are_not_carried_over() -> None:
    kept = STATE.keep(orjson.dumps({"input": "one", "instructions": "be brief"}), ANSWER)
    assert "instructions" not in orjson.loads(STATE.expand(orjson.dumps({"input": "x"}), kept))


def test_long_numbers_survive() -> None:
    kept = STATE.keep(b'{"input":[{"type":"x","n":123456789012345678901234567890}]}', ANSWER)
    assert b"123456789012345678901234567890" in STATE.expand(b'{"input":"x"}', kept)


def test_an_answer_that_is_no_json_is_not_kept() -> None:
    with pytest.raises(NotUnderstood):
        STATE.keep(ASKED, b"data: {")


def test_the_answer_is_shown_as_it_was_sent() -> None:
    assert orjson.loads(STATE.show(KEPT)) == orjson.loads(ANSWER)
    assert STATE.id_of(ReplyContext("abc", "m", 0)) == "resp_abc"


def items(count: int) -> bytes:
    asked = {"input": [user(str(number)) for number in range(count)]}
    return STATE.keep(orjson.dumps(asked), ANSWER)


def test_input_is_listed_in_pages_newest_first() -> None:
    first = orjson.loads(STATE.show_input(items(25), ""))
    assert len(first["data"]) == 20 and first["has_more"] is True
    assert first["data"][0]["content"][0]["text"] == "24"
    assert (first["first_id"], first["last_id"]) == (
        first["data"][0]["id"],
        first["data"][-1]["id"],
    )
    rest = orjson.loads(STATE.show_input(items(25), f"after={first['last_id']}"))
    assert [item["content"][0]["text"] for item in rest["data"]] == ["4", "3", "2", "1", "0"]
    assert rest["has_more"] is False


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("order=asc&limit=2", ["0", "1"]),
        ("limit=1", ["2"]),
        ("limit=0", ["2", "1", "0"]),
        ("limit=many", ["2", "1", "0"]),
        ("after=msg_unheard_of", []),
    ],
)
def test_pages_as_asked(query: str, texts: list[str]) -> None:
    listed = orjson.loads(STATE.show_input(items(3), query))
    assert [item["content"][0]["text"] for item in listed["data"]] == texts
    assert (listed["first_id"] is None) == (not texts)


@pytest.mark.parametrize("kept", [b"", b"[]", b"{}", b'{"items": 4}', b"\xff"])
def test_what_is_kept_but_cannot_be_read_is_said_to_be_so(kept: bytes) -> None:
    with pytest.raises(NotUnderstood):
        STATE.show(kept)
    with pytest.raises(NotUnderstood):
        STATE.expand(ASKED, kept)
    with pytest.raises(NotUnderstood):
        STATE.show_input(kept, "")


def test_an_item_that_is_no_object_is_listed_all_the_same() -> None:
    kept = STATE.keep(orjson.dumps({"input": ["odd", 3]}), ANSWER)
    assert len(orjson.loads(STATE.show_input(kept, ""))["data"]) == 2
