"""A request in neutral words, written as a Chat Completions body.

What the model does not take is left out and reported, never sent in the hope that it passes. A
field whose value is the default anyway is left out without a loss: saying it would change nothing.
"""

import hashlib
import re
from typing import Any

from translators import text_json
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Encoded, Loss, LossKind, Neutral, unique
from translators.canonical.request import FormatKind, OutputFormat, Request
from translators.openai_chat.request_content import AUTOMATIC
from translators.openai_chat.request_messages import mentions_json, write_messages
from translators.openai_chat.request_thinking import write_thinking
from translators.openai_chat.request_toolbox import write_tools
from translators.openai_chat.strict_schema import is_strict
from translators.openai_chat.vocabulary import SPOKEN_TIERS
from translators.ordering import paired
from translators.protocol import NotUnderstood

Json = dict[str, Any]

MOST_STOPS = 4
MOST_KEY_CHARS = 64  # of `prompt_cache_key`
MOST_NAME_CHARS = 64
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]+")

_JSON_WANTED = "Answer with a JSON object and nothing else."
_SCHEMA_WANTED = "Answer with JSON that fits this JSON schema, and nothing else:\n"


def encode_request(request: Request, capabilities: Capabilities) -> Encoded:
    """The body, and what it could not say. NotUnderstood where leaving out would be no answer."""
    turns, repairs = paired(request.turns)
    losses = list(repairs)
    messages = write_messages(turns, capabilities, losses)
    if not messages:
        message = "Nothing of the messages can be said to this model."
        raise NotUnderstood(message, param=Neutral.MESSAGES)
    body: Json = {"model": request.model, "messages": messages}
    write_tools(request, capabilities, body, losses)
    writer = _Settings(request, capabilities, body, losses)
    writer.cap()
    writer.sampling()
    if request.reasoning is not None:
        write_thinking(request.reasoning, capabilities, body, losses)
    writer.format(messages)
    writer.account()
    if request.choices > 1:
        body["n"] = request.choices
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return Encoded(text_json.dumps(body), unique(losses))


class _Settings:
    """The fields beside messages and tools, added to the body one group at a time."""

    def __init__(
        self, request: Request, capabilities: Capabilities, body: Json, losses: list[Loss]
    ) -> None:
        self._asked = request
        self._knows = capabilities
        self._body = body
        self._losses = losses

    def _lose(self, field: Neutral, kind: LossKind = LossKind.DROPPED, note: str = "") -> None:
        self._losses.append(Loss(field, kind, note))

    def cap(self) -> None:
        wanted, most = self._asked.max_output_tokens, self._knows.max_output_tokens
        if wanted is None:
            return
        tokens = max(1, wanted if most is None else min(wanted, most))
        if tokens != wanted:
            self._lose(Neutral.MAX_OUTPUT_TOKENS, LossKind.CLAMPED)
        legacy = self._knows.legacy_max_tokens
        self._body["max_tokens" if legacy else "max_completion_tokens"] = tokens

    # ------------------------------------------------------------------------------ sampling

    def sampling(self) -> None:
        asked = self._asked.sampling
        self._figure(Neutral.TEMPERATURE, asked.temperature, (0, 2), 1, self._knows.sampling)
        self._figure(Neutral.TOP_P, asked.top_p, (0, 1), 1, self._knows.sampling)
        for name, penalty in (
            (Neutral.PRESENCE_PENALTY, asked.presence_penalty),
            (Neutral.FREQUENCY_PENALTY, asked.frequency_penalty),
        ):
            self._figure(name, penalty, (-2, 2), 0, self._knows.penalties)
        if asked.top_k is not None:
            self._lose(Neutral.TOP_K)
        if asked.seed is not None and self._knows.seed_field is not None:
            self._body[self._knows.seed_field] = asked.seed
        elif asked.seed is not None:
            self._lose(Neutral.SEED)
        if asked.logit_bias and self._knows.sampling and self._knows.logit_bias:
            self._body["logit_bias"] = dict(asked.logit_bias)
        elif asked.logit_bias:
            self._lose(Neutral.LOGIT_BIAS)
        if asked.logprobs or asked.top_logprobs:
            self._lose(Neutral.LOGPROBS, note="the answer's would not be handed on")
        self._stop(asked.stop)

    def _figure(
        self,
        name: Neutral,
        value: float | None,
        limits: tuple[float, float],
        default: float,
        taken: bool,
    ) -> None:
        if value is None:
            return
        if not taken:
            if value != default:
                self._lose(name)
            return
        least, most = limits
        clamped = min(max(value, least), most)
        if clamped != value:
            self._lose(name, LossKind.CLAMPED)
        self._body[name] = clamped

    def _stop(self, stop: tuple[str, ...]) -> None:
        said = [text for text in stop if text]
        if said and not self._knows.stop_sequences:
            self._lose(Neutral.STOP)
        elif said:
            if len(said) > MOST_STOPS:
                self._lose(Neutral.STOP, LossKind.CLAMPED, f"the first {MOST_STOPS} count")
            self._body["stop"] = said[:MOST_STOPS]

    # ------------------------------------------------------------------------ output's form

    def format(self, messages: list[Json]) -> None:
        wanted = self._asked.output_format
        if wanted is None:
            return
        if not self._knows.structured_output:
            self._lose(Neutral.OUTPUT_FORMAT, LossKind.CHANGED, "said in a system message")
            self._instruct(messages, wanted)
        elif wanted.kind is FormatKind.JSON_OBJECT:
            if not mentions_json(messages):
                self._lose(Neutral.OUTPUT_FORMAT, LossKind.ADDED, "the model must be told of JSON")
                self._instruct(messages, wanted)
            self._body["response_format"] = {"type": "json_object"}
        else:
            self._body["response_format"] = self._schema(wanted)

    def _instruct(self, messages: list[Json], wanted: OutputFormat) -> None:
        text = _JSON_WANTED
        if wanted.schema is not None:
            text = _SCHEMA_WANTED + text_json.text(dict(wanted.schema))
        role = "developer" if self._knows.developer_role else "system"
        messages.insert(_after_system(messages), {"role": role, "content": text})

    def _schema(self, wanted: OutputFormat) -> Json:
        """A dialect without `strict` promises its callers an answer that fits: None asks for it
        where the schema allows it."""
        strict = wanted.strict is not False and is_strict(wanted.schema)
        if wanted.strict and not strict:
            self._lose(Neutral.OUTPUT_STRICT, LossKind.CHANGED, "the schema is not strict")
        name = _NOT_IN_NAME.sub("_", wanted.name or "")[:MOST_NAME_CHARS] or "response"
        if wanted.name and name != wanted.name:
            self._lose(Neutral.OUTPUT_NAME, LossKind.CHANGED)
        named: Json = {"name": name}
        if wanted.description:
            named["description"] = wanted.description
        named["schema"] = dict(wanted.schema or {"type": "object"})
        named["strict"] = strict
        return {"type": "json_schema", "json_schema": named}

    # ------------------------------------------------------------------------------- account

    def account(self) -> None:
        """What tells the provider whose request it is, and how to serve it.

        These are OpenAI's own; other servers refuse some of them, so those who take no hints get
        none.
        """
        asked = self._asked
        self._hint("service_tier", self._tier(), Neutral.SERVICE_TIER)
        self._hint("verbosity", asked.verbosity, Neutral.VERBOSITY)
        self._hint("user", asked.user, Neutral.USER)
        self._hint("prompt_cache_key", _short(asked.cache_key), Neutral.CACHE_KEY)
        if asked.cache_mark is not None:
            self._lose(Neutral.CACHE, note=AUTOMATIC)
        if asked.metadata:
            self._lose(Neutral.METADATA, note="kept with stored answers alone")

    def _tier(self) -> str | None:
        """`auto` is what the provider does anyway."""
        tier = self._asked.service_tier
        if tier is None or tier == "auto":
            return None
        if tier not in SPOKEN_TIERS:
            self._lose(Neutral.SERVICE_TIER)
            return None
        return SPOKEN_TIERS[tier]

    def _hint(self, name: str, value: str | None, field: Neutral) -> None:
        if value and self._knows.cache_hints:
            self._body[name] = value
        elif value:
            self._lose(field)


def _after_system(messages: list[Json]) -> int:
    """The place behind the messages of the operator that open the conversation."""
    for index, message in enumerate(messages):
        if message["role"] not in ("system", "developer"):
            return index
    return len(messages)


def _short(key: str | None) -> str | None:
    """A key that fits; a hash is as unique as the key was, which its beginning is not."""
    if key is None or len(key) <= MOST_KEY_CHARS:
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
