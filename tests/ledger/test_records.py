"""The codecs: what goes in comes out, and what was never written is refused in one way only."""

from dataclasses import fields, replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadRecord
from ledger.facts import MAX_REMEMBERED, FactsMemory, decode_facts, encode_facts
from ledger.model import (
    Attempt,
    KeyFacts,
    Limit,
    LimitKind,
    Outcome,
    UsageRecord,
    UsageSource,
)
from ledger.records import (
    MAX_COUNT,
    MAX_RECORD_BYTES,
    MAX_SMALL,
    MAX_TEXT,
    MAX_TIME_MS,
    charged,
    decode_record,
    decode_settled,
    encode_record,
    fresh_input,
    lost,
    public_usage,
    total_output,
    total_tokens,
    visible_output,
)
from tests.ledger.samples import FACTS, NOW_MS, RECORD, record_of

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=MAX_TEXT)
any_texts = st.text(max_size=2 * MAX_TEXT)  # lone surrogates and NUL included
counts = st.integers(0, MAX_COUNT)
any_counts = st.integers(-(2**70), 2**70)


def attempts(
    text: st.SearchStrategy[str], count: st.SearchStrategy[int]
) -> st.SearchStrategy[Attempt]:
    return st.builds(
        Attempt,
        upstream=st.none() | text,
        account=st.none() | text,
        status=st.integers(0, MAX_SMALL) if count is counts else count,
        reason=st.none() | text,
        duration_ms=count,
        tokens=st.none() | count,
        cost_micro=st.none() | count,
    )


def records(
    text: st.SearchStrategy[str] = texts, count: st.SearchStrategy[int] = counts
) -> st.SearchStrategy[UsageRecord]:
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        str: text,
        int: count,
        bool: st.booleans(),
        str | None: st.none() | text,
        int | None: st.none() | count,
        Outcome: st.sampled_from(Outcome),
        UsageSource: st.sampled_from(UsageSource),
        tuple[str, ...]: st.lists(text, max_size=5).map(tuple),
        tuple[Attempt, ...]: st.lists(attempts(text, count), max_size=3).map(tuple),
    }
    values = {field.name: by_type[field.type] for field in fields(UsageRecord)}
    if count is counts:
        values |= {name: st.integers(0, MAX_SMALL) for name in ("status", "attempts")}
        values["started_at_ms"] = st.integers(0, MAX_TIME_MS)
    return st.builds(UsageRecord, **values)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(records())
def test_a_record_comes_out_as_it_went_in(record: UsageRecord) -> None:
    assert decode_record(encode_record(record)) == record


@given(records(any_texts, any_counts))
def test_anything_can_be_recorded_and_what_is_stored_fits_sql(record: UsageRecord) -> None:
    stored = decode_record(encode_record(record))
    parts: list[UsageRecord | Attempt] = [stored, *stored.attempts_detail]
    for one in parts:
        for field in fields(one):
            value = getattr(one, field.name)
            if isinstance(value, str):
                assert len(value) <= MAX_TEXT
                assert "\0" not in value
                value.encode()
            if isinstance(value, int):
                assert 0 <= value <= MAX_COUNT
    public_usage(stored)


def test_a_model_name_of_a_megabyte_does_not_travel() -> None:
    encoded = encode_record(record_of("req_1", model="m" * 1_000_000))
    assert len(encoded) < MAX_RECORD_BYTES
    assert decode_record(encoded).model == "m" * MAX_TEXT


@given(st.binary() | json_values.map(lambda value: _json(value)))
def test_garbage_is_refused_as_bad_record_and_nothing_else(data: bytes) -> None:
    for decode in (decode_record, decode_facts):
        with pytest.raises(BadRecord):
            decode(data)


@given(st.sampled_from(sorted(orjson.loads(encode_record(RECORD)))), json_values)
def test_a_record_with_one_value_replaced_is_read_or_refused(name: str, value: object) -> None:
    raw = orjson.loads(encode_record(RECORD)) | {name: value}
    try:
        decoded = decode_record(_json(raw))
    except BadRecord:
        return
    assert decode_record(encode_record(decoded)) == decoded
    public_usage(decoded)


def test_fields_of_a_newer_version_are_ignored() -> None:
    raw = orjson.loads(encode_record(RECORD)) | {"carbon_grams": 3}
    assert decode_record(orjson.dumps(raw)) == RECORD


def test_fields_that_an_older_version_did_not_write_are_not_reported() -> None:
    raw = orjson.loads(encode_record(charged(replace(RECORD, price_source="x"), 1, 2, 3)))
    older = ("cost_micro", "web_searches", "usage_source", "losses", "ttft_ms")
    media = ("image_input_tokens", "audio_input_tokens", "audio_output_tokens", "file_searches")
    newer = ("upstream_protocol", "price_source", "attempts_detail", "uncollected_micro")
    for name in (*older, *media, *newer, "charged_credit_micro", "charged_allowance_micro"):
        del raw[name]
    expected = replace(
        RECORD,
        cost_micro=None,
        usage_source=UsageSource.NONE,
        losses=(),
        ttft_ms=None,
        upstream_protocol=None,
    )
    assert decode_record(orjson.dumps(raw)) == expected


def test_another_version_is_refused() -> None:
    raw = orjson.loads(encode_record(RECORD)) | {"v": 2}
    with pytest.raises(BadRecord, match="version"):
        decode_record(orjson.dumps(raw))


def test_a_refusal_never_repeats_what_the_record_said() -> None:
    raw = orjson.loads(encode_record(RECORD)) | {"status": "a secret", "model": "a secret"}
    with pytest.raises(BadRecord) as raised:
        decode_record(orjson.dumps(raw))
    assert "secret" not in str(raised.value)


def test_a_lost_record_keeps_what_was_metered() -> None:
    draft = record_of("req_1", status=0, latency_ms=0, output_tokens=77)
    expected = replace(draft, outcome=Outcome.LOST, status=500, latency_ms=250)
    assert lost(draft, NOW_MS + 250) == expected
    assert lost(replace(draft, status=200), NOW_MS).status == 200


def test_the_public_form_of_a_record() -> None:
    assert public_usage(RECORD) == {
        "request_id": "req_1",
        "model": "claude-sonnet",
        "protocol": "anthropic",
        "endpoint": "messages",
        "streamed": True,
        "status": 200,
        "outcome": "completed",
        "finish": "stop",
        "input_tokens": 10,
        "output_tokens": 110,
        "cache_read_input_tokens": 20,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 30,
            "ephemeral_1h_input_tokens": 40,
        },
        "image_input_tokens": None,
        "audio_input_tokens": None,
        "reasoning_tokens": 60,
        "image_output_tokens": None,
        "audio_output_tokens": None,
        "web_searches": None,
        "file_searches": None,
        "cost_micro": 70,
        "price_source": None,
        "charged_credit_micro": 0,
        "charged_allowance_micro": 0,
        "uncollected_micro": 0,
        "usage_source": "upstream",
        "upstream": "anthropic",
        "upstream_protocol": "openai_chat",
        "attempts": 1,
        "attempts_detail": [
            {
                "upstream": "anthropic",
                "status": 200,
                "reason": None,
                "duration_ms": 1234,
                "tokens": total_tokens(RECORD),
                "cost_micro": 70,
            }
        ],
        "losses": ["logprobs=dropped", "temperature=clamped"],
        "timing": {
            "started_at": "2025-11-15T09:46:40.000Z",
            "latency_ms": 1234,
            "ttft_ms": 321,
        },
    }


@given(records())
def test_the_public_form_never_shows_the_account(record: UsageRecord) -> None:
    tries = tuple(replace(one, account="THE-ACCOUNT") for one in record.attempts_detail)
    changed = replace(record, account="THE-ACCOUNT", attempts_detail=tries)
    shown = orjson.dumps(public_usage(changed))
    assert b"THE-ACCOUNT" not in shown


def test_the_public_form_of_what_was_charged_and_tried() -> None:
    tries = (
        Attempt("anthropic", "main", 529, "overloaded", 310),
        Attempt("bedrock", "eu", 200, None, 924, tokens=190, cost_micro=70),
    )
    shown = public_usage(
        charged(replace(RECORD, attempts_detail=tries, price_source="genai-prices 0.2.3"), 60, 9, 1)
    )
    assert shown["price_source"] == "genai-prices 0.2.3"
    assert shown["charged_credit_micro"] == 60
    assert shown["charged_allowance_micro"] == 9
    assert shown["uncollected_micro"] == 1
    assert shown["attempts_detail"] == [
        {
            "upstream": "anthropic",
            "status": 529,
            "reason": "overloaded",
            "duration_ms": 310,
            "tokens": None,
            "cost_micro": None,
        },
        {
            "upstream": "bedrock",
            "status": 200,
            "reason": None,
            "duration_ms": 924,
            "tokens": 190,
            "cost_micro": 70,
        },
    ]


@given(records())
def test_what_a_settlement_writes_behind_a_record_is_read_with_it(record: UsageRecord) -> None:
    bare = charged(record, 0, 0, 0)
    assert decode_settled(encode_record(bare)) == bare
    settled = encode_record(bare) + b"\n1234 0 %d" % MAX_COUNT
    assert decode_settled(settled) == charged(record, 1234, 0, MAX_COUNT)


@pytest.mark.parametrize("charges", [b"1 2", b"1 2 3 4", b"1 2 x", b"1 2 3\n4"])
def test_charges_that_no_settlement_wrote_are_refused(charges: bytes) -> None:
    with pytest.raises(BadRecord):
        decode_settled(encode_record(RECORD) + b"\n" + charges)


_SELDOM = (b"image", b"audio", b"searches", b"charged", b"uncollected")


def test_what_says_nothing_is_not_written() -> None:
    """A plain record is kept four times: in the lease, as the mark, in the stream, in memory."""
    encoded = encode_record(RECORD)
    for name in (*_SELDOM, b"attempts_detail"):
        assert name not in encoded
        assert name in encode_record(charged(RECORD, 0, 0, 1))
    tried = replace(RECORD, attempts_detail=(Attempt("a", None, 200, None, 7),))
    assert not any(name in encode_record(tried) for name in _SELDOM)
    assert decode_record(encode_record(tried)) == tried


MEDIA = replace(
    RECORD,
    image_input_tokens=1_000,
    audio_input_tokens=2_000,
    image_output_tokens=3_000,
    audio_output_tokens=4_000,
    web_searches=5,
    file_searches=6,
)


def test_images_audio_and_searches_come_out_as_they_went_in() -> None:
    assert decode_record(encode_record(MEDIA)) == MEDIA


def test_media_are_parts_of_what_callers_are_shown_as_input_and_output() -> None:
    shown = public_usage(MEDIA)
    assert shown["input_tokens"] == 10 + 1_000 + 2_000
    assert shown["output_tokens"] == 50 + 60 + 3_000 + 4_000
    parts = ("image_input", "audio_input", "image_output", "audio_output")
    assert [shown[f"{part}_tokens"] for part in parts] == [1_000, 2_000, 3_000, 4_000]
    assert (shown["web_searches"], shown["file_searches"]) == (5, 6)


def test_token_limits_count_all_tokens() -> None:
    assert total_tokens(RECORD) == 10 + 20 + 30 + 40 + 50 + 60
    assert total_tokens(replace(RECORD, input_tokens=None, image_output_tokens=7)) == 207
    assert total_tokens(MEDIA) == 210 + 10_000, "searches are no tokens"


def test_output_that_nobody_reported_is_not_zero() -> None:
    silent = replace(RECORD, output_tokens=None, reasoning_tokens=None)
    assert total_output(silent) is None
    assert total_output(replace(silent, image_output_tokens=4)) == 4
    assert total_output(replace(silent, audio_output_tokens=4)) == 4
    assert total_output(replace(silent, output_tokens=0)) == 0
    assert visible_output(replace(silent, reasoning_tokens=9)) is None
    assert fresh_input(replace(RECORD, input_tokens=None)) is None
    assert fresh_input(replace(RECORD, input_tokens=None, audio_input_tokens=0)) == 0


facts_values = st.builds(
    KeyFacts,
    key_id=texts,
    customer_id=texts,
    name=texts,
    groups=st.lists(texts, max_size=3).map(tuple),
    models=st.lists(texts, max_size=3).map(tuple),
    expires_at_ms=st.none() | st.integers(0, 2**53),
    disabled=st.booleans(),
    version=st.integers(0, 2**31),
    strict=st.booleans(),
    limits=st.lists(
        st.builds(Limit, texts, st.sampled_from(LimitKind), st.integers(0, 2**53)), max_size=3
    ).map(tuple),
)


@given(facts_values)
def test_facts_come_out_as_they_went_in(facts: KeyFacts) -> None:
    assert decode_facts(encode_facts(facts)) == facts


def test_facts_that_an_older_version_wrote_are_of_a_key_without_limits_that_is_not_strict() -> None:
    raw = orjson.loads(encode_facts(replace(FACTS, strict=True)))
    del raw["strict"], raw["limits"]
    assert decode_facts(orjson.dumps(raw)) == FACTS


def test_remembered_facts_are_bounded_and_follow_the_bytes() -> None:
    memory = FactsMemory()
    for version in range(MAX_REMEMBERED + 10):
        facts = replace(FACTS, version=version)
        assert memory.decode(encode_facts(facts)) == facts
    assert memory.decode(encode_facts(FACTS)) is memory.decode(encode_facts(FACTS))


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer or a text beyond what orjson writes
        return b"null"
