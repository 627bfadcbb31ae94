"""Protobuf to events, actions to protobuf: the whole of Envoy's ext_proc vocabulary that this
gateway speaks.

The official protobuf classes (upb) are used because they are some hundred times faster than pure
Python ones, and this is the hot loop. Sources:
envoy/service/ext_proc/v3/external_processor.proto.

Rules: headers are always overwritten, never appended; answers that never vary are serialised once.
"""

from collections.abc import Iterator
from typing import assert_never

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.ext_proc.v3.external_processor_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    HttpHeaders,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
    StreamedBodyResponse,
    TrailersResponse,
)
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.message import DecodeError

from extproc.exchange.actions import (
    ContinueRequest,
    Refuse,
    SendBody,
    SendHeaders,
    SendTrailers,
    SendUpstream,
)
from extproc.exchange.events import (
    Event,
    Headers,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)

Said = ContinueRequest | SendUpstream | Refuse | SendHeaders | SendBody | SendTrailers

_OVERWRITE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


class UnexpectedMessage(ValueError):
    """Envoy sent a kind of message that its configuration does not ask for: check the bootstrap."""


def read(data: bytes) -> Event:
    """One message from Envoy as an event. Raises UnexpectedMessage."""
    try:
        message = ProcessingRequest.FromString(data)
    except DecodeError as error:
        raise UnexpectedMessage("not an ext_proc message") from error
    match message.WhichOneof("request"):
        case "response_body":
            body = message.response_body
            return ResponseBody(body.body, body.end_of_stream)
        case "request_headers":
            headers = message.request_headers
            return RequestHeaders(_headers(headers), headers.end_of_stream)
        case "request_body":
            return RequestBody(message.request_body.body)
        case "response_headers":
            headers = message.response_headers
            return ResponseHeaders(_headers(headers), headers.end_of_stream)
        case "response_trailers":
            return ResponseTrailers()
        case other:
            raise UnexpectedMessage(f"unexpected ext_proc message: {other}")


def _headers(message: HttpHeaders) -> Headers:
    # Envoy fills raw_value; Latin-1 keeps every byte, as HTTP does.
    return {h.key: h.raw_value.decode("latin-1") for h in message.headers.headers}


MAX_BODY_BYTES = 1024 * 1024  # of one message: far below gRPC's limit, large enough to be few


def parts(action: SendBody) -> Iterator[SendBody]:
    """The same bytes in messages of a bounded size; the last one ends what the whole would end."""
    starts = range(0, len(action.data), MAX_BODY_BYTES)
    for start in starts:
        last = start + MAX_BODY_BYTES >= len(action.data)
        yield SendBody(action.data[start : start + MAX_BODY_BYTES], action.end and last)


def write(action: Said) -> bytes:
    """One action as the message that Envoy expects next."""
    match action:
        case SendBody():
            streamed = StreamedBodyResponse(body=action.data, end_of_stream=action.end)
            common = CommonResponse(body_mutation=BodyMutation(streamed_response=streamed))
            response = ProcessingResponse(response_body=BodyResponse(response=common))
        case ContinueRequest():
            return _CONTINUE
        case SendUpstream():
            response = _upstream(action)
        case SendHeaders():
            common = CommonResponse(
                header_mutation=_mutation(action.set_headers, action.remove_headers)
            )
            response = ProcessingResponse(response_headers=HeadersResponse(response=common))
        case Refuse():
            response = ProcessingResponse(
                immediate_response=ImmediateResponse(
                    # Envoy's enum lists the statuses it knows; others travel as plain numbers.
                    status=HttpStatus(code=action.status),
                    headers=_mutation(action.headers, ()),
                    body=action.body,
                )
            )
        case SendTrailers():
            return _TRAILERS
        case _:
            assert_never(action)
    data: bytes = response.SerializeToString()
    return data


def _upstream(action: SendUpstream) -> ProcessingResponse:
    common = CommonResponse(
        header_mutation=_mutation(action.set_headers, action.remove_headers),
        clear_route_cache=True,  # the cluster is chosen by a header that is set here
    )
    if not action.after_body:
        return ProcessingResponse(request_headers=HeadersResponse(response=common))
    if action.body is not None:
        common.body_mutation.body = action.body
    return ProcessingResponse(request_body=BodyResponse(response=common))


def _mutation(set_headers: dict[str, str], remove: tuple[str, ...]) -> HeaderMutation:
    return HeaderMutation(
        set_headers=[
            HeaderValueOption(
                header=HeaderValue(key=name, raw_value=value.encode("latin-1", "replace")),
                append_action=_OVERWRITE,
            )
            for name, value in set_headers.items()
        ],
        remove_headers=remove,
    )


_CONTINUE: bytes = ProcessingResponse(request_headers=HeadersResponse()).SerializeToString()
_TRAILERS: bytes = ProcessingResponse(response_trailers=TrailersResponse()).SerializeToString()
