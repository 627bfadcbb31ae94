"""OpenAI usage in disjoint buckets: nothing is counted twice, absent is not zero, nonsense is not
believed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.usage import Usage
from translators.openai_chat import usage as chat
from translators.openai_responses import usage as responses


def chat_usage(**fields: Any) -> Usage | None:
    return chat.read_usage(fields)


@pytest.mark.parametrize("nothing", [None, {}, [], "x", 5, {"prompt_tokens": None}])
def test_no_usage_is_not_zero_usage(nothing: object) -> None:
    assert chat.read_usage(nothing) is None
    assert responses.read_usage(nothing) is None
    assert responses.read_image_usage(nothing) is None


def test_an_explicit_zero_stays_zero() -> None:
    assert chat_usage(prompt_tokens=0, completion_tokens=0) == Usage(
        input_tokens=0, output_tokens=0
    )


def test_cached_and_written_tokens_are_taken_out_of_the_prompt() -> None:
    """The prompt caching guide's example: 2,000 read, 400 written, 200 neither."""
    read = chat_usage(
        prompt_tokens=2600,
        completion_tokens=9,
        prompt_tokens_details={"cached_tokens": 2000, "cache_write_tokens": 400},
    )
    assert read is not None
    assert (read.input_tokens, read.cache_read_tokens, read.cache_write_5m_tokens) == (
        200,
        2000,
        400,
    )
    assert read.total_input_tokens == 2600


@pytest.mark.parametrize(
    ("fields", "cached"),
    [
        ({"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}, 64),
        ({"cached_tokens": 64}, 64),
        ({"prompt_tokens_details": {"cached_tokens": 64}, "prompt_cache_hit_tokens": 64}, 64),
        ({"prompt_tokens_details": None}, None),
        ({"prompt_tokens_details": {"cached_tokens": None}}, None),
    ],
)
def test_cached_tokens_are_found_where_each_vendor_puts_them(
    fields: dict[str, Any], cached: int | None
) -> None:
    read = chat_usage(prompt_tokens=100, completion_tokens=1, **fields)
    assert read is not None
    assert read.cache_read_tokens == cached
    assert read.total_input_tokens == 100


def test_more_cached_than_prompted_never_goes_below_zero() -> None:
    read = chat_usage(prompt_tokens=10, prompt_tokens_details={"cached_tokens": 50})
    assert read is not None
    assert read.input_tokens == 0


@pytest.mark.parametrize(
    ("written", "reasoning", "total", "output"),
    [
        (400, 300, 500, 100),  # inside, as documented
        (400, 300, None, 100),  # nobody says otherwise
        (100, 300, 500, 100),  # apart: 100 + 100 + 300
        (100, 300, None, 100),  # apart: it cannot be inside
        (400, 0, 500, 400),
        (400, None, 500, 400),
    ],
)
def test_reasoning_is_taken_out_of_the_output_unless_it_was_never_in(
    written: int, reasoning: int | None, total: int | None, output: int
) -> None:
    fields = {
        "prompt_tokens": 100,
        "completion_tokens": written,
        "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    read = chat.read_usage(fields)
    assert read is not None
    assert (read.output_tokens, read.reasoning_tokens) == (output, reasoning)
    other = responses.read_usage(
        {
            "input_tokens": 100,
            "output_tokens": written,
            "total_tokens": total,
            "output_tokens_details": {"reasoning_tokens": reasoning},
        }
    )
    assert other == read


@pytest.mark.parametrize("nonsense", [-1, 10**9 + 1, 2.5, True, "7", [], {}, None])
def test_a_figure_that_cannot_be_is_not_believed(nonsense: object) -> None:
    assert chat_usage(prompt_tokens=nonsense, completion_tokens=3) == Usage(output_tokens=3)


def test_a_whole_number_written_as_a_float_is_believed() -> None:
    assert chat_usage(prompt_tokens=12.0, completion_tokens=3.0) == Usage(
        input_tokens=12, output_tokens=3
    )


def test_a_billed_search_count_is_believed_over_the_items() -> None:
    response = {"tool_usage": {"web_search": {"num_requests": 1}}}
    assert responses.of_response(response, searches=3) == Usage(web_searches=1)
    assert responses.of_response({}, searches=3) == Usage(web_searches=3)
    assert responses.of_response({}, searches=None) is None


def test_image_output_is_its_own_bucket() -> None:
    fields = {"input_tokens": 50, "output_tokens": 272}
    assert responses.read_image_usage(fields) == Usage(input_tokens=50, image_output_tokens=272)


counts = st.one_of(
    st.none(), st.integers(-5, 10**10), st.floats(allow_nan=False), st.text(max_size=3)
)
detail = st.one_of(
    st.none(),
    counts,
    st.dictionaries(
        st.sampled_from(
            [
                "cached_tokens",
                "cache_write_tokens",
                "reasoning_tokens",
                "image_tokens",
                "text_tokens",
            ]
        ),
        counts,
    ),
)
figures = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": counts,
        "completion_tokens": counts,
        "input_tokens": counts,
        "output_tokens": counts,
        "total_tokens": counts,
        "prompt_tokens_details": detail,
        "completion_tokens_details": detail,
        "input_tokens_details": detail,
        "output_tokens_details": detail,
        "prompt_cache_hit_tokens": counts,
    },
)


@given(figures)
def test_any_figures_give_buckets_that_are_counts_or_absent(fields: dict[str, Any]) -> None:
    read = (chat.read_usage, responses.read_usage, responses.read_image_usage)
    for usage in filter(None, (reader(fields) for reader in read)):
        for total in (usage.total_input_tokens, usage.total_output_tokens):
            assert total is None or total >= 0
