"""The output cap of a request that otherwise passes unchanged, lowered to what can be paid.

The order of fields and the numbers of the body stay; its white space does not.
"""

from typing import Any

from translators import text_json
from translators.fields import read_request
from translators.protocol import CapFields


def capped(body: bytes, fields: CapFields, most: int, legacy: bool = False) -> bytes:
    """The body with an output cap of `most` tokens.

    `fields` are the paths under which the dialect knows it: the first that the body has is changed,
    else the first is added, or with `legacy` the last. Raises NotUnderstood.
    """
    read_request(body)
    request: dict[str, Any] = text_json.loads(body)
    present = [path for path in fields if _has(request, path)]
    for path in present or [_added(request, fields, legacy)]:
        _set(request, path, most)
    return text_json.dumps(request)


def _added(request: dict[str, Any], fields: CapFields, legacy: bool) -> tuple[str, ...]:
    """Where a cap is put that was not there: into an object of the body, where it has one."""
    inside = [path for path in fields if len(path) > 1 and isinstance(request.get(path[0]), dict)]
    return inside[0] if inside else fields[-1] if legacy else fields[0]


def _has(request: dict[str, Any], path: tuple[str, ...]) -> bool:
    node: Any = request
    for name in path:
        if not isinstance(node, dict) or node.get(name) is None:
            return False
        node = node[name]
    return True


def _set(request: dict[str, Any], path: tuple[str, ...], most: int) -> None:
    node = request
    for name in path[:-1]:
        inner = node.get(name)
        if not isinstance(inner, dict):
            inner = node[name] = {}
        node = inner
    node[path[-1]] = most
