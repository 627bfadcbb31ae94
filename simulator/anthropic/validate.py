"""What Anthropic refuses before the model runs: versions, fields, and the rules in the two modules
beside.

The wording is the provider's, so that what a client or a gateway reads out of a message is tested
too.
"""

from simulator.anthropic import settings, turns
from simulator.call import Call, Refused, refused
from simulator.grammar import Problem, load

VERSIONS = ("2023-01-01", "2023-06-01", "2026-10-21")
NEWEST = "2026-10-21"  # knows no sampling parameters any more
_SAMPLING = ("temperature", "top_p", "top_k")
_KINDS = {
    "str": "string",
    "int": "integer",
    "num": "number",
    "bool": "boolean",
    "list": "list",
    "obj": "dictionary",
}


def messages(call: Call) -> None:
    """Raises Refused for a request that POST /v1/messages rejects."""
    _version(call)
    _fields(call, "messages")
    settings.check(call)
    turns.check(call)


def count_tokens(call: Call) -> None:
    """The same for POST /v1/messages/count_tokens."""
    _version(call)
    _fields(call, "count_tokens")
    turns.check(call)


def models(call: Call) -> None:
    """The same for GET /v1/models, which is asked in this dialect because the header is there."""
    _version(call)


def _version(call: Call) -> None:
    version = call.headers.get("anthropic-version")
    if version is None:
        raise refused(400, "anthropic-version: header is required")
    if version not in VERSIONS:
        raise refused(400, f'anthropic-version: "{version}" is not a valid version')


def _fields(call: Call, root: str) -> None:
    if call.headers["anthropic-version"] == NEWEST:
        for name in _SAMPLING:
            if name in call.json:
                raise refused(400, f"{name}: Extra inputs are not permitted")
    problem = load("anthropic").check(root, call.json)
    if problem is not None:
        raise worded(problem)


def worded(problem: Problem) -> Refused:
    """A problem in the words of the provider's own validator."""
    where = ".".join(str(step) for step in problem.path)
    match problem.kind:
        case "unknown":
            said = "Extra inputs are not permitted"
        case "missing":
            said = "Field required"
        case "tag":
            *steps, tag = problem.path
            where = ".".join(str(step) for step in steps)
            known = ", ".join(f"'{one}'" for one in problem.expected)
            said = f"Input tag '{problem.got}' found using '{tag}' does not match any of the "
            said += f"expected tags: {known}"
        case "value":
            said = f"Input should be {_any_of([repr(one) for one in problem.expected])}"
        case _:
            kinds = [_KINDS[kind] for kind in problem.expected if kind != "null"]
            said = f"Input should be a valid {kinds[-1] if kinds else 'value'}"
    return refused(400, f"{where}: {said}" if where else said)


def _any_of(values: list[str]) -> str:
    if len(values) < 2:
        return "".join(values) or "null"
    return f"{', '.join(values[:-1])} or {values[-1]}"
