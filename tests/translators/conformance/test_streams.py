"""Every recorded stream in every other dialect: legal on the wire, whole and cut anywhere, with
exactly one ending, and saying what the whole answer says."""

from itertools import zip_longest

import pytest

from tests.translators.conformance.cases import PROTOCOLS, others
from tests.translators.conformance.exchange import heard, relayed, streamed
from tests.translators.conformance.golden import answer_streams
from tests.translators.conformance.wire import BROKEN, COMPLETE, ENDINGS
from tests.translators.replay import CONTENT_TYPES, Stream, is_over, label, places
from translators.canonical.stream import Ended
from translators.ordering import Grammar, OneAtATime
from translators.protocol import Protocol

MOST_CUTS = 60

PAIRS = [
    (stream, upstream, client)
    for upstream in PROTOCOLS
    for stream in answer_streams(upstream.name)
    for client in others(upstream.name)
]
IDS = [f"{label(stream)}-{client.name}" for stream, _, client in PAIRS]
UPSTREAMS = [
    (stream, upstream) for upstream in PROTOCOLS for stream in answer_streams(upstream.name)
]


@pytest.mark.parametrize(("stream", "upstream", "client"), PAIRS, ids=IDS)
def test_a_stream_is_legal_in_the_clients_dialect(
    stream: Stream, upstream: Protocol, client: Protocol
) -> None:
    sent, last = streamed(stream, upstream, client, stream.data)
    assert ENDINGS[client.name](sent) == [COMPLETE if isinstance(last, Ended) else BROKEN]


@pytest.mark.parametrize(("stream", "upstream", "client"), PAIRS, ids=IDS)
def test_a_stream_cut_anywhere_is_legal_and_ends_once(
    stream: Stream, upstream: Protocol, client: Protocol
) -> None:
    cuts = [0, *places(stream.data)]
    for at in cuts[:: len(cuts) // MOST_CUTS + 1]:
        sent, last = streamed(stream, upstream, client, stream.data[:at])
        wanted = COMPLETE if isinstance(last, Ended) else BROKEN
        assert ENDINGS[client.name](sent) == [wanted], f"cut at {at}"


@pytest.mark.parametrize(("stream", "upstream", "client"), PAIRS, ids=IDS)
def test_a_stream_says_the_same_byte_by_byte(
    stream: Stream, upstream: Protocol, client: Protocol
) -> None:
    kind = CONTENT_TYPES[stream.file]
    pieces = [bytes([byte]) for byte in stream.data]
    told = relayed(upstream, client, kind, pieces)
    assert b"".join(sent for sent, _ in told) == streamed(stream, upstream, client, stream.data)[0]


@pytest.mark.parametrize(("stream", "upstream"), UPSTREAMS, ids=[label(s) for s, _ in UPSTREAMS])
def test_the_order_of_events_holds(stream: Stream, upstream: Protocol) -> None:
    """Leaving the decoder, and made one part at a time for an encoder that wants it so."""
    events = heard(upstream, CONTENT_TYPES[stream.file], [stream.data])
    assert is_over(events)
    ordering = OneAtATime()
    serial = [ready for event in events for ready in ordering.feed(event)]
    for grammar, said in ((Grammar(), events), (Grammar(serial=True), serial)):
        for event in said:
            grammar.check(event)


@pytest.mark.parametrize("client", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_streams_side_by_side_do_not_mix(client: Protocol) -> None:
    """Encoders and decoders keep nothing that another exchange could see."""
    running = [
        (stream, upstream)
        for upstream in others(client.name)
        for stream in answer_streams(upstream.name)
    ]
    told = [
        relayed(upstream, client, CONTENT_TYPES[stream.file], pieces(stream.data))
        for stream, upstream in running
    ]
    sent = [b""] * len(running)
    for turn in zip_longest(*told, fillvalue=(b"", [])):
        sent = [before + more for before, (more, _) in zip(sent, turn, strict=True)]
    assert sent == [streamed(s, upstream, client, s.data)[0] for s, upstream in running]


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + 40] for at in range(0, len(data), 40)]
