"""Values of other upstreams are taken out of a body that passes natively, and nothing else."""

import base64

import orjson
import pytest

from translators.stripping import carries, is_carried, stripped

OURS = "clv1.gemini.abc"
WRAPPED = base64.b64encode(OURS.encode()).decode()


@pytest.mark.parametrize("value", [OURS, WRAPPED])
def test_a_sealed_part_goes_with_its_seal(value: str) -> None:
    kept = {"type": "text", "text": "b", "unknown": {"deep": [1, None]}}
    body = orjson.dumps(
        {"messages": [{"content": [{"type": "thinking", "signature": value}, kept]}]}
    )
    assert carries(body)
    cleaned, found = stripped(body)
    assert found and orjson.loads(cleaned) == {"messages": [{"content": [kept]}]}


def test_a_part_that_only_bears_a_seal_keeps_the_rest() -> None:
    part = {"functionCall": {"name": "f"}, "thoughtSignature": WRAPPED}
    cleaned, found = stripped(orjson.dumps({"contents": [{"parts": [part]}]}))
    assert found
    assert orjson.loads(cleaned) == {"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [ {"content":"a"} ]}',
        b'{"text": "clv1.gemini.abc is how it begins"}',
        b'{"image": "Y2x2not base64!"}',
        b'{"image": "Y2x2YWJj"}',
        b"not json clv1.",
        b"[" * 200 + b'"clv1."' + b"]" * 200,
    ],
)
def test_everything_else_stays_byte_by_byte(body: bytes) -> None:
    assert stripped(body) == (body, False)


def test_the_clients_own_seals_stay() -> None:
    body = orjson.dumps({"messages": [{"type": "thinking", "thinking": "x", "signature": "EqQB"}]})
    assert not carries(body) and stripped(body) == (body, False)


@pytest.mark.parametrize("space", [b"", b" "])
def test_reasoning_that_was_never_sealed_goes_too(space: bytes) -> None:
    body = b'{"content":[{"type":"thinking","thinking":"x","signature":%b""},{"type":"text"}]}'
    assert carries(body % space)
    assert stripped(body % space) == (b'{"content":[{"type":"text"}]}', True)


def test_an_empty_signature_of_something_else_stays() -> None:
    body = b'{"input": {"type":"mail","signature":""}}'
    assert carries(body) and stripped(body) == (body, False)


def test_long_numbers_survive() -> None:
    body = b'{"n":123456789012345678901234567890,"signature":"clv1.gemini.x"}'
    assert stripped(body) == (b'{"n":123456789012345678901234567890}', True)


def test_a_call_gets_the_dialects_word_for_a_lost_seal_and_an_empty_part_goes() -> None:
    call = {"functionCall": {"name": "f"}, "thoughtSignature": WRAPPED}
    only = {"text": "", "thought": True, "thoughtSignature": WRAPPED}
    cleaned, _ = stripped(orjson.dumps({"contents": [{"parts": [only, call]}]}), "no seal")
    assert orjson.loads(cleaned) == {
        "contents": [{"parts": [{"functionCall": {"name": "f"}, "thoughtSignature": "no seal"}]}]
    }


@pytest.mark.parametrize("issuer", ["gemini", "anthropic", "openai_responses"])
def test_either_spelling_of_base64_is_known(issuer: str) -> None:
    for payload in ("a", "ab", "abc", "???", ">>>~~~"):
        wrapped = base64.b64encode(f"clv1.{issuer}.{payload}".encode()).decode()
        for text in (wrapped, wrapped.rstrip("="), wrapped.translate(str.maketrans("+/", "-_"))):
            assert is_carried(text)
