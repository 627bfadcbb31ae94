"""How Google words what it refuses: snake_case paths, and field violations beside the message."""

import json
from typing import Any

from simulator.call import Refused, refused
from simulator.grammar import Problem
from simulator.grammar.load import snake

_TYPES = {
    "str": "TYPE_STRING",
    "int": "TYPE_INT32",
    "num": "TYPE_DOUBLE",
    "bool": "TYPE_BOOL",
    "list": "repeated field",
    "obj": "message",
}


def path_of(steps: list[Any]) -> str:
    """tools[0].function_declarations[0].parameters"""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{snake(str(step))}"
    return text.removeprefix(".")


def worded(problem: Problem) -> Refused:
    """A problem in the words of Google's JSON reader."""
    *outer, last = problem.fields or [""]
    where = path_of(outer)
    match problem.kind:
        case "unknown":
            place = f" at '{where}'" if where else ""
            said = (
                f'Invalid JSON payload received. Unknown name "{last}"{place}: Cannot find field.'
            )
            return refused(400, said, param=where)
        case "missing":
            return field(path_of([*outer, last]), "required field is not set")
        case _:
            kinds = [_TYPES[kind] for kind in problem.expected if kind in _TYPES]
            wanted = kinds[0] if kinds else "TYPE_ENUM"
            where = path_of([*outer, last])
            said = f"Invalid value at '{where}' ({wanted}), {json.dumps(problem.got)[:100]}"
            return refused(400, said, param=where)


def field(where: str, said: str, request: str = "GenerateContentRequest") -> Refused:
    """A rule broken at a field, the way the model's front end says it."""
    return refused(400, f"* {request}.{where}: {said}\n")
