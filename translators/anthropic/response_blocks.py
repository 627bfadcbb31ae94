"""Parts of an answer as content blocks, for whole answers and for streams.

What the API's own server never sends is not sent: an empty text, a picture, an empty thinking block
without a signature. A call's seal has no field in its block; it stands in a `redacted_thinking`
block right behind the call, which every client sends back, and which request_decoding_blocks.py
gives back to the call.
"""

from typing import Any, assert_never

from translators.anthropic.citations import (
    OWN,
    wrapped,
    written_citations,
    written_search,
)
from translators.anthropic.request_encoding_blocks import (
    RAW_ARGUMENTS,
    UNSEALED,
    call_input,
    not_ours,
)
from translators.anthropic.vocabulary import SPOKEN_FINISH
from translators.canonical.finish import Finish, Reason
from translators.canonical.loss import Loss, LossKind, of_part
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
from translators.canonical.sealed import Sealed

Block = dict[str, Any]

_NO_PLACE = "the dialect's answers hold neither files nor results"


class AnswerBlocks:
    """Writes the blocks of one answer. It sees whether the answer calls tools or refuses, which
    its stop reason depends on."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._searches = 0
        self._calls = False
        self._refuses = False
        self.losses: list[Loss] = []

    def blocks(self, part: Part) -> list[Block]:
        self.saw(part)
        match part:
            case Text():
                return self._text(part)
            case Refusal():
                return [{"type": "text", "text": part.text}] if part.text else []
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                return [self._call(part), *self.seal_of_call(part.sealed)]
            case SearchCall():
                return list(written_search(part, self._search_id(part), self.losses))
            case Media() | ToolResult() | Opaque():
                return self._foreign(part)
            case _:
                assert_never(part)

    def saw(self, part: Part) -> None:
        """A part of the answer, also one whose block is written elsewhere."""
        self._calls = self._calls or isinstance(part, ToolCall)
        self._refuses = self._refuses or isinstance(part, Refusal)

    def _text(self, part: Text) -> list[Block]:
        self.seal_of_text(part.sealed)
        cited = written_citations(part.citations, self.losses)
        if not part.text and not cited:
            return []
        block: Block = {"type": "text", "text": part.text}
        return [{**block, "citations": cited} if cited else block]

    def _reasoning(self, part: Reasoning) -> list[Block]:
        if part.redacted:
            data = wrapped(part.sealed)
            return [{"type": "redacted_thinking", "data": data}] if data else []
        if not part.text and part.sealed is None:
            return []
        signature = wrapped(part.sealed)
        return [{"type": "thinking", "thinking": part.text, "signature": signature}]

    def _call(self, part: ToolCall) -> Block:
        given = call_input(part)
        if given is None:
            self.losses.append(RAW_ARGUMENTS)
            given = {"input": part.arguments}
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": given}

    def seal_of_call(self, sealed: Sealed | None) -> list[Block]:
        """The block that carries a call's seal."""
        return [{"type": "redacted_thinking", "data": wrapped(sealed)}] if sealed else []

    def seal_of_text(self, sealed: Sealed | None) -> None:
        """Signed text is good without its seal; a block for it would show as hidden thoughts."""
        if sealed is not None:
            self.losses.append(UNSEALED)

    def _search_id(self, part: SearchCall) -> str:
        self._searches += 1
        own = part.id.startswith("srvtoolu_")
        return part.id if own else f"srvtoolu_{self._seed}{self._searches}"

    def _foreign(self, part: Media | ToolResult | Opaque) -> list[Block]:
        match part:
            case Opaque():
                if part.issuer == OWN:
                    return [dict(part.data)]
                self.losses.append(not_ours(part))
            case Media() | ToolResult():
                self.losses.append(Loss(of_part(part), LossKind.DROPPED, _NO_PLACE))
            case _:
                assert_never(part)
        return []

    def stop(self, finish: Finish | None, asked: object) -> Block:
        """`stop_reason`, `stop_sequence` and `stop_details`. `asked`: the caller's stop sequences;
        which of several was met no other dialect tells."""
        reason = self._reason(finish)
        sequences = asked if isinstance(asked, list) else []
        met = sequences[0] if len(sequences) == 1 and reason is Reason.STOP_SEQUENCE else None
        details = {"type": "refusal", "category": None, "explanation": None}
        return {
            "stop_reason": SPOKEN_FINISH[reason],
            "stop_sequence": met,
            "stop_details": details if reason is Reason.REFUSAL else None,
        }

    def _reason(self, finish: Finish | None) -> Reason:
        """An answer with calls waits for their results, whatever word its upstream had for it."""
        reason = finish.unified if finish is not None else Reason.STOP
        if reason in (Reason.STOP, Reason.OTHER, Reason.TOOL_CALLS):
            if self._calls:
                return Reason.TOOL_CALLS
            return Reason.REFUSAL if self._refuses else Reason.STOP
        return reason
