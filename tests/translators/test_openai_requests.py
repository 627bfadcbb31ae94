"""What is read of OpenAI requests, and that nothing but the model's name is ever changed."""

import pytest

from translators.openai_chat import PROTOCOL as CHAT
from translators.openai_chat.request import wants_usage
from translators.openai_responses import PROTOCOL as RESPONSES
from translators.protocol import NotUnderstood, Peek, Protocol

BOTH = pytest.mark.parametrize("protocol", [CHAT, RESPONSES], ids=lambda p: p.name)


@pytest.mark.parametrize(
    ("body", "peek"),
    [
        (b'{"model":"gpt-5","messages":[]}', Peek("gpt-5", False)),
        (b'{"model":"gpt-5","stream":true,"max_tokens":7}', Peek("gpt-5", True, 7)),
        (b'{"model":"gpt-5","max_completion_tokens":9}', Peek("gpt-5", False, 9)),
        (b'{"model":"gpt-5","max_tokens":7,"max_completion_tokens":9}', Peek("gpt-5", False, 9)),
        (b'{"model":"gpt-5","stream":null,"max_tokens":null}', Peek("gpt-5", False)),
        (b'{"model":"text-embedding-3-small","input":"hi"}', Peek("text-embedding-3-small", False)),
        (b"{}", Peek(None, False)),
    ],
)
def test_a_chat_request_is_peeked_at(body: bytes, peek: Peek) -> None:
    assert CHAT.peek(body) == peek


@pytest.mark.parametrize(
    ("body", "peek"),
    [
        (b'{"model":"gpt-5","input":"hi","stream":true}', Peek("gpt-5", True, stored=True)),
        (b'{"model":"gpt-5","max_output_tokens":64}', Peek("gpt-5", False, 64, stored=True)),
        (
            b'{"model":"gpt-5","previous\\u005fresponse_id":"resp_1","input":[]}',
            Peek("gpt-5", False, previous_id="resp_1", stored=True),
        ),
        (b'{"model":"gpt-5","store":false}', Peek("gpt-5", False)),
        (
            b'{"model":"gpt-5","background":true}',
            Peek("gpt-5", False, stored=True, unserved="background"),
        ),
        (
            b'{"model":"gpt-5","input":["x",{"type":"item_reference","id":"msg_1"}]}',
            Peek("gpt-5", False, stored=True, unserved="input"),
        ),
        (b'{"prompt":{"id":"pmpt_1"}}', Peek(None, False, stored=True)),
        (b'{"model":"gpt-image-2","prompt":"a cat"}', Peek("gpt-image-2", False, stored=True)),
    ],
)
def test_a_responses_request_is_peeked_at(body: bytes, peek: Peek) -> None:
    assert RESPONSES.peek(body) == peek


@BOTH
@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"not json", None),
        (b'{"model":', None),
        (b'{"model":"\xff"}', None),
        (b'{"model":"\\ud83d"}', None),
        (b"[]", None),
        (b'"gpt-5"', None),
        (b"null", None),
        (b'{"model":5}', "model"),
        (b'{"model":["gpt-5"]}', "model"),
        (b'{"model":"m","stream":"yes"}', "stream"),
        (b'{"model":"m","stream":1}', "stream"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_field_at_fault(
    protocol: Protocol, body: bytes, param: str | None
) -> None:
    with pytest.raises(NotUnderstood) as caught:
        protocol.peek(body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(CHAT, "max_tokens"), (CHAT, "max_completion_tokens"), (RESPONSES, "max_output_tokens")],
)
@pytest.mark.parametrize("value", [b'"7"', b"7.5", b"true", b"-1", b"{}"])
def test_an_output_cap_of_another_kind_is_refused(
    protocol: Protocol, name: str, value: bytes
) -> None:
    with pytest.raises(NotUnderstood) as caught:
        protocol.peek(b'{"model":"m","' + name.encode() + b'":' + value + b"}")
    assert caught.value.param == name


def test_a_refusal_does_not_quote_the_prompt() -> None:
    with pytest.raises(NotUnderstood) as caught:
        CHAT.peek(b'{"messages":"my secret plan", oops')
    assert "secret" not in str(caught.value)
    assert "line 1 column" in str(caught.value)


@BOTH
def test_renaming_the_model_changes_no_other_byte(protocol: Protocol) -> None:
    body = b'{ "x_new":1.0, "input":[{"model":"inner"}], "model" : "gpt-5" ,"n":1e2, "z":null}\n'
    renamed = protocol.rename_model(body, "deployment-7")
    assert renamed == body.replace(b'"gpt-5"', b'"deployment-7"')


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (b'{"include_usage":true}', True),
        (b'{"include_usage":false}', False),
        (b"{}", False),
        (b"null", False),
    ],
)
def test_whether_a_stream_will_carry_usage_is_seen(options: bytes, wanted: bool) -> None:
    assert wants_usage(b'{"model":"m","stream_options":' + options + b"}") is wanted
    assert wants_usage(b'{"model":"m"}') is False


def test_a_form_is_not_read_as_json() -> None:
    """Its boundary is in the content-type; whoever guesses it may read another model."""
    with pytest.raises(NotUnderstood):
        RESPONSES.peek(b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x--')
