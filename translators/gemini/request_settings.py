"""`generationConfig` of a request, read."""

from typing import Any, NamedTuple

from translators.canonical.loss import Loss, LossKind
from translators.canonical.request import FormatKind, OutputFormat, ReasoningWish, Sampling
from translators.gemini.schema_reading import standard_schema
from translators.gemini.vocabulary import HEARD_LEVELS
from translators.gemini.wire import Fields
from translators.protocol import NotUnderstood

_CONFIG = "generationConfig"


class Settings(NamedTuple):
    """What `generationConfig` says; the defaults are those of a request without it."""

    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    choices: int = 1
    output_format: OutputFormat | None = None
    reasoning: ReasoningWish | None = None
    shows_thoughts: bool = False


def read_settings(request: Fields, losses: list[Loss]) -> Settings:
    config = request.inner(_CONFIG)
    if config is None:
        return Settings()
    thinking = config.inner("thinkingConfig")
    settings = Settings(
        _sampling(config),
        _at_least(config, "maxOutputTokens", 0),
        _at_least(config, "candidateCount", 1) or 1,
        _output_format(config, losses),
        None if thinking is None else _reasoning(thinking),
        thinking is not None and bool(thinking.flag("includeThoughts")),
    )
    modalities = [word.upper() for word in config.texts("responseModalities")]
    if [word for word in modalities if word not in ("TEXT", "MODALITY_UNSPECIFIED")]:
        losses.append(Loss(f"{_CONFIG}.responseModalities", LossKind.DROPPED))
    if config.word("mediaResolution") not in (None, "MEDIA_RESOLUTION_UNSPECIFIED"):
        losses.append(Loss(f"{_CONFIG}.mediaResolution", LossKind.DROPPED))
    if thinking is not None:
        losses += thinking.unread()
    losses += config.unread()
    return settings


def _at_least(config: Fields, name: str, least: int) -> int | None:
    value = config.whole(name)
    if value is not None and value < least:
        raise config.wrong(name, f"{least} or more")
    return value


def _sampling(config: Fields) -> Sampling:
    return Sampling(
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.whole("topK"),
        seed=config.whole("seed"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        logprobs=config.flag("responseLogprobs"),
        top_logprobs=config.whole("logprobs"),
        stop=config.texts("stopSequences"),
    )


def _output_format(config: Fields, losses: list[Loss]) -> OutputFormat | None:
    mime = (config.text("responseMimeType") or "").lower()
    schema = _schema(config)
    if mime not in ("", "text/plain", "application/json"):
        # text/x.enum wants a bare word, which nobody else can be made to say.
        losses.append(Loss(f"{_CONFIG}.responseMimeType", LossKind.DROPPED))
        if schema is not None:
            losses.append(Loss(f"{_CONFIG}.responseSchema", LossKind.DROPPED))
        return None
    if schema is not None:
        return OutputFormat(FormatKind.JSON_SCHEMA, schema)
    return OutputFormat(FormatKind.JSON_OBJECT) if mime == "application/json" else None


def _schema(config: Fields) -> dict[str, Any] | None:
    proto = config.get("responseSchema")
    plain = config.get("responseJsonSchema")
    if proto is not None and plain is not None:
        path = config.at("responseJsonSchema")
        raise NotUnderstood(
            "only one of response_schema and response_json_schema can be set", param=path
        )
    if proto is not None:
        return standard_schema(proto, config.at("responseSchema"))
    if plain is not None and not isinstance(plain, dict):
        raise config.wrong("responseJsonSchema", "a schema object")
    return plain


def _reasoning(thinking: Fields) -> ReasoningWish | None:
    budget = thinking.whole("thinkingBudget")
    word = thinking.word("thinkingLevel")
    shown = thinking.flag("includeThoughts")
    summary = {True: "auto", False: "none"}.get(shown) if shown is not None else None
    if word in (None, "THINKING_LEVEL_UNSPECIFIED"):
        effort = None
    elif (effort := HEARD_LEVELS.get(word)) is None:
        raise thinking.wrong("thinkingLevel", "one of MINIMAL, LOW, MEDIUM, HIGH, XHIGH")
    if budget is not None and effort is not None:
        path = thinking.at("thinkingBudget")
        raise NotUnderstood(
            "You can only set only one of thinking budget and thinking level.", param=path
        )
    if budget == 0:
        return ReasoningWish(off=True, summary=summary)
    if budget is not None and budget < 0:
        return ReasoningWish(adaptive=True, summary=summary)
    if budget is None and effort is None and summary is None:
        return None
    return ReasoningWish(effort=effort, budget_tokens=budget, summary=summary)
