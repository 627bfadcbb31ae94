"""Images, audio and searches on their way through an exchange: what is held for them, what their
record says, what callers are told."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from catalog.prices import Price, PriceTier, Rates, Reach
from extproc.billing import ASSUMED_SEARCHES, _reach
from extproc.tariff import Tariff, dear_of
from ledger.model import UsageSource
from tests.extproc.world import CATALOG, Play, headers_of, world
from translators.estimate import estimate_body

DEAR = Rates(
    input=1,
    output=1,
    cache_read=1,
    cache_write_5m=2,
    cache_write_1h=3,
    reasoning=1,
    image_input=2,
    image_output=1,
    audio_input=2,
    audio_output=2,
    web_search=1,
    file_search=1,
)
PLAIN = Rates(*[1] * 10)
NOTHING = Reach(False, False, False, False)


@pytest.mark.parametrize(
    ("body", "reach"),
    [
        ({"messages": [{"role": "user", "content": "hello"}]}, NOTHING),
        ({"content": [{"type": "image_url"}]}, Reach(False, False, True, False)),
        ({"content": [{"type": "input_audio"}]}, Reach(False, False, False, True)),
        ({"modalities": ["text", "audio"]}, Reach(False, False, False, True)),
        ({"responseModalities": ["AUDIO"]}, Reach(False, False, False, True)),
        ({"inlineData": {"mimeType": "video/mp4"}}, Reach(False, False, True, True)),
        ({"inlineData": {"mimeType": "application/pdf"}}, Reach(False, False, True, False)),
        ({"fileData": {"fileUri": "x"}}, Reach(False, False, True, True)),
        ({"cache_control": {"type": "ephemeral"}}, Reach(True, False, False, False)),
        ({"cache_control": {"ttl": "1h"}}, Reach(True, True, False, False)),
        ({"prompt_cache_options": {"ttl": "12h"}}, Reach(False, True, False, False)),
        (
            {"tools": [{"type": "web_search"}]},
            Reach(False, False, False, False, ASSUMED_SEARCHES),
        ),
        (
            {"tools": [{"type": "file_search"}]},
            Reach(False, False, False, False, 0, ASSUMED_SEARCHES),
        ),
    ],
)
def test_what_a_body_shows_a_way_to_is_held_for_where_it_is_dear(body: Any, reach: Reach) -> None:
    data = orjson.dumps(body)
    assert _reach(data, dear_of([Tariff(Price(DEAR, "x"))]), writes=False) == reach
    assert _reach(data, dear_of([Tariff(Price(PLAIN, "x"))]), writes=False) == NOTHING
    assert _reach(data, dear_of([Tariff(None)]), writes=False) == NOTHING


def test_what_an_upstream_caches_unasked_is_held_for() -> None:
    """GPT-5.6 and later write prompts to their cache, at a price, whoever asks."""
    assert _reach(b"{}", Price(DEAR, "x").dear, writes=True).cache_write_5m
    assert not _reach(b"{}", Price(PLAIN, "x").dear, writes=True).cache_write_5m


def test_what_is_dear_on_any_route_and_any_tier_is_looked_for() -> None:
    only_above = Price(PLAIN, "x", (PriceTier(100, replace(PLAIN, audio_output=2)),))
    assert only_above.dear == {"audio_output"}
    web = Price(replace(PLAIN, web_search=1), "y")
    assert dear_of([Tariff(only_above), Tariff(web), Tariff(None)]) == {
        "audio_output",
        "web_search",
    }
    assert dear_of([]) == frozenset()


def form(*files: bytes) -> bytes:
    boundary = b"--e5c0"
    said = b'Content-Disposition: form-data; name="prompt"\r\n\r\nA hat, please.\r\n'
    head = b'Content-Disposition: form-data; name="image[]"; filename="a.png"\r\n\r\n'
    parts = [said, *(head + data + b"\r\n" for data in files)]
    return b"".join(boundary + b"\r\n" + part for part in parts) + boundary + b"--\r\n"


def test_uploaded_pictures_are_counted_by_the_piece_and_not_by_their_bytes() -> None:
    small, large = form(b"\x89PNG" * 100), form(b"\x89PNG" * 250_000)
    assert estimate_body(large) == estimate_body(small) < 7_000
    assert 13_000 < estimate_body(form(b"\x89PNG", b"\xff\xd8\xff")) < 14_000
    assert estimate_body(form()) < 100
    assert estimate_body(b"--") == estimate_body(b"--\r\n") == 1


MEDIA_MODELS = """\
- {name: gpt-audio, targets: [{provider: one, surfaces: [openai_chat]}]}
groups:"""


def play() -> Play:
    return Play(world=world(CATALOG.replace("groups:", MEDIA_MODELS, 1)))


def test_an_edited_picture_has_its_record_and_its_price() -> None:
    exchange = play()
    exchange.request(
        "/v1/images/edits",
        form(b"\x89PNG" * 100_000).replace(
            b'name="prompt"\r\n\r\nA hat, please.',
            b'name="model"\r\n\r\ngpt-image-1',
        ),
        content_type="multipart/form-data; boundary=e5c0",
    )
    (asked,) = exchange.admitted
    assert asked.request.hold_micro < 300_000, "400 kB of picture are not 120,000 tokens"
    usage = {
        "input_tokens": 373,
        "input_tokens_details": {"image_tokens": 323, "text_tokens": 50},
        "output_tokens": 4160,
        "total_tokens": 4533,
    }
    said = headers_of(
        exchange.answer(200, orjson.dumps({"data": [{"b64_json": "AA=="}], "usage": usage}))
    )
    (record,) = exchange.records
    assert (record.input_tokens, record.image_input_tokens) == (50, 323)
    assert (record.image_output_tokens, record.cost_micro) == (4160, 169_880)
    assert said["x-clavis-input-tokens"] == "373"
    assert said["x-clavis-output-tokens"] == "4160"
    assert said["x-clavis-cost-micro"] == "169880"


def test_a_spoken_answer_is_charged_as_speech_for_any_caller() -> None:
    """Asked by a Gemini client, the buckets are the same."""
    usage = {
        "prompt_tokens": 220,
        "completion_tokens": 60,
        "total_tokens": 280,
        "prompt_tokens_details": {"audio_tokens": 190},
        "completion_tokens_details": {"audio_tokens": 46},
    }
    message = {"role": "assistant", "content": "Yes."}
    answer = orjson.dumps(
        {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
    )
    asked = {"model": "gpt-audio", "messages": [{"role": "user", "content": "hello"}]}
    costs = []
    for path, body in (
        ("/v1/chat/completions", asked),
        ("/v1beta/models/gpt-audio:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}),
    ):
        exchange = play()
        exchange.request(path, body)
        said = headers_of(exchange.answer(200, answer))
        (record,) = exchange.records
        assert (record.input_tokens, record.audio_input_tokens) == (30, 190)
        assert (record.output_tokens, record.audio_output_tokens) == (14, 46)
        assert record.usage_source is UsageSource.UPSTREAM
        assert (said["x-clavis-input-tokens"], said["x-clavis-output-tokens"]) == ("220", "60")
        costs.append(record.cost_micro)
    assert costs == [9_239, 9_239]


def test_absurd_figures_of_media_are_not_believed_either() -> None:
    exchange = play()
    exchange.request("/v1beta/models/gemini-2.5-flash:generateContent", {"contents": [{}]})
    usage = {
        "promptTokenCount": 900_000_000,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 899_999_999}],
        "candidatesTokenCount": 3,
    }
    parts = {"parts": [{"text": "Yes."}]}
    candidate = {"content": parts, "finishReason": "STOP"}
    exchange.answer(200, orjson.dumps({"candidates": [candidate], "usageMetadata": usage}))
    (record,) = exchange.records
    assert record.usage_source is UsageSource.CLAMPED
    assert record.audio_input_tokens is None
