"""A gRPC server over HTTP/2, as far as Envoy and gRPC's clients use the two.

    frames.py      the layout of frames: bytes to frames and back
    headers.py     HPACK; what a request's headers say; the few header blocks that we send
    blocks.py      a header block in several frames
    messages.py    gRPC: messages inside DATA, statuses, timeouts
    floods.py      how much of what is of no use a peer may send
    streams.py     the state of one stream
    outbound.py    what we send: windows, turns, trailers
    events.py      what a connection tells whoever runs its streams
    connection.py  what we are sent: one connection's state machine

All of these are pure: bytes in, events and bytes out, time as an argument. What touches sockets and
the event loop is in

    calls.py       a stream as a handler sees it: read, write, nudge
    session.py     one connection on its socket
    listeners.py   sockets, and TLS with mutual authentication
    server.py      all connections together: start, drain
    health.py      grpc.health.v1, from the messages of grpcio-health-checking

Sources: RFC 9113 (HTTP/2), RFC 7541 (HPACK), gRPC's PROTOCOL-HTTP2.md.
"""
