"""One request to an upstream of another protocol, one answer to a client of another protocol: the
steps as the gateway takes them, without the network."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.translators.conformance.cases import Case
from tests.translators.conformance.profiles import Profile
from tests.translators.replay import CONTENT_TYPES, Stream
from translators.canonical.reply import ReplyContext
from translators.canonical.request import Request
from translators.canonical.response import Response, fold, unfold
from translators.canonical.stream import StreamEvent
from translators.conversion import Answering, Conversion, convert
from translators.protocol import NotUnderstood, Protocol, discover
from translators.tools import ToolMap

SEED = "5f0c2a91d7e84b36a1c9"
ALIAS = "the-callers-model"
CREATED_AT_S = 1_764_000_000

# The request whose answer a client awaits: an ordinary one, that wants to see reasoning.
AWAITING = {"gemini": "reasoning_effort"}


def decoded(case: Case) -> Request:
    """The case in neutral words; where the path says the model, with that."""
    return replace(discover()[case.protocol].decode_request(case.body), model=case.model)


def converted(case: Case, target: Protocol, profile: Profile) -> Conversion:
    """The case for the target's model. NotUnderstood: refused."""
    return convert(decoded(case), target, profile.model, profile.capabilities)


def asked(case: Case, target: Protocol, profile: Profile) -> dict[str, Any]:
    """What becomes of a case at an upstream of another protocol."""
    try:
        conversion = converted(case, target, profile)
    except NotUnderstood as refused:
        param = discover()[case.protocol].own_name(refused.param)
        return {"refused": str(refused), "param": param}
    losses = [f"{loss}: {loss.note}" if loss.note else str(loss) for loss in conversion.losses]
    return {"body": json.loads(conversion.body), "losses": losses}


@cache
def echo(client: str) -> dict[str, Any]:
    """What the client's dialect repeats of its request."""
    return dict(decoded(Case(client, AWAITING.get(client, "text"))).echo)


def context(client: Protocol) -> ReplyContext:
    return ReplyContext(SEED, ALIAS, CREATED_AT_S, input_estimate=9, echo=echo(client.name))


def answering(upstream: Protocol, client: Protocol) -> Answering:
    return Answering(client, upstream, ToolMap(), context(client), upstream.name)


def answered(folder: Path, upstream: Protocol, client: Protocol) -> dict[str, Any]:
    """A recorded whole answer in the client's dialect, with its losses."""
    body = (folder / "response.json").read_bytes()
    response, encoded = answering(upstream, client).whole(body)
    if response.failure is not None:
        return {"failed": json.loads(encoded.body)}
    return {"body": json.loads(encoded.body), "losses": [*map(str, encoded.losses)]}


def relayed(
    upstream: Protocol, client: Protocol, content_type: str, pieces: Iterable[bytes]
) -> Iterator[tuple[bytes, list[StreamEvent]]]:
    """An upstream's stream piece by piece: the client's bytes and the events that they say."""
    passage = answering(upstream, client).stream(content_type)
    for piece in pieces:
        yield passage.feed(piece)
    yield passage.close()
    if passage.defect is not None:
        raise passage.defect


def streamed(
    stream: Stream, upstream: Protocol, client: Protocol, data: bytes
) -> tuple[bytes, StreamEvent]:
    """An upstream's stream in the client's dialect, and how it ended."""
    told = list(relayed(upstream, client, CONTENT_TYPES[stream.file], [data]))
    events = [event for _, said in told for event in said]
    return b"".join(sent for sent, _ in told), events[-1]


def heard(upstream: Protocol, content_type: str, pieces: Iterable[bytes]) -> list[StreamEvent]:
    """What the upstream's decoder says of a stream."""
    decoder = upstream.stream_decoder(content_type, upstream.name)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def through(response: Response, client: Protocol) -> Response:
    """An answer as the client reads it, whole."""
    restored = fold(answering(client, client).restorer().restored(unfold(response)))
    encoded = client.encode_response(restored, context(client))
    return client.decode_response(encoded.body, client.name)


def written(response: Response, client: Protocol) -> list[bytes]:
    """An answer as events of the client's stream."""
    encoder = client.stream_encoder(context(client))
    events = answering(client, client).restorer().restored(unfold(response))
    return [encoder.write(event) for event in events]


def streamed_through(response: Response, client: Protocol) -> Response:
    """An answer as the client reads it, streamed."""
    return fold(heard(client, "text/event-stream", written(response, client)))
