"""Prompt caches of upstreams of another protocol stay warm."""

import json
import re

import pytest

from tests.translators.conformance.cases import Case, others
from tests.translators.conformance.profiles import usual
from translators.conversion import Conversion, convert
from translators.protocol import Protocol, discover

CLAUDE_CODE = Case("anthropic", "claude_code").body
OTHERS = others("anthropic")
NAMES = [protocol.name for protocol in OTHERS]
HISTORY = {"gemini": "contents", "openai_chat": "messages", "openai_responses": "input"}


def converted(body: bytes, target: Protocol) -> Conversion:
    profile = usual(target.name)
    request = discover()["anthropic"].decode_request(body)
    return convert(request, target, profile.model, profile.capabilities)


@pytest.mark.parametrize("target", OTHERS, ids=NAMES)
def test_a_rotating_billing_line_changes_nothing(target: Protocol) -> None:
    """Claude Code's first system block is another with every request."""
    rotated = re.sub(rb"cch=\w+;", b"cch=99999;", CLAUDE_CODE)
    assert rotated != CLAUDE_CODE
    first, second = converted(CLAUDE_CODE, target), converted(rotated, target)
    assert first.body == second.body
    assert b"x-anthropic-billing-header" not in first.body


@pytest.mark.parametrize("target", OTHERS, ids=NAMES)
def test_the_next_turn_of_claude_code_extends_the_last(target: Protocol) -> None:
    """Its cache marks move to the newest message; they are not part of other dialects' bytes."""
    asked = json.loads(CLAUDE_CODE)
    longer = json.loads(
        CLAUDE_CODE.replace(b',"cache_control":{"type":"ephemeral","ttl":"1h"}', b"")
    )
    longer["messages"] += [
        {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
        {"role": "user", "content": [{"type": "text", "text": "Thanks, and now?"}]},
    ]
    first = converted(json.dumps(asked).encode(), target).body
    second = converted(json.dumps(longer).encode(), target).body
    history = json.loads(first)[HISTORY[target.name]]
    assert json.loads(second)[HISTORY[target.name]][: len(history)] == history
