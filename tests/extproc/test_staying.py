"""What stays at one account: conversations, and their sealed reasoning, until it is refused."""

from typing import Any

import orjson

from extproc.exchange.actions import SendUpstream
from extproc.seals import SEAL_REFUSED
from tests.extproc.test_failover import account, play
from tests.extproc.world import body_of, headers_of

BAD_SEAL = orjson.dumps(
    {
        "error": {
            "message": "The encrypted content gAAA could not be verified.",
            "type": "invalid_request_error",
            "code": "invalid_encrypted_content",
        }
    }
)
THINKING: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 2000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [
        {"role": "user", "content": "x"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"signature": "mine"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"}],
        },
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
}


def test_a_refused_seal_is_left_out_once_at_the_same_account() -> None:
    first = play()
    first.request("/v1/messages", THINKING)
    error = {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "messages.1.content.0: Invalid `signature` in `thinking` block",
        },
    }
    said = first.answer(400, orjson.dumps(error))
    assert headers_of(said)["x-clavis-retry"] == "upstream"
    assert not first.accused, "the account is well"
    assert [one.reason for one in first.noted] == [SEAL_REFUSED]
    second = play(tries=tuple(first.noted))
    (sent,) = second.request("/v1/messages", THINKING, x_envoy_attempt_count="2")
    assert isinstance(sent, SendUpstream) and sent.body is not None
    body = orjson.loads(sent.body)
    assert body["messages"][1]["content"] == THINKING["messages"][1]["content"][1:]
    assert "thinking" not in body, "a loop of tools that lost its thoughts cannot think"
    said = second.answer(400, orjson.dumps(error))
    assert "x-clavis-retry" not in headers_of(said), "once"
    assert orjson.loads(body_of(said)) == error
    (record,) = second.records
    assert "reasoning=unsealed" in record.losses


def test_reasoning_items_that_do_not_decrypt_are_left_out_with_the_ids_that_stand_on_them() -> None:
    asked = {
        "model": "pair",
        "input": [
            {"role": "user", "content": "x"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
        ],
    }
    first = play()
    first.request("/v1/responses", asked)
    assert headers_of(first.answer(400, BAD_SEAL))["x-clavis-retry"] == "upstream"
    second = play(tries=tuple(first.noted))
    (sent,) = second.request("/v1/responses", asked, x_envoy_attempt_count="2")
    assert isinstance(sent, SendUpstream) and sent.body is not None
    assert account([sent]) == "a"
    assert orjson.loads(sent.body)["input"] == [
        {"role": "user", "content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ]
    said = second.answer(
        200, b'{"id":"r","object":"response","status":"completed","output":[],"usage":null}'
    )
    assert "reasoning=unsealed" in headers_of(said)["x-clavis-losses"]


def test_turns_of_one_conversation_stay_at_one_account_and_short_questions_are_spread() -> None:
    def seen(body: dict[str, Any], request_id: str, **headers: str) -> str:
        made = play()
        return account(
            made.request("/v1/chat/completions", body, x_request_id=request_id, **headers)
        )

    def turns(text: str) -> list[dict[str, Any]]:
        asked = {"role": "user", "content": text}
        said = {"role": "assistant", "content": "yes"}
        more = {"role": "user", "content": "more"}
        system = {"role": "system", "content": "be brief"}
        return [
            {"model": "trio", "messages": [system, asked, said, more]},
            {"model": "trio", "messages": [system, asked, said, more, said, more]},
        ]

    by_conversation = [
        {seen(turn, f"{text}-{number}") for number, turn in enumerate(turns(f"topic {text}"))}
        for text in range(30)
    ]
    assert all(len(accounts) == 1 for accounts in by_conversation)
    assert set().union(*by_conversation) == {"a", "b", "c"}
    short = {"model": "trio", "messages": [{"role": "user", "content": "hello"}]}
    assert {seen(short, f"r-{number}") for number in range(30)} == {"a", "b", "c"}
    named = {seen(short, f"r-{number}", session_id="s1") for number in range(10)}
    assert len(named) == 1
    cached = {seen(short | {"prompt_cache_key": "k"}, f"r-{number}") for number in range(10)}
    assert len(cached) == 1
