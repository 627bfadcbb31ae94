"""The state of one stream: what came and was not read, what was said and could not go yet.

Flow control of what comes: the peer may send a window's worth that was not read. While the reader
waits for a message the window is filled up as bytes come, for a message may be larger than it;
while messages wait for the reader it is not. So a stream holds at most one message of the largest
size and one window.
"""

from collections import deque

from extproc.http2.frames import ConnectionFault, ErrorCode
from extproc.http2.headers import Request
from extproc.http2.messages import MessageReader

RECEIVE_WINDOW = 1024 * 1024
_WORTH_GRANTING = RECEIVE_WINDOW // 2


class Stream:
    """`ended`: the peer says no more. `over`: nothing can be said to the peer any more; a stream
    that is both is gone from the wire, whatever its handler still does."""

    __slots__ = (
        "_owed", "answered", "asked", "ended", "id", "inbox", "messages", "offset", "over",
        "request", "trailers", "unsent", "window",
    )  # fmt: skip

    def __init__(self, stream_id: int, request: Request, window: int, max_message: int) -> None:
        self.id = stream_id
        self.request = request
        self.inbox: deque[bytes] = deque()
        self.messages = MessageReader(max_message)
        self.asked = False  # a whole message has come
        self.ended = False
        self._owed = 0  # bytes that came and were not granted again
        self.window = window  # what the peer lets us send; may be below zero (RFC 9113, 6.9.2)
        self.unsent: deque[bytes] = deque()  # messages with their prefixes
        self.offset = 0  # of the first of them: this much has gone
        self.trailers: bytes | None = None  # to follow what is unsent
        self.answered = False  # our HEADERS have gone
        self.over = False

    def charge(self, size: int) -> None:
        """The peer used this much of the window."""
        self._owed += size
        if self._owed > RECEIVE_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window is exceeded")

    def grant(self) -> int:
        """What to add to the peer's window now; 0 where it is not worth a frame."""
        if self._owed < _WORTH_GRANTING or self.inbox or self.ended:
            return 0
        granted, self._owed = self._owed, 0
        return granted
