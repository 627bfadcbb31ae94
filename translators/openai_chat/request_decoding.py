"""A Chat Completions request, read into neutral words.

Every field is either given a meaning, known to say nothing across protocols, or reported as lost.
Of two spellings of one thing the newer one counts; the older one is lost where it says otherwise.
"""

import json
from dataclasses import replace
from typing import Any

from translators import text_json
from translators.canonical.loss import Loss, LossKind, unique
from translators.canonical.parts import CacheMark
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Sampling,
)
from translators.openai_chat.request_fields import Fields, is_number, texts, wrong
from translators.openai_chat.request_tools import read_choice, read_tools
from translators.openai_chat.request_turns import read_turns
from translators.openai_chat.vocabulary import EFFORTS_BY_WORD, TIERS, VERBOSITIES
from translators.protocol import NotUnderstood


def decode_request(body: bytes) -> Request:
    """The request. NotUnderstood names the field that is wrong."""
    losses: list[Loss] = []
    asked = Fields(_object(body), "", losses)
    stream = asked.flag("stream") or False
    turns = read_turns(asked)
    request = Request(
        model=asked.needed_text("model"),
        turns=turns,
        tools=read_tools(asked),
        tool_choice=read_choice(asked),
        parallel_tool_calls=asked.flag("parallel_tool_calls"),
        sampling=_sampling(asked),
        max_output_tokens=_cap(asked),
        reasoning=_reasoning(asked),
        output_format=_format(asked.inner("response_format")),
        verbosity=asked.word("verbosity", VERBOSITIES),
        choices=_choices(asked),
        service_tier=_tier(asked),
        user=_user(asked),
        cache_key=asked.text("prompt_cache_key"),
        cache_mark=_cache(asked),
        metadata=asked.mapping("metadata"),
        stream=stream,
        include_usage=_includes_usage(asked, stream),
    )
    _ignore_what_says_nothing(asked)
    asked.done()
    return replace(request, losses=unique(losses))


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = text_json.loads(body)
    except json.JSONDecodeError as error:  # orjson's is one too
        where = f"line {error.lineno} column {error.colno}"
        raise NotUnderstood(f"The request body is not valid JSON ({where}).") from None
    except (ValueError, RecursionError):
        raise NotUnderstood("The request body is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise NotUnderstood("The request body must be a JSON object.")
    return parsed


def _ignore_what_says_nothing(asked: Fields) -> None:
    """Fields that lose nothing by being left out; with another value they do."""
    asked.ignore("style")  # the gateway's own switch
    if asked.value.get("store") is False:
        asked.ignore("store")
    if asked.value.get("modalities") == ["text"]:
        asked.ignore("modalities")


def _includes_usage(asked: Fields, stream: bool) -> bool:
    options = asked.inner("stream_options")
    if options is None:
        return not stream
    wanted = options.flag("include_usage") or False
    if options.flag("include_obfuscation"):
        options.lose("include_obfuscation")
    options.done()
    return wanted if stream else True


def _cap(asked: Fields) -> int | None:
    newer, older = asked.whole("max_completion_tokens", 1), asked.whole("max_tokens", 1)
    if newer is None:
        return older
    if older is not None and older != newer:
        asked.lose("max_tokens", note="max_completion_tokens counts")
    return newer


def _choices(asked: Fields) -> int:
    wanted = asked.whole("n", 1)
    return 1 if wanted is None else wanted


def _sampling(asked: Fields) -> Sampling:
    logprobs, top = asked.flag("logprobs"), asked.whole("top_logprobs", 0)
    if logprobs or top:
        asked.lose("logprobs", note="another dialect's answer brings none")
    return Sampling(
        temperature=asked.number("temperature"),
        top_p=asked.number("top_p"),
        top_k=asked.whole("top_k"),
        seed=asked.whole("seed"),
        presence_penalty=asked.number("presence_penalty"),
        frequency_penalty=asked.number("frequency_penalty"),
        logit_bias=_bias(asked),
        logprobs=logprobs,
        top_logprobs=top,
        stop=_stop(asked),
    )


def _bias(asked: Fields) -> dict[str, float] | None:
    found = asked.mapping("logit_bias")
    if found is not None and not all(is_number(value) for value in found.values()):
        raise wrong("logit_bias", "an object of numbers")
    return found


def _stop(asked: Fields) -> tuple[str, ...]:
    value = asked.take("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return texts(value, "stop")
    raise wrong("stop", "a string or an array of strings")


# --------------------------------------------------------------------------------- reasoning


def _reasoning(asked: Fields) -> ReasoningWish | None:
    """`reasoning_effort`; else `thinking`, as DeepSeek and Z.ai know it, else OpenRouter's
    `reasoning`."""
    if asked.value.get("reasoning_effort") is not None:
        effort = asked.word("reasoning_effort", EFFORTS_BY_WORD)
        return ReasoningWish(off=True) if effort is None else ReasoningWish(effort=effort)
    for name, read in (("thinking", _thinking), ("reasoning", _routed)):
        value = asked.value.get(name)
        if isinstance(value, dict):
            return read(Fields(asked.take(name), name, asked.losses))
    return None


def _thinking(thinking: Fields) -> ReasoningWish | None:
    kind, budget = thinking.text("type"), thinking.whole("budget_tokens", 1)
    thinking.done()
    if kind == "disabled":
        return ReasoningWish(off=True)
    if budget is not None:
        return ReasoningWish(budget_tokens=budget)
    return ReasoningWish(adaptive=True)


def _routed(reasoning: Fields) -> ReasoningWish | None:
    enabled, excluded = reasoning.flag("enabled"), reasoning.flag("exclude")
    given = reasoning.value.get("effort")
    effort = reasoning.word("effort", EFFORTS_BY_WORD)
    budget = reasoning.whole("max_tokens", 1)
    reasoning.done()
    if enabled is False or (given is not None and effort is None):
        return ReasoningWish(off=True)
    return ReasoningWish(
        effort=effort,
        budget_tokens=None if effort else budget,
        adaptive=effort is None and budget is None,
        summary="none" if excluded else None,
    )


# ------------------------------------------------------------------------------ format and rest


def _format(format: Fields | None) -> OutputFormat | None:
    if format is None:
        return None
    kind = format.needed_text("type")
    if kind == "json_schema":
        named = format.needed("json_schema")
        found: OutputFormat | None = OutputFormat(
            FormatKind.JSON_SCHEMA,
            named.mapping("schema"),
            named.text("name"),
            named.text("description"),
            named.flag("strict"),
        )
        named.done()
    elif kind == "json_object":
        found = OutputFormat(FormatKind.JSON_OBJECT)
    elif kind == "text":
        found = None
    else:
        raise wrong(format.at("type"), "one of text, json_object, json_schema")
    format.done()
    return found


def _tier(asked: Fields) -> str | None:
    tier = asked.word("service_tier", TIERS)
    if tier is None and asked.value.get("service_tier") is not None:
        asked.lose("service_tier", note="OpenAI's own tier")
    return tier


def _user(asked: Fields) -> str | None:
    newer, older = asked.text("safety_identifier"), asked.text("user")
    if newer and older and newer != older:
        asked.lose("user", note="safety_identifier counts")
    return newer or older or None


def _cache(asked: Fields) -> CacheMark | None:
    """Whether the caller asked for the mark that the provider places. Lifetimes are OpenAI's."""
    options = asked.inner("prompt_cache_options")
    if options is None:
        return None
    mode = options.text("mode")
    if options.text("ttl") is not None:
        options.lose("ttl", LossKind.DROPPED, "a lifetime of OpenAI's cache")
    options.done()
    return None if mode == "explicit" else CacheMark()
