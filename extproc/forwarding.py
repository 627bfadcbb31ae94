"""Requests that the portal answers: their way there, and its answers' way back with our ids."""

from extproc import admission, replies
from extproc.doors import Opened, portal_path
from extproc.exchange.actions import SendBody, SendHeaders, SendTrailers, SendUpstream
from extproc.exchange.events import Event, ResponseBody, ResponseHeaders, ResponseTrailers
from extproc.exchange.phases import Signal
from extproc.exchange.step import Step
from ledger.keys import KeyHandle


def to_portal(
    opened: Opened,
    headers: dict[str, str],
    handle: KeyHandle | None,
    prefixes: tuple[str, ...],
    after_body: bool,
) -> SendUpstream:
    """The request as the portal gets it, which checks the key itself."""
    set_headers = {":path": portal_path(opened), "x-clavis-cluster": "portal"}
    if client := admission.client_address(headers):
        set_headers["x-forwarded-for"] = client
    if opened.query_key and admission.is_key(opened.query_key, handle, prefixes):
        set_headers["x-goog-api-key"] = opened.query_key
    return SendUpstream(set_headers, (), None, after_body)


def forwarded(event: Event, request_id: str, hint: str | None) -> Step:
    """An answer of the portal's, or of Envoy's own, on its way to the caller."""
    match event:
        case ResponseHeaders():
            # Envoy's own reply where the portal is away asks for a retry, which is not for this.
            headers = SendHeaders(replies.identity(request_id, hint), ("x-clavis-retry",))
            return Step(Signal.ENDED if event.end else Signal.MORE, [headers])
        case ResponseBody():
            body = SendBody(event.data, event.end)
            return Step(Signal.ENDED if event.end else Signal.MORE, [body])
        case ResponseTrailers():
            return Step(Signal.ENDED, [SendTrailers()])
        case _:
            return Step(Signal.MORE, [])
