"""What answers with images, audio and searches cost, as tables that an accountant can check.

Each story is an upstream's answer, read by the observer of its protocol, at the list price of the
model. Prices are US dollars a million tokens or a thousand calls, amounts are micro-USD. A line is
tokens times price; the total is rounded half up, once, after the group's multiplier.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import orjson
import pytest

from catalog.price_lists import ListPrices
from catalog.prices import Price, Rates
from extproc.tariff import Tariff
from translators.canonical.stream import Metered
from translators.canonical.usage import Usage
from translators.protocol import discover

LISTED = ListPrices(date(2026, 11, 1))
PROTOCOLS = discover()
CALLS = {"web_searches": "web_search", "file_searches": "file_search", "requests": "request"}

Json = dict[str, Any]


def gemini(usage: Json, version: str = "gemini-2.5-flash", *queries: str) -> Json:
    candidate: Json = {"content": {"parts": [{"text": "Yes."}]}, "finishReason": "STOP"}
    if queries:
        candidate["groundingMetadata"] = {"webSearchQueries": list(queries)}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": version}


def chat(usage: Json) -> Json:
    message = {"role": "assistant", "content": "Yes."}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}


def response(usage: Json, *kinds: str) -> Json:
    items = [{"type": kind, "id": f"i{n}", "status": "completed"} for n, kind in enumerate(kinds)]
    return {"object": "response", "status": "completed", "output": items, "usage": usage}


@dataclass(frozen=True)
class Story:
    protocol: str
    model: str  # of the price list, with its provider
    answer: Json
    table: str
    multiplier: str = "1"


def modal(**tokens: int) -> list[Json]:
    return [{"modality": name.upper(), "tokenCount": count} for name, count in tokens.items()]


STORIES = {
    "a picture is edited: its tokens cost twice what the words do": Story(
        "openai_responses",
        "openai/gpt-image-1",
        {
            "data": [{"b64_json": "AA=="}],
            "usage": {
                "input_tokens": 373,
                "input_tokens_details": {"image_tokens": 323, "text_tokens": 50},
                "output_tokens": 4160,
                "total_tokens": 4533,
            },
        },
        """
        input_tokens            50    5        250
        image_input_tokens     323   10       3230
        image_output_tokens   4160   40     166400
        total                               169880
        """,
    ),
    "a question about a minute of sound": Story(
        "gemini",
        "google/gemini-2.5-flash",
        gemini(
            {
                "promptTokenCount": 1928,
                "promptTokensDetails": modal(text=8, audio=1920),
                "candidatesTokenCount": 60,
            }
        ),
        """
        input_tokens             8    0.30       2.4
        audio_input_tokens    1920    1       1920
        output_tokens           60    2.50     150
        total                                 2072
        """,
    ),
    "and asked again, when most of it came from the cache": Story(
        "gemini",
        "google/gemini-2.5-flash",
        gemini(
            {
                "promptTokenCount": 1928,
                "promptTokensDetails": modal(text=8, audio=1920),
                "cachedContentTokenCount": 1800,
                "cacheTokensDetails": modal(text=8, audio=1792),
                "candidatesTokenCount": 60,
            }
        ),
        """
        input_tokens             0    0.30       0
        cache_read_tokens     1800    0.03      54
        audio_input_tokens     128    1        128
        output_tokens           60    2.50     150
        total                                  332
        """,
    ),
    "a recording is answered in speech": Story(
        "openai_chat",
        "openai/gpt-audio",
        chat(
            {
                "prompt_tokens": 220,
                "completion_tokens": 60,
                "total_tokens": 280,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 190},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 46},
            }
        ),
        """
        input_tokens            30    2.50      75
        cache_read_tokens        0    2.50       0
        audio_input_tokens     190   32       6080
        output_tokens           14   10        140
        reasoning_tokens         0   10          0
        audio_output_tokens     46   64       2944
        total                                 9239
        """,
    ),
    "Claude searches the web twice, for a group that pays a quarter more": Story(
        "anthropic",
        "anthropic/claude-sonnet-4-5",
        {
            "type": "message",
            "content": [{"type": "text", "text": "Yes."}],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 9000,
                "output_tokens": 100,
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 4},
            },
        },
        """
        input_tokens          9000    3      27000
        output_tokens          100   15       1500
        web_searches             2   10      20000
        total                                60625
        """,
        multiplier="1.25",
    ),
    "GPT looks into files twice and on the web once": Story(
        "openai_responses",
        "openai/gpt-5",
        response(
            {"input_tokens": 4000, "output_tokens": 100, "total_tokens": 4100},
            "file_search_call",
            "web_search_call",
            "file_search_call",
            "message",
        ),
        """
        input_tokens          4000    1.25    5000
        output_tokens          100   10       1000
        web_searches             1   10      10000
        file_searches            2    2.50    5000
        total                                21000
        """,
    ),
    "an answer of Gemini 2.5 is grounded once, by three queries": Story(
        "gemini",
        "google/gemini-2.5-flash",
        gemini(
            {"promptTokenCount": 10, "candidatesTokenCount": 4},
            "gemini-2.5-flash",
            *("rain", "rain oslo", "weather oslo"),
        ),
        """
        input_tokens            10    0.30       3
        output_tokens            4    2.50      10
        web_searches             1   35      35000
        total                                35013
        """,
    ),
    "one of Gemini 3 is charged for each query that is not empty": Story(
        "gemini",
        "google/gemini-3-flash-preview",
        gemini(
            {"promptTokenCount": 10, "candidatesTokenCount": 4},
            "gemini-3-flash-preview",
            *("rain", "", "weather oslo", "rain"),
        ),
        """
        input_tokens            10    0.50       5
        output_tokens            4    3         12
        web_searches             2   14      28000
        total                                28017
        """,
    ),
    "a request has a fee of its own": Story(
        "openai_chat",
        "perplexity/sonar-pro",
        chat({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}),
        """
        input_tokens           100    3        300
        output_tokens           10   15        150
        requests                 1   14      14000
        total                                14450
        """,
    ),
}


def lines_of(table: str) -> tuple[list[tuple[str, int, Decimal, Decimal]], int]:
    """Bucket, count, price and amount of each line, and the total."""
    *lines, last = [line.split() for line in table.strip().splitlines()]
    read = [(name, int(n), Decimal(price), Decimal(micro)) for name, n, price, micro in lines]
    assert last[0] == "total"
    return read, int(last[1])


def rate_of(rates: Rates, bucket: str) -> Decimal:
    """US dollars a million tokens or a thousand calls."""
    rate: int = getattr(rates, CALLS.get(bucket, bucket.removesuffix("_tokens")))
    return Decimal(rate) / 1_000_000


@pytest.mark.parametrize("name", STORIES)
def test_an_answer_costs_what_its_table_says(name: str) -> None:
    story = STORIES[name]
    lines, total = lines_of(story.table)
    events = PROTOCOLS[story.protocol].observe_response(orjson.dumps(story.answer))
    *_, usage = (event.usage for event in events if isinstance(event, Metered))
    told = {bucket: count for bucket, count, _, _ in lines if bucket != "requests"}
    assert usage == Usage(**told)
    price = LISTED.price(*story.model.split("/"))
    assert price is not None
    assert [rate_of(price.rates, bucket) for bucket, *_ in lines] == [line[2] for line in lines]
    for bucket, count, rate, micro in lines:
        assert count * rate * (1000 if bucket in CALLS else 1) == micro, bucket
    exact = sum(line[3] for line in lines) * Decimal(story.multiplier)
    assert exact.to_integral_value(ROUND_HALF_UP) == total
    assert Tariff(price, Fraction(story.multiplier)).cost_micro(usage) == total


@pytest.mark.parametrize("bucket", Usage.__dataclass_fields__)
def test_no_bucket_of_a_usage_is_free(bucket: str) -> None:
    """Whatever a usage can say, a price has a rate for it."""
    price = Price(Rates(*[2_000_000] * 10, *[2_000] * 2), "list #1")
    assert Tariff(price).cost_micro(Usage(**{bucket: 1})) == 2
