"""The page of upstream accounts, for operators: which of them rest, why, and asking them again.

A browser asks for the admin token as a password (RFC 7617), of any user name. What a browser sends
by itself can be made to be sent by another site's page, so that the form is taken only from this
page: `Sec-Fetch-Site` must say so or, where a browser does not send it (plain HTTP), `Origin` must
name the host that was asked.
"""

import base64
import binascii
from html import escape
from string import Template
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from portal.help import no_such_path
from portal.manage.upstreams import (
    AccountName,
    RestShown,
    UpstreamList,
    UpstreamShown,
    list_upstreams,
    reset_upstream,
)
from portal.pages.frame import code, page, read, row
from portal.refusals import Kind, Refusal
from portal.requests import services_of

PATH = "/portal/upstreams"
_CHALLENGE = {"www-authenticate": 'Basic realm="Clavis: the admin token", charset="UTF-8"'}
_REFUSED = """<h1>Operators only</h1>
<p>Sign in with the admin token as the password. The user name does not matter.</p>"""
_PAGE = Template(read("upstreams.html"))

router = APIRouter(tags=["Pages"], include_in_schema=False)


@router.get(PATH)
async def upstreams_page(request: Request) -> Response:
    """All accounts of the catalog, with what is known against them at this moment."""
    if not _signed_in(request):
        return page("Clavis", _REFUSED, status=401, headers=_CHALLENGE)
    text = content(await list_upstreams(request))
    # Under `no-referrer`, as other pages have it, a form is sent with `Origin: null`.
    return page("Upstream accounts", text, headers={"referrer-policy": "same-origin"})


@router.post(PATH + "/{account}/reset")
async def reset(
    request: Request,
    account: AccountName,
    model: Annotated[str | None, Query(max_length=256)] = None,
) -> Response:
    """Forgets an account's failures and shows the page again."""
    if not _signed_in(request):
        return page("Clavis", _REFUSED, status=401, headers=_CHALLENGE)
    if not _of_this_page(request):
        raise Refusal(Kind.PERMISSION, "This form is taken only from its own page.")
    await reset_upstream(request, account, model)
    return RedirectResponse(PATH, 303)


def content(found: UpstreamList) -> str:
    """The page's content: a row for each rest, and one for each account without any."""
    rows = [line for one in found.data for line in _lines(one)]
    resting = sum(any(rest.until for rest in one.rests) for one in found.data)
    told = f"{len(found.data)} accounts, {resting} with rests."
    return _PAGE.substitute(told=told, rows="\n".join(rows))


def _lines(one: UpstreamShown) -> list[str]:
    named = (code(one.account), escape(one.provider), escape(one.pool), str(one.weight))
    if not one.rests:
        return [row(*named, "asked", "", "", "")]
    return [row(*named, *_rest(one.account, rest)) for rest in one.rests]


def _rest(account: str, rest: RestShown) -> tuple[str, ...]:
    state = f"not asked until {escape(rest.until)}" if rest.until else "asked; failed once"
    of = code(rest.model) if rest.model is not None else "every model"
    status = str(rest.status) if rest.status else "no answer"
    times = f"{rest.failures} in a row" if rest.failures > 1 else "once"
    why = f"{escape(rest.reason.replace('_', ' '))} ({status}), {times}"
    only = f"?model={quote(rest.model, safe='')}" if rest.model is not None else ""
    action = escape(f"{PATH}/{quote(account, safe='')}/reset{only}")
    return (
        state,
        of,
        why,
        f'<form method="post" action="{action}"><button>Ask again</button></form>',
    )


def _of_this_page(request: Request) -> bool:
    told = request.headers.get("sec-fetch-site")
    if told is not None:
        return told == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")


def _signed_in(request: Request) -> bool:
    """Raises Refusal (404) where nobody may manage."""
    admins = services_of(request).admins
    if not admins.configured:
        raise Refusal(Kind.NOT_FOUND, no_such_path(request.scope["path"]))
    scheme, _, text = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        _, _, token = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return False
    name = admins.name_of(token)
    request.state.admin = name
    return name is not None
