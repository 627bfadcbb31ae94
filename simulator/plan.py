"""From a question and a script to an answer that no protocol has touched yet.

The question (`Ask`) is the little that an answer depends on; each provider reads it out of its own
body. The plan is ordered parts, a finish and figures; each provider renders it. Without a script
the answer is short, the same for the same question, and does what was forced: a tool that must be
called is called with arguments that fit its schema, an answer with a schema fits it.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from simulator import tokens
from simulator.sample import sample
from simulator.script import (
    ImagePart,
    Part,
    RedactedPart,
    RefusalPart,
    Script,
    TextPart,
    ThinkingPart,
    ToolPart,
    WebSearchPart,
)

ECHO_CHARACTERS = 200  # of the question, repeated in the default answer


@dataclass(slots=True)
class Tool:
    """A tool the client declared."""

    name: str
    schema: Any = None
    custom: bool = False
    namespace: str | None = None


@dataclass(slots=True)
class Ask:
    """What an answer depends on. `forced`: None, "" (any tool) or a tool's name."""

    model: str
    text: str = ""
    input_tokens: int = 1
    max_tokens: int | None = None
    stops: list[str] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    forced: str | None = None
    schema: Any = None
    json_mode: bool = False
    thinking: bool = False
    must_think: bool = (
        False  # the provider wants the reasoning back: a scripted answer has some too
    )
    hidden: bool = False
    image: bool = False


@dataclass(slots=True)
class Figures:
    """Token counts. `input` excludes cached; `output` includes `reasoning`."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    tool_prompt: int
    audio_input: int
    audio_output: int
    image_input: int
    image_output: int
    web_searches: int
    absent: bool
    raw: dict[str, Any]

    @property
    def all_input(self) -> int:
        """Input the way OpenAI and Google count it: with everything cached."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


@dataclass(slots=True)
class Plan:
    """The answer. `finish` is one of stop, length, tools, refusal, stop_sequence,
    content_filter, pause, context, or a provider's own word."""

    model: str
    parts: list[Part]
    finish: str
    stop_sequence: str | None
    usage: Figures


def plan(ask: Ask, script: Script, received: str = "") -> Plan:
    """The answer to `ask` under `script`. `received` is the text that `echo` answers with."""
    parts = _scripted(ask, script, received) or _default(ask)
    finish = script.finish or _finish(parts)
    if script.finish is None and not _is_scripted(script):
        parts, finish = _within(parts, ask.max_tokens, finish)
    stop = script.stop_sequence
    if ask.stops and script.finish is None:
        parts, found = _stopped(parts, ask.stops)
        if found is not None:
            finish, stop = "stop_sequence", found
    return Plan(script.model or ask.model, parts, finish, stop, _figures(ask, script, parts))


def _is_scripted(script: Script) -> bool:
    return bool(
        script.parts is not None
        or script.text is not None
        or script.tools
        or script.refusal is not None
        or script.images
        or script.echo
    )


def _scripted(ask: Ask, script: Script, received: str) -> list[Part]:
    if script.parts is not None:
        return list(script.parts)
    parts: list[Part] = []
    if script.thinking is not None:
        hidden = ask.hidden if script.thinking_hidden is None else script.thinking_hidden
        parts.append(ThinkingPart(text=script.thinking, hidden=hidden))
    elif ask.must_think and _is_scripted(script):
        parts.append(_thought(ask))
    if script.echo:
        parts.append(TextPart(text=received))
    elif script.text is not None:
        parts.append(TextPart(text=script.text))
    elif script.thinking is not None and not _is_scripted(script):
        parts.append(_answer(ask))
    if script.refusal is not None:
        parts.append(RefusalPart(text=script.refusal))
    parts += script.tools
    parts += [ImagePart()] * script.images
    return parts


def _default(ask: Ask) -> list[Part]:
    parts: list[Part] = []
    if ask.thinking:
        parts.append(_thought(ask))
    tool = _forced_tool(ask)
    if tool is not None:
        value = sample(tool.schema)
        arguments = value if isinstance(value, dict) else {}
        parts.append(
            ToolPart(
                name=tool.name,
                arguments="simulated" if tool.custom else arguments,
                custom=tool.custom,
                namespace=tool.namespace,
            )
        )
        return parts
    parts.append(_answer(ask))
    if ask.image:
        parts.append(ImagePart())
    return parts


def _thought(ask: Ask) -> ThinkingPart:
    return ThinkingPart(text=f"The question has {len(ask.text)} characters.", hidden=ask.hidden)


def _answer(ask: Ask) -> TextPart:
    if ask.schema is not None:
        return TextPart(text=orjson.dumps(sample(ask.schema)).decode())
    if ask.json_mode:
        return TextPart(text=orjson.dumps({"answer": ask.text[:ECHO_CHARACTERS]}).decode())
    said = ask.text[:ECHO_CHARACTERS]
    return TextPart(text=f"You said: {said}" if said else "Hello from the simulator.")


def _forced_tool(ask: Ask) -> Tool | None:
    if ask.forced is None:
        return None
    for tool in ask.tools:
        if ask.forced in ("", tool.name):
            return tool
    return None


def _finish(parts: list[Part]) -> str:
    kinds = {part.kind for part in parts}
    if "refusal" in kinds:
        return "refusal"
    return "tools" if "tool" in kinds else "stop"


def _within(parts: list[Part], limit: int | None, finish: str) -> tuple[list[Part], str]:
    """The model stops at the asked number of tokens; only texts are cut."""
    if limit is None:
        return parts, finish
    kept: list[Part] = []
    for part in parts:
        if not isinstance(part, TextPart):
            kept.append(part)
            continue
        size = tokens.of_text(part.text)
        if size > limit:
            if limit > 0:
                kept.append(TextPart(text=tokens.cut(part.text, limit)))
            return kept, "length"
        kept.append(part)
        limit -= size
    return kept, finish


def _stopped(parts: list[Part], stops: list[str]) -> tuple[list[Part], str | None]:
    for index, part in enumerate(parts):
        if not isinstance(part, TextPart):
            continue
        found = [(part.text.find(stop), stop) for stop in stops if stop and stop in part.text]
        if found:
            position, stop = min(found)
            head: list[Part] = [TextPart(text=part.text[:position])] if position else []
            return parts[:index] + head, stop
    return parts, None


def _figures(ask: Ask, script: Script, parts: list[Part]) -> Figures:
    said = script.usage
    thought = sum(
        tokens.of_text(part.text) for part in parts if isinstance(part, ThinkingPart | RedactedPart)
    )
    reasoning = said.reasoning or thought
    output = said.output
    if output is None:
        output = max(1, reasoning + said.image_output + sum(_visible(part) for part in parts))
    return Figures(
        input=ask.input_tokens if said.input is None else said.input,
        cache_read=said.cache_read,
        cache_write_5m=said.cache_write_5m,
        cache_write_1h=said.cache_write_1h,
        output=output,
        reasoning=min(reasoning, output),
        tool_prompt=said.tool_prompt,
        audio_input=said.audio_input,
        audio_output=said.audio_output,
        image_input=said.image_input,
        image_output=said.image_output,
        web_searches=said.web_searches or sum(isinstance(p, WebSearchPart) for p in parts),
        absent=said.absent,
        raw=said.raw,
    )


def _visible(part: Part) -> int:
    if isinstance(part, TextPart | RefusalPart):
        return tokens.of_text(part.text)
    if isinstance(part, ToolPart):
        return tokens.of_text(part.name) + tokens.of_text(arguments_text(part))
    return 0


def arguments_text(part: ToolPart) -> str:
    """A call's arguments as the text that OpenAI sends and Anthropic streams."""
    if isinstance(part.arguments, str):
        return part.arguments
    return orjson.dumps(part.arguments).decode()


def arguments_object(part: ToolPart) -> dict[str, Any]:
    """The same as the object that Anthropic and Google send; broken text is kept under one key."""
    if not isinstance(part.arguments, str):
        return part.arguments
    try:
        value = orjson.loads(part.arguments)
    except orjson.JSONDecodeError:
        return {"_raw": part.arguments}
    return value if isinstance(value, dict) else {"_raw": part.arguments}
