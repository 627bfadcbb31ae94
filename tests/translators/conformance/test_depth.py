"""What is nested very deep is translated or refused, never an error of ours."""

import json
import re

import pytest

from tests.translators.conformance.cases import PROTOCOLS, Case, cases, label
from tests.translators.conformance.profiles import PROFILES
from translators.conversion import convert
from translators.protocol import NotUnderstood, discover

FEATURES = ("awkward_schema", "strict_tool", "structured_output", "tools")
DEEP = [case for case in cases() if case.feature in FEATURES]
STEPS = {
    "properties": ('{"type":"object","additionalProperties":false,"properties":{"x":', "}}"),
    "items": ('{"type":"array","items":', "}"),
    "anyOf": ('{"anyOf":[', "]}"),
    "any key": ('{"x":', "}"),
    "a list": ("[", "]"),
}
LEAF = json.dumps({"type": "string"})
FIRST = re.compile(r'\{"type":"string"[^{}]*\}')


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("case", DEEP, ids=label)
def test_depth_is_translated_or_not_understood(case: Case, step: str) -> None:
    opening, closing = STEPS[step]
    text = case.body.decode()
    found = FIRST.search(text)
    assert found is not None
    for depth in (50, 200, 450, 900):
        nested = opening * depth + LEAF + closing * depth
        inside = f'{{"type":"string","description":"x","default":{nested}}}'
        for put_in in (nested, inside):
            body = text.replace(found[0], put_in, 1).encode()
            try_everywhere(case.protocol, body)


def try_everywhere(client: str, body: bytes) -> None:
    try:
        request = discover()[client].decode_request(body)
    except NotUnderstood:
        return
    for target in PROTOCOLS:
        for profile in PROFILES[target.name]:
            try:
                convert(request, target, profile.model, profile.capabilities)
            except NotUnderstood as refused:
                assert str(refused)
