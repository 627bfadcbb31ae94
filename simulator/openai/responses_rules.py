"""What the Responses API refuses before the model runs, its stored state included."""

from collections.abc import Callable
from typing import Any

from simulator.call import Call, mapping, refused
from simulator.grammar import load
from simulator.openai import tool_rules
from simulator.openai.responses_question import items
from simulator.openai.wording import in_range, not_longer, unsupported, worded
from simulator.signature import is_genuine

MIN_OUTPUT_TOKENS = 16
MAX_CALL_ID = 64
_CALLS = {"function_call": "function call", "custom_tool_call": "custom tool call"}
_PREFIXES = {"reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}
_SOURCES = ("input", "previous_response_id", "prompt", "conversation")
_SAMPLING = ("temperature", "top_p")

Known = Callable[[str], bool]  # whether an item of this id is stored for the caller


def validate(call: Call, history: list[dict[str, Any]], known: Known) -> None:
    """Raises Refused for a request that POST /v1/responses rejects. `history`: the items before."""
    body = call.json
    problem = load("openai", nullable=True).check("responses", body)
    if problem is not None:
        raise worded(problem, classic=False)
    if not body.get("model"):
        message = "Missing required parameter: 'model'."
        raise refused(400, message, code="missing_required_parameter", param="model")
    _settings(call)
    _tools(body)
    _format(body)
    check_input(body, history, known)


def validate_count(call: Call, history: list[dict[str, Any]], known: Known) -> None:
    """The same for POST /v1/responses/input_tokens."""
    problem = load("openai", nullable=True).check("input_tokens", call.json)
    if problem is not None:
        raise worded(problem, classic=False)
    check_input(call.json, history, known)


def _settings(call: Call) -> None:
    body = call.json
    if all(body.get(name) is None for name in _SOURCES):
        message = 'One of "input" or "previous_response_id" or "prompt" or "conversation" must be '
        message += "provided."
        raise refused(400, message, code="missing_required_parameter", param="input")
    if body.get("previous_response_id") and body.get("conversation"):
        message = "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Only "
        message += "one can be provided at a time."
        raise refused(400, message, code="mutually_exclusive_parameters")
    in_range(body, "temperature", 0, 2)
    in_range(body, "top_p", 0, 1)
    in_range(body, "top_logprobs", 0, 20)
    in_range(body, "max_output_tokens", MIN_OUTPUT_TOKENS)
    reasoning = mapping(body.get("reasoning"))
    if tool_rules.reasons(call.model):
        for name in _SAMPLING:
            if body.get(name) not in (None, 1) and reasoning.get("effort") != "none":
                raise unsupported(name)
    elif reasoning.get("effort") and call.model.startswith(("gpt-4", "gpt-3")):
        raise unsupported("reasoning.effort")
    if body.get("background") and body.get("store") is False:
        raise refused(400, "Background responses require 'store' to be true.", param="background")


def _tools(body: dict[str, Any]) -> None:
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        if tool["type"] in ("function", "custom", "namespace"):
            tool_rules.name(f"{where}.name", tool["name"])
        if tool["type"] == "function" and tool.get("strict"):
            tool_rules.strict_schema(
                tool.get("parameters"),
                what=f"function '{tool['name']}'",
                param=f"{where}.parameters",
                code="invalid_function_parameters",
            )
    choice = body.get("tool_choice")
    added = any(item.get("type") == "additional_tools" for item in items(body.get("input")))
    if not tools and not added and (choice == "required" or isinstance(choice, dict)):
        message = "Tool choices other than 'auto' are not supported without tools."
        raise refused(400, message, param="tool_choice")
    wanted = mapping(choice)
    by_name = wanted.get("type") in ("function", "custom") and not added
    if by_name and wanted.get("name") not in [tool.get("name") for tool in tools]:
        message = f"Tool choice '{wanted.get('name')}' not found in 'tools' parameter."
        raise refused(400, message, param="tool_choice")


def _format(body: dict[str, Any]) -> None:
    form = mapping(mapping(body.get("text")).get("format"))
    if form.get("type") != "json_schema":
        return
    tool_rules.name("text.format.name", form["name"])
    if form.get("strict"):
        tool_rules.strict_schema(
            form.get("schema"),
            what=f"response_format '{form['name']}'",
            param="text.format.schema",
            code="invalid_json_schema",
        )


def check_input(body: dict[str, Any], history: list[dict[str, Any]], known: Known) -> None:
    """Items: identifiers that exist, reasoning that opens, calls and outputs that belong
    together."""
    said = items(body.get("input"))
    for index, item in enumerate(said):
        _identity(index, item)
        if item.get("type") == "reasoning":
            _reasoning(index, item, known)
        if item.get("type") == "item_reference" or item.keys() == {"id"}:
            _exists(str(item["id"]), known)
    if said and said[-1].get("type") == "reasoning":
        id = said[-1].get("id", "rs_")
        message = (
            f"Item '{id}' of type 'reasoning' was provided without its required following item."
        )
        raise refused(400, message, param="input")
    _pairs([*history, *said])


def _identity(index: int, item: dict[str, Any]) -> None:
    prefix = _PREFIXES.get(str(item.get("type")))
    id = item.get("id")
    if prefix is not None and isinstance(id, str) and not id.startswith(prefix):
        where = f"input[{index}].id"
        message = f"Invalid '{where}': '{id}'. Expected an ID that begins with '{prefix}'."
        raise refused(400, message, code="invalid_value", param=where)
    call_id = item.get("call_id")
    if isinstance(call_id, str):
        not_longer(f"input[{index}].call_id", call_id, MAX_CALL_ID)


def _reasoning(index: int, item: dict[str, Any], known: Known) -> None:
    sealed = item.get("encrypted_content")
    if sealed is not None:
        if not is_genuine("openai", sealed):
            message = f"The encrypted content {sealed[:4]}...{sealed[-4:]} could not be verified. "
            message += "Reason: Encrypted content could not be decrypted or parsed."
            raise refused(400, message, code="invalid_encrypted_content")
    elif "id" not in item:
        where = f"input[{index}].id"
        message = f"Missing required parameter: '{where}'."
        raise refused(400, message, code="missing_required_parameter", param=where)
    else:
        _exists(str(item["id"]), known)


def _exists(id: str, known: Known) -> None:
    if not known(id):
        message = f"Item with id '{id}' not found. Items are not persisted when `store` is set to "
        message += "false. Try again with `store` set to true, or remove this item from your input."
        raise refused(404, message, param="input")


def _pairs(all_items: list[dict[str, Any]]) -> None:
    """Every output has its call before it, every call its output."""
    open_calls: dict[str, str] = {}
    for item in all_items:
        kind = str(item.get("type"))
        if kind in _CALLS:
            open_calls[item["call_id"]] = kind
        called = kind.removesuffix("_output")
        answers = called != kind and called in _CALLS and isinstance(item.get("call_id"), str)
        if answers and open_calls.pop(item["call_id"], None) is None:
            name = _CALLS[called]
            message = f"No tool call found for {name} output with call_id {item['call_id']}."
            raise refused(400, message, param="input")
    for call_id, kind in open_calls.items():
        name = _CALLS[kind]
        raise refused(400, f"No tool output found for {name} {call_id}.", param="input")
