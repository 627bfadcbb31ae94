"""What Chat Completions refuses before the model runs."""

from typing import Any

from simulator.call import Call, mapping, refused
from simulator.grammar import load
from simulator.openai import tool_rules
from simulator.openai.vendors import without_own_fields
from simulator.openai.wording import in_range, not_longer, unsupported, worded

MAX_STOPS = 4
MAX_CALL_ID = 40
_FIXED = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}


def validate(call: Call) -> None:
    """Raises Refused for a request that POST /v1/chat/completions rejects."""
    body = call.json
    if not body.get("model"):
        raise refused(400, "you must provide a model parameter")
    problem = load("openai", nullable=True).check("chat", without_own_fields(body))
    if problem is not None:
        raise worded(problem, classic=True)
    _settings(call)
    _stop(body)
    _tools(body)
    _format(body)
    _messages(body)


def _settings(call: Call) -> None:
    body = call.json
    in_range(body, "temperature", 0, 2)
    in_range(body, "top_p", 0, 1)
    in_range(body, "presence_penalty", -2, 2)
    in_range(body, "frequency_penalty", -2, 2)
    in_range(body, "n", 1, 128)
    in_range(body, "top_logprobs", 0, 20)
    in_range(body, "max_tokens", 1)
    in_range(body, "max_completion_tokens", 1)
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled."
        raise refused(400, message, param="top_logprobs")
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise refused(400, message, param="stream_options")
    if tool_rules.reasons(call.model):
        _reasoning_model(body)


def _reasoning_model(body: dict[str, Any]) -> None:
    if body.get("max_tokens") is not None:
        raise unsupported("max_tokens", "max_completion_tokens")
    if body.get("reasoning_effort") == "none":
        return
    for name, default in _FIXED.items():
        if body.get(name) not in (None, default):
            message = f"Unsupported value: '{name}' does not support {body[name]} with this model. "
            message += f"Only the default ({default}) value is supported."
            raise refused(400, message, code="unsupported_value", param=name)


def _stop(body: dict[str, Any]) -> None:
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > MAX_STOPS:
        message = "Invalid 'stop': array too long. Expected an array with maximum length "
        message += f"{MAX_STOPS}, but got an array with length {len(stop)} instead."
        raise refused(400, message, code="array_above_max_length", param="stop")


def _tools(body: dict[str, Any]) -> None:
    tools = body.get("tools")
    if tools == []:
        raise _empty("tools")
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not tools:
            message = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are "
            raise refused(400, f"{message}specified.", param=name)
    for index, tool in enumerate(tools or []):
        declared = tool[tool["type"]]
        where = f"tools[{index}].{tool['type']}"
        tool_rules.name(f"{where}.name", declared["name"])
        if declared.get("strict"):
            tool_rules.strict_schema(
                declared.get("parameters"),
                what=f"function '{declared['name']}'",
                param=f"{where}.parameters",
                code="invalid_function_parameters",
            )
    chosen = mapping(body.get("tool_choice"))
    wanted = mapping(chosen.get(str(chosen.get("type")))).get("name")
    known = [tool[tool["type"]]["name"] for tool in tools or []]
    if wanted is not None and wanted not in known:
        message = f"Tool choice '{wanted}' not found in 'tools' parameter."
        raise refused(400, message, param="tool_choice")


def _empty(name: str) -> Exception:
    message = f"Invalid '{name}': empty array. Expected an array with minimum length 1, but got an "
    return refused(400, f"{message}empty array instead.", code="empty_array", param=name)


def _format(body: dict[str, Any]) -> None:
    form = mapping(body.get("response_format"))
    if form.get("type") == "json_object" and "json" not in str(body["messages"]).lower():
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
        )
        raise refused(400, f"{message}type 'json_object'.", param="messages")
    named = mapping(form.get("json_schema"))
    if named:
        tool_rules.name("response_format.json_schema.name", named["name"])
        if named.get("strict"):
            tool_rules.strict_schema(
                named.get("schema"),
                what=f"response_format '{named['name']}'",
                param="response_format",
                code="invalid_json_schema",
            )


def _messages(body: dict[str, Any]) -> None:
    messages = body["messages"]
    if not messages:
        raise _empty("messages")
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                said = "Invalid parameter: messages with role 'tool' must be a response to a "
                said += "preceeding message with 'tool_calls'."
                raise refused(400, said, param=f"messages.[{index}].role")
            waiting.remove(message["tool_call_id"])
            continue
        _nothing_waits(waiting, index)
        _content(index, message)
        waiting = [one["id"] for one in message.get("tool_calls") or []]
        for position, id in enumerate(waiting):
            not_longer(f"messages[{index}].tool_calls[{position}].id", id, MAX_CALL_ID)
    _nothing_waits(waiting, len(messages))


def _nothing_waits(waiting: list[str], index: int) -> None:
    if waiting:
        said = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
        )
        said += (
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
        )
        raise refused(400, said + ", ".join(waiting), param=f"messages.[{index}].role")


def _content(index: int, message: dict[str, Any]) -> None:
    speaks = any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio"))
    if message.get("content") is None and not speaks:
        said = "Invalid value for 'content': expected a string, got null."
        raise refused(400, said, param=f"messages.[{index}].content")
    if message.get("tool_calls") == []:
        raise _empty(f"messages[{index}].tool_calls")
    content = message.get("content")
    for position, part in enumerate(content if isinstance(content, list) else []):
        if part.get("type") == "image_url":
            url = part["image_url"]["url"]
            if not url.startswith(("data:image/", "https://", "http://")):
                where = f"messages[{index}].content[{position}].image_url.url"
                said = f"Invalid '{where}'. Expected a valid URL, but got a value with an invalid "
                said += "format."
                raise refused(400, said, code="invalid_value", param=where)
