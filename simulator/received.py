"""The text of an echo: what the provider received, without a credential in it."""

import orjson

from simulator.call import Call
from simulator.log import shown_headers, shown_query


def received(call: Call) -> str:
    """Method, path, query, headers and body as JSON where the script asks for an echo; else
    nothing."""
    if not call.script.echo:
        return ""
    shown = {
        "method": call.method,
        "path": call.path,
        "query": shown_query(call.query.items()),
        "headers": shown_headers(call.headers.items()),
        "body": call.json,
    }
    return orjson.dumps(shown).decode()
