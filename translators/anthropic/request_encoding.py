"""A request in the words of the Messages API, and nothing that it would refuse.

The order of the work: turns are paired, reminders made of system turns where the model knows none
in mid-conversation, blocks written, empty messages left out and neighbours of one role made one.
What the messages then hold decides about thinking (request_encoding_thinking.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from translators import ordering, text_json
from translators.anthropic.request_cache import tidy
from translators.anthropic.request_encoding_blocks import Block, BlockWriter, cache_control
from translators.anthropic.request_encoding_thinking import Conversation, Plan, plan
from translators.anthropic.request_encoding_tools import toolbox
from translators.anthropic.schemas import NotEnforceable, enforced_schema
from translators.anthropic.vocabulary import SPOKEN_TIERS
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Encoded, Loss, LossKind, Neutral, unique
from translators.canonical.parts import Part, Text
from translators.canonical.request import FormatKind, OutputFormat, Request, Role, Turn
from translators.protocol import NotUnderstood

# The least that the user can say where the API wants him to speak and he did not.
NO_WORDS = "."

REMINDER = Loss(Neutral.SYSTEM, LossKind.CHANGED, "a later system turn became a reminder")
BEGUN = Loss(Neutral.MESSAGES, LossKind.ADDED, "a conversation begins with the user")
ENDED = Loss(Neutral.MESSAGES, LossKind.ADDED, "a conversation ends with the user")
NO_NAME = Loss(Neutral.SPEAKER, LossKind.DROPPED)
STRIPPED = Loss(Neutral.TEXT, LossKind.CHANGED, "white space at the end of the prefill")
FORMAT_TOLD = Loss(Neutral.OUTPUT_FORMAT, LossKind.CHANGED, "the format is told, not enforced")
SCHEMA_TOLD = Loss(Neutral.OUTPUT_SCHEMA, LossKind.CHANGED, "some is told, not enforced")

_PREFILL = (
    "This model does not continue a message of the assistant: the conversation must end with a "
    "message of the user."
)
_SERVER_BLOCKS = ("server_tool_use", "mcp_tool_use")


def encode_request(request: Request, capabilities: Capabilities) -> Encoded:
    """The body, and what it could not say. NotUnderstood where no loss would be honest."""
    if request.choices > 1:
        raise NotUnderstood("This model gives one answer at a time.", param=Neutral.CHOICES)
    losses: list[Loss] = []
    body = _body(request, capabilities, losses)
    return Encoded(_dumped(body), unique(losses))


def encode_count(request: Request, capabilities: Capabilities) -> Encoded:
    """The question for the count of the request's tokens: without what only an answer needs."""
    losses: list[Loss] = []
    body = _body(replace(request, choices=1), capabilities, losses)
    counted = {name: body[name] for name in _COUNTED if name in body}
    return Encoded(_dumped(counted), unique(losses))


def _dumped(body: dict[str, Any]) -> bytes:
    try:
        return text_json.dumps(body)
    except RecursionError:
        raise NotUnderstood("The request is nested too deeply.") from None


_COUNTED = (
    "model",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
)


def _body(request: Request, capabilities: Capabilities, losses: list[Loss]) -> dict[str, Any]:
    config, instruction = _format(request.output_format, capabilities, losses)
    writer = BlockWriter(capabilities, formatted=bool(config), losses=losses)
    system, turns = _turns(request, capabilities, losses)
    blocks = [block for block in writer.blocks(Role.SYSTEM, system) if block["type"] == "text"]
    if instruction is not None:
        blocks.append({"type": "text", "text": instruction})
    messages = _messages(turns, writer, capabilities)
    box = toolbox(request, capabilities, losses)
    planned = plan(request, capabilities, _conversation(messages), box, losses)
    if planned.effort is not None:
        config["effort"] = planned.effort
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": planned.max_tokens,
        "system": blocks,
        "messages": messages,
        "tools": box.tools,
        "tool_choice": box.choice,
        "thinking": planned.thinking,
        "output_config": config,
        **_sampling(request, capabilities, planned, losses),
        **_accounting(request, losses),
        "stream": request.stream or None,
    }
    if request.cache_mark is not None:
        body["cache_control"] = cache_control(request.cache_mark)
    body = {name: value for name, value in body.items() if value not in (None, [], {})}
    body["messages"] = messages
    tidy(body, losses)
    return body


# ---------------------------------------------------------------------------------------- messages


def _turns(
    request: Request, capabilities: Capabilities, losses: list[Loss]
) -> tuple[tuple[Part, ...], list[Turn]]:
    """The system prompt, and the turns of the conversation with its system turns in place. The API
    knows them behind what the user said."""
    paired, repairs = ordering.paired(request.turns)
    losses += repairs
    first = next((at for at, t in enumerate(paired) if t.role is not Role.SYSTEM), len(paired))
    system = tuple(part for turn in paired[:first] for part in turn.parts)
    turns: list[Turn] = []
    for turn in paired[first:]:
        if turn.name is not None:
            losses.append(NO_NAME)
        if turn.role is Role.SYSTEM:
            after_user = bool(turns) and turns[-1].role is not Role.ASSISTANT
            if not (capabilities.mid_conversation_system and after_user):
                losses.append(REMINDER)
                turn = _reminder(turn)
        turns.append(turn)
    return system, ordering.merged(turns)


def _reminder(turn: Turn) -> Turn:
    """A system turn as the user's, in the words that Claude takes for the operator's."""
    parts = tuple(
        replace(part, text=f"<system-reminder>\n{part.text}\n</system-reminder>")
        if isinstance(part, Text) and part.text.strip()
        else part
        for part in turn.parts
    )
    return Turn(Role.USER, parts)


def _messages(turns: list[Turn], writer: BlockWriter, capabilities: Capabilities) -> list[Block]:
    messages: list[Block] = []
    for turn in turns:
        blocks = writer.blocks(turn.role, turn.parts)
        if not blocks:
            continue
        if messages and messages[-1]["role"] == turn.role.value and turn.role is not Role.SYSTEM:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": turn.role.value, "content": blocks})
    if not messages or messages[0]["role"] != Role.USER.value:
        writer.losses.append(BEGUN)
        messages.insert(0, _wordless())
    last = messages[-1]
    if last["role"] == Role.ASSISTANT.value and not _is_paused(last["content"][-1]):
        if ordering.prefilled(turns):
            _check_prefill(last["content"][-1], capabilities, writer.losses)
        else:
            writer.losses.append(ENDED)
            messages.append(_wordless())
    return messages


def _wordless() -> Block:
    return {"role": Role.USER.value, "content": [{"type": "text", "text": NO_WORDS}]}


def _is_paused(block: Block) -> bool:
    """Whether a turn was paused while the API's own tools ran: it is sent back as it is, and every
    model continues it."""
    return block["type"] in _SERVER_BLOCKS or block["type"].endswith("_tool_result")


def _check_prefill(block: Block, capabilities: Capabilities, losses: list[Loss]) -> None:
    """The beginning of an answer, which may not end in white space."""
    if not capabilities.prefill:
        raise NotUnderstood(_PREFILL, param=Neutral.PREFILL)
    if block["type"] == "text" and block["text"] != block["text"].rstrip():
        losses.append(STRIPPED)
        block["text"] = block["text"].rstrip()


def _conversation(messages: list[Block]) -> Conversation:
    """What matters of the written messages for thinking."""
    if messages[-1]["role"] == Role.ASSISTANT.value:
        return Conversation(loses_thread=False, prefilled=True)
    after: list[Block] = []  # what the user said since the assistant's latest message
    for message in reversed(messages):
        if message["role"] == Role.ASSISTANT.value:
            in_loop = any(block["type"] == "tool_result" for block in after)
            thinks = message["content"][0]["type"] in ("thinking", "redacted_thinking")
            return Conversation(loses_thread=in_loop and not thinks, prefilled=False)
        after += message["content"]
    return Conversation(loses_thread=False, prefilled=False)


# ----------------------------------------------------------------------------------- how to answer


def _format(
    wanted: OutputFormat | None, capabilities: Capabilities, losses: list[Loss]
) -> tuple[dict[str, Any], str | None]:
    """`output_config`, or an instruction where the API cannot enforce the format."""
    if wanted is None:
        return {}, None
    if wanted.kind is FormatKind.JSON_SCHEMA and capabilities.structured_output:
        try:
            schema, told = enforced_schema(wanted.schema or {})
        except NotEnforceable:
            pass
        else:
            if told:
                losses.append(SCHEMA_TOLD)
            if wanted.description:
                losses.append(Loss(Neutral.OUTPUT_DESCRIPTION, LossKind.DROPPED))
            return {"format": {"type": "json_schema", "schema": schema}}, None
    losses.append(FORMAT_TOLD)
    return {}, _instruction(wanted)


def _instruction(wanted: OutputFormat) -> str:
    told = "Answer with a single JSON object and nothing else: no explanation, no code fence."
    if wanted.schema is None:
        return told
    told = told.replace("a single JSON object", "JSON that matches the JSON schema below")
    about = f"\n\n{wanted.description}" if wanted.description else ""
    return f"{told}{about}\n\n{text_json.text(wanted.schema)}"


def _sampling(
    request: Request, capabilities: Capabilities, planned: Plan, losses: list[Loss]
) -> dict[str, Any]:
    sampling = request.sampling
    written: dict[str, Any] = {}
    if capabilities.sampling:
        written = _drawing(request, planned, losses)
    else:
        figures: tuple[tuple[Neutral, object, object], ...] = (
            (Neutral.TEMPERATURE, sampling.temperature, 1),
            (Neutral.TOP_P, sampling.top_p, 1),
            (Neutral.TOP_K, sampling.top_k, None),
        )
        losses += _unsaid(figures, "this model takes none")
    written["stop_sequences"] = _stops(request, capabilities, losses)
    placeless: tuple[tuple[Neutral, object, object], ...] = (
        (Neutral.SEED, sampling.seed, None),
        (Neutral.PRESENCE_PENALTY, sampling.presence_penalty, 0),
        (Neutral.FREQUENCY_PENALTY, sampling.frequency_penalty, 0),
        (Neutral.LOGIT_BIAS, sampling.logit_bias, {}),
        (Neutral.LOGPROBS, sampling.logprobs, False),
        (Neutral.TOP_LOGPROBS, sampling.top_logprobs, 0),
        (Neutral.VERBOSITY, request.verbosity, "medium"),
    )
    losses += _unsaid(placeless)
    return written


def _unsaid(wishes: Iterable[tuple[Neutral, object, object]], note: str = "") -> Iterator[Loss]:
    """The losses of wishes that are not what happens anyway: name, wish, and what happens."""
    for name, wanted, usual in wishes:
        if wanted is not None and wanted != usual:
            yield Loss(name, LossKind.DROPPED, note)


def _drawing(request: Request, planned: Plan, losses: list[Loss]) -> dict[str, Any]:
    """Temperature, top_p and top_k. While thinking, only the default temperature is permitted, and
    never temperature and top_p together."""
    sampling = request.sampling
    written: dict[str, Any] = {}
    temperature, top_p = sampling.temperature, sampling.top_p
    if temperature is not None:
        within = min(max(temperature, 0), 1)
        if within != temperature:
            losses.append(Loss(Neutral.TEMPERATURE, LossKind.CLAMPED, "0 to 1"))
        if not planned.thinks:
            written["temperature"] = within
        elif within != 1:
            losses.append(Loss(Neutral.TEMPERATURE, LossKind.DROPPED, "not beside reasoning"))
    if top_p is not None and top_p != 1:
        if temperature is not None and not planned.thinks:
            losses.append(Loss(Neutral.TOP_P, LossKind.DROPPED, "not beside a temperature"))
        elif planned.thinks and top_p < _LEAST_TOP_P:
            losses.append(Loss(Neutral.TOP_P, LossKind.DROPPED, "not beside reasoning"))
        else:
            written["top_p"] = min(max(top_p, 0), 1)
    if sampling.top_k is not None:
        if planned.thinks:
            losses.append(Loss(Neutral.TOP_K, LossKind.DROPPED, "not beside reasoning"))
        else:
            written["top_k"] = sampling.top_k
    return written


# While thinking, the API takes a top_p from here to 1.
_LEAST_TOP_P = 0.95


def _stops(request: Request, capabilities: Capabilities, losses: list[Loss]) -> list[str]:
    stops = request.sampling.stop
    if stops and not capabilities.stop_sequences:
        losses.append(Loss(Neutral.STOP, LossKind.DROPPED))
        return []
    seen = [stop for stop in stops if stop.strip()]
    if len(seen) < len(stops):
        losses.append(Loss(Neutral.STOP, LossKind.DROPPED, "a sequence of white space"))
    return seen


def _accounting(request: Request, losses: list[Loss]) -> dict[str, Any]:
    """Who asks, and on which terms."""
    written: dict[str, Any] = {}
    if request.user:
        written["metadata"] = {"user_id": request.user}
    if request.service_tier not in (None, "auto"):
        tier = SPOKEN_TIERS.get(request.service_tier or "")
        if tier is None:
            losses.append(Loss(Neutral.SERVICE_TIER, LossKind.DROPPED))
        written["service_tier"] = tier
    if request.metadata:
        losses.append(Loss(Neutral.METADATA, LossKind.DROPPED))
    if request.cache_key is not None:
        losses.append(Loss(Neutral.CACHE_KEY, LossKind.DROPPED, "caching follows marks"))
    return written
