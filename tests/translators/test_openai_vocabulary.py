"""The OpenAI vocabularies say everything, read back what they say, and know the SDK's own words."""

from typing import Any, get_args

import pytest
from openai.types import ImageEditStreamEvent, ImageGenStreamEvent
from openai.types.chat.chat_completion import Choice
from openai.types.responses import ResponseError, ResponseOutputItem, ResponseStreamEvent
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_status import ResponseStatus

from translators.canonical.failure import Kind
from translators.canonical.finish import Reason
from translators.openai_chat import vocabulary as chat
from translators.openai_chat.observed import finish_of
from translators.openai_responses import vocabulary as responses


def words(annotation: Any) -> set[str]:
    """Every string literal in a type annotation."""
    found: set[str] = set()
    for part in get_args(annotation):
        found |= {part} if isinstance(part, str) else words(part)
    return found


def types_of(union: Any) -> set[str]:
    """The `type` literals of a union of SDK models."""
    members = get_args(get_args(union)[0])
    return {word for member in members for word in get_args(member.model_fields["type"].annotation)}


def test_every_reason_can_be_said_and_every_word_said_is_understood() -> None:
    assert set(chat.SPOKEN_FINISH) == set(Reason)
    for word in chat.SPOKEN_FINISH.values():
        assert chat.SPOKEN_FINISH[chat.HEARD_FINISH[word]] == word
    assert set(responses.SPOKEN_FINISH) == set(Reason)
    for said in responses.SPOKEN_FINISH.values():
        status, reason = said
        assert responses.SPOKEN_FINISH[responses.HEARD_FINISH[reason or status]] == said


def test_every_kind_of_failure_has_words_and_every_code_is_understood() -> None:
    assert set(chat.ERRORS) == set(Kind)
    for kind, said in chat.ERRORS.items():
        if said.code is not None:
            assert chat.HEARD_ERRORS[said.code] is kind
    assert responses.HEARD_ERRORS.items() >= chat.HEARD_ERRORS.items()


def test_no_foreign_word_contradicts_a_word_of_our_own() -> None:
    spoken = {said.code for said in chat.ERRORS.values() if said.code}
    for code in spoken & set(chat.FOREIGN_ERRORS):
        assert chat.ERRORS[chat.FOREIGN_ERRORS[code]].code == code
    assert not set(chat.SPOKEN_FINISH.values()) & set(chat.FOREIGN_FINISH)


def test_the_sdks_finish_reasons_are_all_known() -> None:
    sdk = words(Choice.model_fields["finish_reason"].annotation)
    assert "stop" in sdk
    assert set(chat.HEARD_FINISH) >= sdk


def test_the_sdks_statuses_and_reasons_are_all_known() -> None:
    reasons = words(IncompleteDetails.model_fields["reason"].annotation)
    assert "max_output_tokens" in reasons
    assert set(responses.HEARD_FINISH) >= reasons
    over = set(get_args(ResponseStatus)) - {"queued", "in_progress"}
    assert set(responses.HEARD_FINISH) >= over


def test_the_sdks_error_codes_are_all_known() -> None:
    codes = set(get_args(ResponseError.model_fields["code"].annotation))
    assert "server_error" in codes
    assert set(responses.HEARD_ERRORS) >= codes


def test_the_items_and_events_we_name_exist() -> None:
    items = types_of(ResponseOutputItem)
    assert items >= responses.CALLS
    assert items >= responses.NOT_GENERATED
    events = types_of(ResponseStreamEvent) | {"response.cancelled"}
    assert events >= responses.TERMINAL
    images = types_of(ImageGenStreamEvent) | types_of(ImageEditStreamEvent)
    assert images == responses.IMAGE_TERMINAL | responses.IMAGE_PARTIAL


@pytest.mark.parametrize(
    ("raw", "tools", "refused", "unified"),
    [
        ("stop", False, False, Reason.STOP),
        ("stop", True, False, Reason.TOOL_CALLS),
        ("stop", False, True, Reason.REFUSAL),
        ("STOP", False, False, Reason.STOP),
        ("length", True, False, Reason.LENGTH),
        ("content_filter", False, False, Reason.REFUSAL),
        ("function_call", True, False, Reason.TOOL_CALLS),
        ("insufficient_system_resource", False, False, Reason.ERROR),
        ("never seen", False, False, Reason.OTHER),
        ("never seen", True, False, Reason.TOOL_CALLS),
    ],
)
def test_a_finish_is_judged_with_what_the_choice_held(
    raw: str, tools: bool, refused: bool, unified: Reason
) -> None:
    finish = finish_of(raw, tools=tools, refused=refused)
    assert (finish.unified, finish.raw) == (unified, raw)
