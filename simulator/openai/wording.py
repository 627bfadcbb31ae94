"""How OpenAI words what it refuses: paths like messages[0].content, codes, and the value that
was sent."""

from typing import Any

from simulator.call import Refused, refused
from simulator.grammar import Problem
from simulator.grammar.check import json_type

_KINDS = {
    "str": "a string",
    "int": "an integer",
    "num": "a decimal",
    "bool": "a boolean",
    "list": "an array",
    "obj": "an object",
    "null": "null",
}


def path_of(steps: list[Any]) -> str:
    """messages[0].content"""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def worded(problem: Problem, *, classic: bool) -> Refused:
    """A problem in the provider's words. `classic`: an unknown top-level field the way the older
    endpoints say it."""
    where = path_of(problem.fields)
    match problem.kind:
        case "unknown" if classic and len(problem.fields) == 1:
            return refused(400, f"Unrecognized request argument supplied: {where}")
        case "unknown":
            message, code = f"Unknown parameter: '{where}'.", "unknown_parameter"
        case "missing":
            message, code = f"Missing required parameter: '{where}'.", "missing_required_parameter"
        case "value" | "tag":
            known = [f"'{one}'" for one in problem.expected]
            message = (
                f"Invalid value: '{problem.got}'. Supported values are: {listed(known, 'and')}."
            )
            code = "invalid_value"
        case _:
            kinds = [_KINDS[kind] for kind in problem.expected if kind != "null"]
            wanted = kinds[0] if len(kinds) == 1 else f"one of {listed(kinds, 'or')}"
            got = _KINDS[json_type(problem.got)]
            message = f"Invalid type for '{where}': expected {wanted}, but got {got} instead."
            code = "invalid_type"
    return refused(400, message, code=code, param=where)


def listed(values: list[str], last: str) -> str:
    """a, b, and c"""
    if len(values) < 3:
        return f" {last} ".join(values)
    return f"{', '.join(values[:-1])}, {last} {values[-1]}"


def in_range(body: dict[str, Any], name: str, low: float, high: float | None = None) -> None:
    """Raises Refused where a number is outside; an absent one is inside."""
    value = body.get(name)
    if value is None:
        return
    kind = "integer" if isinstance(value, int) and isinstance(low, int) else "decimal"
    if value < low:
        message = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {low}"
        code = f"{kind}_below_min_value"
    elif high is not None and value > high:
        message = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {high}"
        code = f"{kind}_above_max_value"
    else:
        return
    raise refused(400, f"{message}, but got {value} instead.", code=code, param=name)


def not_longer(where: str, text: str, limit: int) -> None:
    """Raises Refused for a text over its limit."""
    if len(text) > limit:
        message = (
            f"Invalid '{where}': string too long. Expected a string with maximum length {limit}"
        )
        message += f", but got a string with length {len(text)} instead."
        raise refused(400, message, code="string_above_max_length", param=where)


def unsupported(name: str, instead: str = "") -> Refused:
    """A parameter that this model does not have."""
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    hint = f" Use '{instead}' instead." if instead else ""
    return refused(400, message + hint, code="unsupported_parameter", param=name)
