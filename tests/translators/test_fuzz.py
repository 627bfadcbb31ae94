"""No bytes of the outside world make a decoder raise anything but NotUnderstood.

Three kinds of bytes: noise, recordings that were damaged, and JSON that uses the protocols' own
field names and words with values of every wrong type. What a decoder understood of damaged input,
every encoder can write.
"""

import os
import random
import re
import secrets
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.conformance.cases import cases
from tests.translators.conformance.exchange import answering, heard, relayed
from tests.translators.conformance.profiles import PROFILES
from tests.translators.conformance.wire import ENDINGS
from tests.translators.mutations import damaged_json, damaged_stream, pieces
from tests.translators.replay import CONTENT_TYPES, folders, streams
from translators.canonical.failure import Failure
from translators.canonical.stream import Ended, Failed, Truncated
from translators.conversion import convert
from translators.ordering import Grammar
from translators.protocol import NotUnderstood, Protocol, discover

PROTOCOLS = [discover()[name] for name in sorted(discover())]
FILES = [
    path.read_bytes()
    for case in folders()
    for path in case.iterdir()
    if path.name in ("response.json", "request.json", *CONTENT_TYPES)
]
NAMES = sorted({name for data in FILES for name in re.findall(rb'"([A-Za-z_.@]{2,40})"', data)})
WORDS = st.sampled_from([name.decode() for name in NAMES])

NOISE = st.binary(max_size=80) | st.lists(
    st.sampled_from([b"data: ", b"event: error", b"\n", b"\r\n", b"{}", b"[", b"]", b'"', b"x"]),
    max_size=20,
).map(b"".join)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([10**18, 1e300, -0.5, 3.0, ""])
    | WORDS
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=14,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=6)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A recording with a piece cut out, put in, or put in twice."""
    data = draw(st.sampled_from(FILES))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 200)))
    put_in = draw(st.sampled_from([b"", b"null", b"{}", b"[]", b"1", b"\n", b'"']))
    return data[:start] + put_in + data[draw(st.sampled_from([start, end])) :]


def _objects_in(data: bytes) -> list[Any]:
    """The JSON documents of a recording: its events, or the whole."""
    if data[:1] in (b"{", b"["):
        return [orjson.loads(data)]
    payloads = re.findall(rb"^data: ?(.*)$", data, re.MULTILINE)
    return [orjson.loads(payload) for payload in payloads if payload.startswith(b"{")]


RECORDED = [found for data in FILES for found in _objects_in(data)]


@st.composite
def misused(draw: st.DrawFn) -> bytes:
    """A recorded object with a value of a wrong type somewhere inside."""
    return orjson.dumps(_with_one_replaced(draw, draw(st.sampled_from(RECORDED))))


def _with_one_replaced(draw: st.DrawFn, value: Any) -> Any:
    """The value with some part of it, at some depth, replaced by another."""
    deeper = draw(st.integers(0, 3)) > 0
    if isinstance(value, dict) and value and deeper:
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: _with_one_replaced(draw, value[key])}
    if isinstance(value, list) and value and deeper:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _with_one_replaced(draw, value[at]), *value[at + 1 :]]
    return draw(VALUES)


BYTES = NOISE | damaged() | OBJECTS.map(orjson.dumps) | misused()


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@settings(max_examples=120)
@given(data=BYTES)
def test_a_request_or_an_answer_is_understood_or_not(protocol: Protocol, data: bytes) -> None:
    for read in (protocol.peek, protocol.observe_response):
        try:
            read(data)
        except NotUnderstood as error:
            assert str(error)
    try:
        assert isinstance(protocol.rename_model(data, "new"), bytes)
    except NotUnderstood as error:
        assert str(error)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@settings(max_examples=120)
@given(
    pieces=st.lists(BYTES | BYTES.map(lambda data: b"data: " + data + b"\n\n"), max_size=4),
    kind=st.sampled_from([*CONTENT_TYPES.values(), "", "text/html"]),
)
def test_a_stream_is_understood_or_not(protocol: Protocol, pieces: list[bytes], kind: str) -> None:
    decoder = protocol.stream_observer(kind)
    try:
        events = [event for piece in pieces for event in decoder.feed(piece)]
        assert Truncated() not in events, "only the end of the bytes tells"
        assert (events + decoder.close()).count(Truncated()) <= 1
        assert decoder.close() == []
    except NotUnderstood as error:
        assert str(error)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@settings(max_examples=120)
@given(
    status=st.integers(400, 599),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "Retry-After-Ms", "date", "x"]),
        st.text(max_size=12)
        | st.sampled_from(["1", "-1", "1e999", "Wed, 21 Oct 2026 07:28:00 GMT"]),
        max_size=3,
    ),
    body=BYTES | OBJECTS.map(lambda inside: orjson.dumps({"error": inside})),
)
def test_every_refusal_is_a_failure_that_can_be_told(
    protocol: Protocol, status: int, headers: dict[str, str], body: bytes
) -> None:
    failure = protocol.decode_failure(status, headers, body)
    assert isinstance(failure, Failure)
    assert failure.http_status == status
    assert failure.message
    assert failure.retry_after_s is None or failure.retry_after_s >= 0
    for told in PROTOCOLS:
        assert orjson.loads(told.render_failure(failure, "req_1"))
        assert told.render_stream_failure(failure, "req_1").endswith((b"\n\n", b"\r\n\r\n"))
        assert all("\n" not in value for value in told.failure_headers(failure).values())


# ---- whole translations of damaged inputs

FEW, MANY = 2_000, 100_000
REQUEST_CASES = [(case.protocol, case.body) for case in cases()]
ANSWERS = [
    (case.parent.name, (case / "response.json").read_bytes())
    for case in folders()
    if (case / "response.json").exists()
]
STREAMS = [(stream.folder.parent.name, stream.file, stream.data) for stream in streams()]


def translate_request(rng: random.Random) -> None:
    name, body = rng.choice(REQUEST_CASES)
    source = discover()[name] if rng.random() < 0.9 else rng.choice(PROTOCOLS)
    target = rng.choice(PROTOCOLS)
    request = source.decode_request(damaged_json(rng, body))
    profile = rng.choice(PROFILES[target.name])
    convert(request, target, profile.model, profile.capabilities)


def translate_answer(rng: random.Random) -> None:
    name, body = rng.choice(ANSWERS)
    source = discover()[name] if rng.random() < 0.9 else rng.choice(PROTOCOLS)
    answering(source, rng.choice(PROTOCOLS)).whole(damaged_json(rng, body))


def translate_stream(rng: random.Random) -> None:
    """Whatever comes: the decoder's events are in order, and there is exactly one ending."""
    name, file, data = rng.choice(STREAMS)
    source = discover()[name] if rng.random() < 0.9 else rng.choice(PROTOCOLS)
    client = rng.choice(PROTOCOLS)
    damage = damaged_stream if file == "stream.sse" else damaged_json
    came = pieces(rng, damage(rng, data))
    told = list(relayed(source, client, CONTENT_TYPES[file], came))
    said = [event for _, events in told for event in events]
    assert sum(isinstance(event, Ended | Failed | Truncated) for event in said) == 1
    assert ENDINGS[client.name](b"".join(sent for sent, _ in told)) != []
    grammar = Grammar()
    for event in heard(source, CONTENT_TYPES[file], came):
        grammar.check(event)


def fuzz(seed: int, inputs: int) -> None:
    """Every input is made by the seed and its number alone, so that one of them can be replayed."""
    kinds = (translate_request, translate_request, translate_answer, translate_stream)
    for number in range(inputs):
        rng = random.Random(f"{seed}/{number}")
        try:
            rng.choice(kinds)(rng)
        except NotUnderstood as error:
            assert str(error)
        except Exception as error:
            error.add_note(f"input {number} of FUZZ_SEED={seed}")
            raise


def test_damaged_inputs_are_translated_or_not_understood() -> None:
    fuzz(seed=1, inputs=FEW)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_very_many_damaged_inputs_are_translated_or_not_understood() -> None:
    """`make fuzz`; the seed is told, and FUZZ_SEED replays it."""
    seed = int(os.environ.get("FUZZ_SEED") or secrets.randbits(32))
    print(f"FUZZ_SEED={seed}")
    fuzz(seed, MANY)
