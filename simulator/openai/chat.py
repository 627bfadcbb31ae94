"""The Chat Completions endpoint."""

import orjson

from simulator.call import Call, Endpoint, Reply, Stream
from simulator.openai import chat_question as question
from simulator.openai import chat_rules
from simulator.openai.chat_answer import chunks, completion
from simulator.openai.dialect import DIALECT, JSON, SSE
from simulator.plan import plan
from simulator.received import received


def _create(call: Call) -> Reply | Stream:
    answer = plan(question.ask(call), call.script, received(call))
    body = completion(answer, call)
    headers = DIALECT.headers(call)
    if call.json.get("stream") is True:
        return chunks(body, call, [*SSE, *headers])
    return Reply(200, [*JSON, *headers], orjson.dumps(body))


ENDPOINTS = (
    (
        "POST",
        "chat/completions",
        Endpoint(DIALECT, _create, question.last_text, chat_rules.validate),
    ),
)
