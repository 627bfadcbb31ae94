"""The parts of one content of a request.

Seals. A signature of the target's own family goes back where it stood; all others are dropped, and
so is reasoning that nobody signed, which the API takes for text of its own. The first function call
of each step must be signed: one that is not borrows the seal of own reasoning before it (clients
keep it there that have no place on calls), or else says the word that Google documents for calls
from elsewhere, which costs quality and is a loss. The API looks at the current turn alone; the word
stands in earlier ones too, so that a longer conversation begins with the bytes of the shorter one
and the prompt's cache stays warm.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, assert_never

from translators import text_json
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.loss import Loss, LossKind, Neutral, of_part
from translators.canonical.parts import (
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import Turn
from translators.canonical.sealed import Sealed
from translators.gemini.arguments import arguments_object
from translators.gemini.media_encoding import MediaParts
from translators.gemini.media_parts import NAME
from translators.gemini.vocabulary import SENTINEL

Wire = dict[str, Any]

_UNSEALED = Loss(Neutral.REASONING, LossKind.UNSEALED)
_UNSIGNED = Loss(Neutral.REASONING, LossKind.CHANGED, "a call goes without its signature")
_UNSENT = Loss(Neutral.REASONING, LossKind.DROPPED, "thoughts without a signature are not sent")


class Family(NamedTuple):
    """Whose seals the model opens, and whether it demands any."""

    issuer: str
    demands: bool

    @classmethod
    def of(cls, capabilities: Capabilities) -> "Family":
        return cls(capabilities.family or NAME, capabilities.thinking is not Thinking.NONE)


class ContentParts:
    """One turn's parts."""

    def __init__(
        self, turn: Turn, capabilities: Capabilities, family: Family, losses: list[Loss]
    ) -> None:
        self._family = family
        self._losses = losses
        self._media = MediaParts(capabilities, losses)
        self._demanded = family.demands
        self._lent: Sealed | None = None  # own seal of reasoning, until it is known where it goes
        self._borrows = _first_call_is_unsigned(turn.parts, family)

    def wire(self, parts: Iterable[Part]) -> list[Wire]:
        result: list[Wire] = []
        for part in parts:
            result += self._one(part)
        if self._lent is not None:
            result.append({"text": "", "thoughtSignature": self._lent.payload})
        return result

    def _one(self, part: Part) -> list[Wire]:
        match part:
            case Text():
                return self._text(part)
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return self._result(part)
            case Media():
                return self._media.wire(part, self._signature(part.sealed))
            case Refusal():
                return [{"text": part.text}] if part.text else []
            case SearchCall():
                self._losses.append(Loss(Neutral.SEARCH, LossKind.DROPPED))
                return []
            case Opaque():
                return self._opaque(part)
            case _:
                assert_never(part)

    def _own(self, sealed: Sealed | None) -> bool:
        return sealed is not None and sealed.issuer == self._family.issuer

    def _signature(self, sealed: Sealed | None) -> Wire:
        if sealed is None:
            return {}
        if self._own(sealed):
            return {"thoughtSignature": sealed.payload}
        self._losses.append(_UNSEALED)
        return {}

    def _text(self, part: Text) -> list[Wire]:
        if part.citations:
            self._losses.append(Loss(Neutral.CITATIONS, LossKind.DROPPED))
        self._tell_cache(part.cache)
        signature = self._signature(part.sealed)
        return [{"text": part.text, **signature}] if part.text or signature else []

    def _reasoning(self, part: Reasoning) -> list[Wire]:
        if part.sealed is None:
            if part.text:
                self._losses.append(_UNSENT)
            return []
        if not self._own(part.sealed):
            self._losses.append(_UNSEALED)
            return []
        if self._borrows:
            self._lent = part.sealed
            return []
        if part.text:
            return [{"text": part.text, "thought": True, "thoughtSignature": part.sealed.payload}]
        return [{"text": "", "thoughtSignature": part.sealed.payload}]

    def _call(self, part: ToolCall) -> Wire:
        self._tell_cache(part.cache)
        args, changed = arguments_object(part)
        if changed:
            self._losses.append(Loss(Neutral.ARGUMENTS, LossKind.CHANGED, "no JSON object"))
        wire: Wire = {"functionCall": {"id": part.id, "name": part.name, "args": args}}
        wire |= self._signature(part.sealed)
        if self._borrows and self._lent is not None:
            wire["thoughtSignature"] = self._lent.payload
        elif self._demanded and "thoughtSignature" not in wire:
            self._losses.append(_UNSIGNED)
            wire["thoughtSignature"] = SENTINEL
        # Calls beside the first go without.
        self._borrows, self._lent, self._demanded = False, None, False
        return wire

    def _result(self, part: ToolResult) -> list[Wire]:
        self._tell_cache(part.cache)
        texts = [inner.text for inner in part.parts if isinstance(inner, Text)]
        media = [inner for inner in part.parts if isinstance(inner, Media)]
        seen: list[Wire] = []
        for inner in media:
            shown = self._media.of_result(inner)
            if "text" in shown:
                texts.append(shown["text"])
            else:
                seen.append(shown)
        response = _response("\n".join(text for text in texts if text), part.is_error)
        answer = {"id": part.call_id, "name": part.name or part.call_id, "response": response}
        return [{"functionResponse": answer}, *seen]

    def _opaque(self, part: Opaque) -> list[Wire]:
        if part.issuer == NAME:
            return [dict(part.data)]
        self._losses.append(Loss(of_part(part), LossKind.DROPPED))
        return []

    def _tell_cache(self, cache: object) -> None:
        if cache is not None:
            self._losses.append(Loss(Neutral.CACHE, LossKind.DROPPED))


def _first_call_is_unsigned(parts: Iterable[Part], family: Family) -> bool:
    """Whether there is a first call, and it has no seal of the family's own."""
    first = next((part for part in parts if isinstance(part, ToolCall)), None)
    return first is not None and (first.sealed is None or first.sealed.issuer != family.issuer)


def _response(text: str, is_error: bool) -> Wire:
    """`response` is an object: the result's own where it is one."""
    parsed = _object(text)
    if is_error:
        return {"error": text if parsed is None else parsed}
    return {"result": text} if parsed is None else parsed


def _object(text: str) -> Wire | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        parsed = text_json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
