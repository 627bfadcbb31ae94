"""The floor: an external processor that decides nothing, on the cheapest machinery known.

It is what a Python processor on gRPC's own library must cost at least on this Envoy configuration:
it takes every message apart, sends the request to a cluster (three headers in the reply to the
body) and echoes every piece of the answer. uvloop, the reader/writer API, upb classes: the cheapest
of each kind. No keys, no limits, no decoder, no store.
"""

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator

import grpc
import uvloop
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.ext_proc.v3.external_processor_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    ProcessingRequest,
    ProcessingResponse,
    StreamedBodyResponse,
    TrailersResponse,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
_BIG = 64 * 1024 * 1024
_OVERWRITE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD

_ON = ProcessingResponse(request_headers=HeadersResponse()).SerializeToString()
_HEADERS = ProcessingResponse(response_headers=HeadersResponse()).SerializeToString()
_TRAILERS = ProcessingResponse(response_trailers=TrailersResponse()).SerializeToString()


class Floor:
    """`authority` is the upstream's; `clusters` names its cluster by a piece of the path."""

    def __init__(self, authority: str, clusters: dict[str, str]) -> None:
        self._authority = authority
        self._clusters = clusters

    async def process(
        self,
        _requests: AsyncIterator[bytes],
        context: "grpc.aio.ServicerContext[bytes, bytes]",
    ) -> None:
        """One exchange."""
        path = ""
        while isinstance(data := await context.read(), bytes):
            message = ProcessingRequest.FromString(data)
            match message.WhichOneof("request"):
                case "response_body":
                    reply = _echo(message.response_body.body, message.response_body.end_of_stream)
                case "request_headers":
                    headers = message.request_headers.headers.headers
                    path = next(h.raw_value.decode() for h in headers if h.key == ":path")
                    reply = _ON
                case "request_body":
                    reply = self._upstream(path)
                case "response_headers":
                    reply = _HEADERS
                case _:
                    reply = _TRAILERS
            await context.write(reply)
            if message.response_body.end_of_stream:
                return  # as the gateway does: one more read would cost a sixth of the whole

    def _upstream(self, path: str) -> bytes:
        cluster = next(name for piece, name in self._clusters.items() if piece in path)
        headers = {":path": path, ":authority": self._authority, "x-clavis-cluster": cluster}
        mutation = HeaderMutation(
            set_headers=[
                HeaderValueOption(
                    header=HeaderValue(key=key, raw_value=value.encode()), append_action=_OVERWRITE
                )
                for key, value in headers.items()
            ]
        )
        common = CommonResponse(header_mutation=mutation, clear_route_cache=True)
        reply = ProcessingResponse(request_body=BodyResponse(response=common))
        data: bytes = reply.SerializeToString()
        return data


def _echo(body: bytes, end: bool) -> bytes:
    streamed = StreamedBodyResponse(body=body, end_of_stream=end)
    common = CommonResponse(body_mutation=BodyMutation(streamed_response=streamed))
    data: bytes = ProcessingResponse(
        response_body=BodyResponse(response=common)
    ).SerializeToString()
    return data


async def main(listen: str, floor: Floor) -> None:
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", _BIG),
            ("grpc.max_send_message_length", _BIG),
        )
    )
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
        floor.process
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),)
    )
    server.add_insecure_port(listen)
    await server.start()
    for service in ("", SERVICE):
        await health.set(service, health_pb2.HealthCheckResponse.SERVING)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.floor")
    parser.add_argument("--listen", required=True, help="unix:/path")
    parser.add_argument("--authority", required=True)
    parser.add_argument("--cluster", action="append", required=True, help="piece of a path=name")
    args = parser.parse_args()
    pairs = dict(item.split("=", 1) for item in args.cluster)
    uvloop.run(main(args.listen, Floor(args.authority, pairs)))
