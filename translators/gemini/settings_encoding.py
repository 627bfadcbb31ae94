"""`generationConfig` of a neutral request: sampling, limits, the shape of the answer, thinking."""

from typing import Any

from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.effort import BUDGETS, Effort, effort_of, nearest
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.canonical.request import FormatKind, OutputFormat, ReasoningWish, Request
from translators.gemini.schema import cleaned
from translators.gemini.vocabulary import SPOKEN_LEVELS

MOST_STOPS = 5

_MOST_TEMPERATURE = 2.0
# A penalty lies from -2 up to, but not including, 2.
_PENALTIES = (-2.0, 1.99)
_SEEDS = 2**31


def generation_config(
    request: Request, capabilities: Capabilities, losses: list[Loss]
) -> dict[str, Any]:
    config: dict[str, Any] = {}
    _add_sampling(request, capabilities, config, losses)
    _add_penalties(request, capabilities, config, losses)
    _add_stops(request, capabilities, config, losses)
    _add_limit(request, capabilities, config, losses)
    if request.output_format is not None:
        _add_format(request.output_format, capabilities, config, losses)
    if request.reasoning is not None:
        thinking = _thinking(request.reasoning, capabilities, losses)
        if thinking:
            config["thinkingConfig"] = thinking
    return config


def _clamped(name: Neutral, value: float, least: float, most: float, losses: list[Loss]) -> float:
    if least <= value <= most:
        return value
    losses.append(Loss(name, LossKind.CLAMPED))
    return min(max(value, least), most)


def _add_sampling(
    request: Request, capabilities: Capabilities, config: dict[str, Any], losses: list[Loss]
) -> None:
    sampling = request.sampling
    for name, field, value, least, most in (
        ("temperature", Neutral.TEMPERATURE, sampling.temperature, 0, _MOST_TEMPERATURE),
        ("topP", Neutral.TOP_P, sampling.top_p, 0, 1),
        ("topK", Neutral.TOP_K, sampling.top_k, 1, 2**31 - 1),
    ):
        if value is None:
            continue
        if capabilities.sampling:
            config[name] = _clamped(field, value, least, most, losses)
        else:
            losses.append(Loss(field, LossKind.DROPPED))
    if sampling.seed is not None:
        if not 0 <= sampling.seed < _SEEDS:
            losses.append(Loss(Neutral.SEED, LossKind.CHANGED, "brought into 31 bits"))
        config["seed"] = sampling.seed % _SEEDS
    # Probabilities of tokens have no place in a neutral answer.
    for field, said in (
        (Neutral.LOGIT_BIAS, bool(sampling.logit_bias)),
        (Neutral.LOGPROBS, bool(sampling.logprobs)),
        (Neutral.TOP_LOGPROBS, bool(sampling.top_logprobs)),
    ):
        if said:
            losses.append(Loss(field, LossKind.DROPPED))


def _add_penalties(
    request: Request, capabilities: Capabilities, config: dict[str, Any], losses: list[Loss]
) -> None:
    for name, field, value in (
        ("presencePenalty", Neutral.PRESENCE_PENALTY, request.sampling.presence_penalty),
        ("frequencyPenalty", Neutral.FREQUENCY_PENALTY, request.sampling.frequency_penalty),
    ):
        if value is None or (not value and not capabilities.penalties):
            continue
        if capabilities.penalties:
            config[name] = _clamped(field, value, *_PENALTIES, losses)
        else:
            losses.append(Loss(field, LossKind.DROPPED))


def _add_stops(
    request: Request, capabilities: Capabilities, config: dict[str, Any], losses: list[Loss]
) -> None:
    stops = list(dict.fromkeys(stop for stop in request.sampling.stop if stop))
    if not stops:
        return
    if not capabilities.stop_sequences:
        losses.append(Loss(Neutral.STOP, LossKind.DROPPED))
        return
    if len(stops) > MOST_STOPS:
        losses.append(Loss(Neutral.STOP, LossKind.CLAMPED, f"the first {MOST_STOPS} are kept"))
    config["stopSequences"] = stops[:MOST_STOPS]


def _add_limit(
    request: Request, capabilities: Capabilities, config: dict[str, Any], losses: list[Loss]
) -> None:
    wanted = request.max_output_tokens
    if wanted is None:
        return
    most = capabilities.max_output_tokens or wanted
    limit = _clamped(Neutral.MAX_OUTPUT_TOKENS, wanted, 1, max(1, most), losses)
    config["maxOutputTokens"] = int(limit)


def _add_format(
    wanted: OutputFormat, capabilities: Capabilities, config: dict[str, Any], losses: list[Loss]
) -> None:
    if not capabilities.structured_output:
        losses.append(Loss(Neutral.OUTPUT_FORMAT, LossKind.DROPPED))
        return
    config["responseMimeType"] = "application/json"
    if wanted.description:
        losses.append(Loss(Neutral.OUTPUT_DESCRIPTION, LossKind.DROPPED))
    if wanted.kind is not FormatKind.JSON_SCHEMA or not wanted.schema:
        return
    if capabilities.full_json_schema:
        config["responseJsonSchema"] = wanted.schema
        return
    config["responseSchema"], changed = cleaned(wanted.schema)
    if changed:
        losses.append(Loss(Neutral.OUTPUT_SCHEMA, LossKind.CHANGED, "parts became hints"))


# ------------------------------------------------------------------------------------ thinking


def _thinking(
    wish: ReasoningWish, capabilities: Capabilities, losses: list[Loss]
) -> dict[str, Any]:
    if capabilities.thinking is Thinking.NONE:
        if not wish.off and (wish.effort or wish.budget_tokens or wish.adaptive):
            losses.append(Loss(Neutral.REASONING, LossKind.DROPPED, "the model does not reason"))
        return {}
    by_budget = capabilities.thinking is Thinking.BUDGET
    said = (_by_budget if by_budget else _by_level)(wish, capabilities, losses)
    if wish.summary is not None and not wish.off:
        said["includeThoughts"] = wish.summary != "none"
        if wish.summary in ("concise", "detailed"):
            losses.append(Loss(Neutral.SUMMARY, LossKind.CHANGED, "one kind of summary"))
    return said


def _by_budget(
    wish: ReasoningWish, capabilities: Capabilities, losses: list[Loss]
) -> dict[str, Any]:
    if wish.off:
        if capabilities.thinking_off:
            return {"thinkingBudget": 0}
        losses.append(Loss(Neutral.REASONING_OFF, LossKind.CLAMPED, "the model always reasons"))
        return {"thinkingBudget": capabilities.min_budget_tokens}
    if wish.budget_tokens is not None:
        field, budget = Neutral.BUDGET_TOKENS, wish.budget_tokens
    elif wish.effort is not None:
        field, budget = Neutral.EFFORT, BUDGETS[wish.effort]
    else:
        return {"thinkingBudget": -1} if wish.adaptive else {}
    least = capabilities.min_budget_tokens
    most = max(least, capabilities.max_budget_tokens or budget)
    return {"thinkingBudget": int(_clamped(field, budget, least, most, losses))}


def _by_level(
    wish: ReasoningWish, capabilities: Capabilities, losses: list[Loss]
) -> dict[str, Any]:
    if wish.off:
        asked, field = Effort.MINIMAL, Neutral.REASONING_OFF
        losses.append(Loss(field, LossKind.CLAMPED, "the least level"))
    elif wish.effort is not None:
        asked, field = wish.effort, Neutral.EFFORT
    elif wish.budget_tokens is not None:
        asked, field = effort_of(wish.budget_tokens), Neutral.BUDGET_TOKENS
        losses.append(Loss(field, LossKind.CHANGED, "a level instead of a budget"))
    else:
        return {}
    known = tuple(effort for effort in SPOKEN_LEVELS if effort in capabilities.efforts)
    level = nearest(asked, known or tuple(SPOKEN_LEVELS))
    if level is not asked:
        losses.append(Loss(field, LossKind.CLAMPED))
    return {"thinkingLevel": SPOKEN_LEVELS[level]}
