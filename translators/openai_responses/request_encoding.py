"""A request in the neutral form, written for an upstream that speaks this dialect.

The upstream stores nothing (`store` is always false), so what it thought must come back sealed:
`reasoning.encrypted_content` is asked for wherever the model may reason. The bytes depend on the
request alone, and a longer conversation has the shorter one's items as its beginning.
"""

import hashlib
import re
from typing import Any

from translators import text_json
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.effort import Effort, effort_of, nearest
from translators.canonical.loss import Encoded, Loss, LossKind, Neutral, unique
from translators.canonical.parts import Text
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Turn,
)
from translators.openai_responses import schemas
from translators.openai_responses.item_encoding import Writing
from translators.openai_responses.tool_encoding import (
    encode_choice,
    encode_tools,
    most_tool_calls,
)
from translators.openai_responses.vocabulary import SPOKEN_TIERS
from translators.ordering import paired, prefilled
from translators.protocol import NotUnderstood

_LEAST_OUTPUT_TOKENS = 16  # the server's own minimum
_MOST_KEY_CHARACTERS = 64  # of prompt_cache_key
_MOST_METADATA = 16  # pairs; keys of 64, values of 512 characters at most
_SUMMARIES = ("auto", "concise", "detailed")
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_JSON = "Answer in JSON."
_SAYS_JSON = Loss(Neutral.OUTPUT_FORMAT, LossKind.ADDED, "the word JSON, which is demanded")
_ANSWERED = Loss(Neutral.PREFILL, LossKind.CHANGED, "the model answers instead of continuing")


def encode_request(request: Request, capabilities: Capabilities) -> Encoded:
    """The body of `/responses`, and what it could not say."""
    if request.choices > 1:
        message = "This model's provider gives one answer at a time."
        raise NotUnderstood(message, param=Neutral.CHOICES)
    losses: list[Loss] = []
    body: dict[str, Any] = {"model": request.model}
    _put_conversation(body, request, capabilities, losses)
    _put_tools(body, request, capabilities, losses)
    _put_sampling(body, request.sampling, capabilities, losses)
    _put_limit(body, request.max_output_tokens, capabilities, losses)
    _put_reasoning(body, request.reasoning, capabilities, losses)
    _put_text(body, request, capabilities, losses)
    _put_bookkeeping(body, request, capabilities, losses)
    body["store"] = False
    body["stream"] = request.stream
    return Encoded(text_json.dumps(body), unique(losses))


# ------------------------------------------------------------------------------------- conversation


def _put_conversation(
    body: dict[str, Any], request: Request, capabilities: Capabilities, losses: list[Loss]
) -> None:
    turns, repairs = paired(request.turns)
    losses += repairs
    instructions, turns = _instructions(turns)
    writing = Writing(capabilities, losses)
    if _lacks_the_word_json(request, turns):
        losses.append(_SAYS_JSON)
        turns = [Turn(Role.SYSTEM, (Text(_JSON),)), *turns]
    writing.write(turns)
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = writing.items
    if prefilled(turns):
        losses.append(_ANSWERED)


def _instructions(turns: list[Turn]) -> tuple[str | None, list[Turn]]:
    """A first system turn that is one text, and no second one behind it, is `instructions`."""
    if not turns or turns[0].role is not Role.SYSTEM or len(turns) < 2:
        return None, turns
    parts = turns[0].parts
    if len(parts) != 1 or turns[1].role is Role.SYSTEM or turns[0].name is not None:
        return None, turns
    only = parts[0]
    if not isinstance(only, Text) or not only.text or only.cache or only.sealed:
        return None, turns
    return only.text, turns[1:]


def _lacks_the_word_json(request: Request, turns: list[Turn]) -> bool:
    """The server refuses `json_object` unless the input itself says 'JSON'."""
    wanted = request.output_format
    if wanted is None or wanted.kind is not FormatKind.JSON_OBJECT:
        return False
    return not any(
        isinstance(part, Text) and "json" in part.text.lower()
        for turn in turns
        for part in turn.parts
    )


def _put_tools(
    body: dict[str, Any], request: Request, capabilities: Capabilities, losses: list[Loss]
) -> None:
    sent = encode_tools(request.tools, capabilities, losses)
    if sent:
        body["tools"] = sent
    if (choice := encode_choice(request, sent, capabilities, losses)) is not None:
        body["tool_choice"] = choice
    if (most := most_tool_calls(request.tools, sent, losses)) is not None:
        body["max_tool_calls"] = most
    parallel = request.parallel_tool_calls
    if parallel is None or not sent:
        return
    if capabilities.parallel_tool_calls:
        body["parallel_tool_calls"] = parallel
    elif parallel:
        losses.append(Loss(Neutral.PARALLEL_TOOL_CALLS, LossKind.DROPPED))


# ------------------------------------------------------------------------------ sampling and limits


def _put_sampling(
    body: dict[str, Any], sampling: Sampling, capabilities: Capabilities, losses: list[Loss]
) -> None:
    for name, value, most in (
        (Neutral.TEMPERATURE, sampling.temperature, 2.0),
        (Neutral.TOP_P, sampling.top_p, 1.0),
    ):
        if value is None:
            continue
        if not capabilities.sampling:
            losses.append(Loss(name, LossKind.DROPPED, "the model takes none"))
            continue
        clamped = min(max(value, 0), most)
        if clamped != value:
            losses.append(Loss(name, LossKind.CLAMPED))
        body[name] = clamped
    absent = {
        Neutral.TOP_K: sampling.top_k,
        Neutral.SEED: sampling.seed,
        Neutral.PRESENCE_PENALTY: sampling.presence_penalty,
        Neutral.FREQUENCY_PENALTY: sampling.frequency_penalty,
        Neutral.LOGIT_BIAS: sampling.logit_bias or None,
        Neutral.LOGPROBS: sampling.logprobs or None,
        Neutral.TOP_LOGPROBS: sampling.top_logprobs,
        Neutral.STOP: sampling.stop or None,
    }
    losses += [Loss(name, LossKind.DROPPED) for name, v in absent.items() if v is not None]


def _put_limit(
    body: dict[str, Any], most: int | None, capabilities: Capabilities, losses: list[Loss]
) -> None:
    if most is None:
        return
    limit = max(most, _LEAST_OUTPUT_TOKENS)
    if capabilities.max_output_tokens is not None:
        limit = min(limit, capabilities.max_output_tokens)
    if limit != most:
        losses.append(Loss(Neutral.MAX_OUTPUT_TOKENS, LossKind.CLAMPED))
    body["max_output_tokens"] = limit


# ---------------------------------------------------------------------------------------- reasoning


def _put_reasoning(
    body: dict[str, Any],
    wish: ReasoningWish | None,
    capabilities: Capabilities,
    losses: list[Loss],
) -> None:
    if capabilities.thinking is Thinking.NONE:
        if wish is not None and not wish.off:
            losses.append(Loss(Neutral.REASONING, LossKind.DROPPED, "the model does not reason"))
        return
    effort = _effort(wish, capabilities, losses) if wish is not None else None
    said: dict[str, str] = {} if effort is None else {"effort": effort}
    if wish is not None and wish.summary in _SUMMARIES:
        said["summary"] = wish.summary
    if said:
        body["reasoning"] = said
    if effort != "none":
        body["include"] = ["reasoning.encrypted_content"]


def _effort(wish: ReasoningWish, capabilities: Capabilities, losses: list[Loss]) -> str | None:
    if wish.off:
        if capabilities.thinking_off:
            return "none"
        losses.append(Loss(Neutral.REASONING_OFF, LossKind.CLAMPED, "the least the model does"))
        return nearest(Effort.MINIMAL, capabilities.efforts).value
    asked = wish.effort
    if asked is None and wish.budget_tokens is not None:
        losses.append(Loss(Neutral.BUDGET_TOKENS, LossKind.CHANGED, "said as an effort"))
        asked = effort_of(wish.budget_tokens)
    if asked is None:
        return None
    taken = nearest(asked, capabilities.efforts)
    if taken is not asked:
        losses.append(Loss(Neutral.EFFORT, LossKind.CLAMPED))
    return taken.value


# --------------------------------------------------------------------------------------------- text


def _put_text(
    body: dict[str, Any], request: Request, capabilities: Capabilities, losses: list[Loss]
) -> None:
    text: dict[str, Any] = {}
    wanted = request.output_format
    if wanted is not None and not capabilities.structured_output:
        losses.append(Loss(Neutral.OUTPUT_FORMAT, LossKind.DROPPED))
    elif wanted is not None:
        text["format"] = _format(wanted, losses)
    if request.verbosity in ("low", "medium", "high"):
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _format(wanted: OutputFormat, losses: list[Loss]) -> dict[str, Any]:
    if wanted.kind is FormatKind.JSON_OBJECT or wanted.schema is None:
        return {"type": "json_object"}
    strict = bool(wanted.strict) and schemas.is_strict(wanted.schema)
    if wanted.strict and not strict:
        losses.append(Loss(Neutral.OUTPUT_STRICT, LossKind.CHANGED, "the schema is not strict"))
    name = _NOT_IN_A_NAME.sub("_", wanted.name or "")[:64] or "response"
    if wanted.name is not None and name != wanted.name:
        losses.append(Loss(Neutral.OUTPUT_NAME, LossKind.CHANGED))
    format_ = {"type": "json_schema", "name": name, "strict": strict, "schema": wanted.schema}
    if wanted.description is not None:
        format_["description"] = wanted.description
    return format_


# -------------------------------------------------------------------------------------- bookkeeping


def _put_bookkeeping(
    body: dict[str, Any], request: Request, capabilities: Capabilities, losses: list[Loss]
) -> None:
    if request.cache_key is not None:
        if capabilities.cache_hints:
            body["prompt_cache_key"] = _short(request.cache_key)
        else:
            losses.append(Loss(Neutral.CACHE_KEY, LossKind.DROPPED))
    if request.user is not None:
        body["safety_identifier"] = request.user
    if request.service_tier is not None:
        if request.service_tier in SPOKEN_TIERS:
            body["service_tier"] = SPOKEN_TIERS[request.service_tier]
        else:
            losses.append(Loss(Neutral.SERVICE_TIER, LossKind.DROPPED))
    if request.metadata:
        kept = {
            name: value
            for name, value in request.metadata.items()
            if isinstance(value, str) and len(name) <= 64 and len(value) <= 512
        }
        kept = dict(list(kept.items())[:_MOST_METADATA])
        if len(kept) < len(request.metadata):
            losses.append(Loss(Neutral.METADATA, LossKind.DROPPED, "more or longer than is taken"))
        if kept:
            body["metadata"] = kept


def _short(key: str) -> str:
    """The key, or a digest where it is longer than the server takes: as good as the key itself."""
    if len(key) <= _MOST_KEY_CHARACTERS:
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
