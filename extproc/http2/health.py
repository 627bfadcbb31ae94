"""grpc.health.v1: Check and Watch, with the messages of grpcio-health-checking (which are protobuf
alone: nothing of grpcio is loaded).

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import Mapping

from google.protobuf.message import DecodeError
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from extproc.http2.calls import Call, Handler
from extproc.http2.messages import Abort, Status

_SERVICE = "/grpc.health.v1.Health/"


class Health:
    """Of services by name; the empty name is the whole server."""

    def __init__(self) -> None:
        self._serving: dict[str, bool] = {}
        self._changed = asyncio.Event()  # replaced at each change
        self._over = False

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {_SERVICE + "Check": self._check, _SERVICE + "Watch": self._watch}

    def set_serving(self, *services: str) -> None:
        self._change(dict.fromkeys(services, True))

    def enter_shutdown(self) -> None:
        """Nothing serves any more; those who watch are told, and their calls end."""
        self._over = True
        self._change(dict.fromkeys(self._serving, False))

    def _change(self, news: Mapping[str, bool]) -> None:
        self._serving.update(news)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _check(self, call: Call) -> None:
        service = await _asked(call)
        if service not in self._serving:
            raise Abort(Status.NOT_FOUND, "unknown service")
        await call.write(_ANSWERS[self._serving[service]])

    async def _watch(self, call: Call) -> None:
        service = await _asked(call)
        closed = asyncio.ensure_future(call.closed())
        try:
            told = b""
            while not closed.done():
                changed = self._changed
                if (now := _ANSWERS[self._serving.get(service)]) != told:
                    await call.write(now)
                    told = now
                if self._over:
                    raise Abort(Status.UNAVAILABLE, "shutting down")
                change = asyncio.ensure_future(changed.wait())
                await asyncio.wait({closed, change}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
        finally:
            closed.cancel()


async def _asked(call: Call) -> str:
    data = await call.read()
    if data is None:
        raise Abort(Status.INVALID_ARGUMENT, "no request")
    try:
        service: str = HealthCheckRequest.FromString(data).service
    except DecodeError as error:
        raise Abort(Status.INVALID_ARGUMENT, "not a HealthCheckRequest") from error
    return service


def _answer(status: int) -> bytes:
    data: bytes = HealthCheckResponse(status=status).SerializeToString()
    return data


_ANSWERS = {
    True: _answer(HealthCheckResponse.SERVING),
    False: _answer(HealthCheckResponse.NOT_SERVING),
    None: _answer(HealthCheckResponse.SERVICE_UNKNOWN),
}
