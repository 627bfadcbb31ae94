"""The models endpoint: a list, or one of any name."""

import orjson

from simulator.call import Call, Endpoint, Reply
from simulator.openai.dialect import DIALECT, JSON

_NAMES = ("gpt-5.5", "gpt-5.4-mini", "gpt-4.1-mini", "gpt-image-1", "text-embedding-3-small")


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 1_764_547_200, "owned_by": "simulator"}


def _models(call: Call) -> Reply:
    body = (
        _model(call.model)
        if call.model
        else {"object": "list", "data": [_model(name) for name in _NAMES]}
    )
    return Reply(200, [*JSON, *DIALECT.headers(call)], orjson.dumps(body))


MODELS = Endpoint(DIALECT, _models, body="none")
