"""Keys: made, listed, changed, turned, ended. A secret is shown once, where it is made."""

import ipaddress
from typing import Annotated

from fastapi import APIRouter, Query, Request

from catalog.surfaces import DOOR_KINDS
from ledger.model import KeyRow, KeySpec
from portal.manage.asking import (
    ADMIN,
    BASE,
    CustomerRef,
    KeyRef,
    customer_of,
    errors,
    key_of,
    later,
)
from portal.manage.shapes import (
    KeyBody,
    KeyChange,
    KeyList,
    KeyMade,
    KeyShown,
    RotationBody,
    ceilings_of,
    shown_key,
)
from portal.refusals import Kind, Refusal
from portal.requests import services_of

router = APIRouter(prefix=BASE, tags=["Management"], dependencies=[ADMIN])


@router.post(
    "/customers/{customer}/keys",
    operation_id="create_key",
    summary="Create a key",
    response_description="The key with its secret, which is not shown again.",
    status_code=201,
    responses=errors(400, 413),
)
async def create_key(request: Request, customer: CustomerRef, body: KeyBody) -> KeyMade:
    """Groups and endpoints must be known. Two keys may have one name: this is not idempotent."""
    services = services_of(request)
    found = await customer_of(request, customer)
    _check(body, frozenset(services.catalog.groups))
    now_ms = services.now_ms()
    spec = KeySpec(
        name=body.name,
        groups=tuple(body.groups),
        models=tuple(body.models),
        endpoints=tuple(body.endpoints),
        networks=tuple(body.networks),
        expires_at_ms=later(body.expires_at, "expires_at", now_ms),
        strict=body.strict,
        limits=ceilings_of(body.limits),
    )
    prefix = services.catalog.key_prefix
    return _made(*await services.ledger.create_key(found.id, spec, now_ms, prefix))


@router.get(
    "/keys",
    operation_id="list_keys",
    summary="List keys",
    response_description="The keys.",
    responses=errors(400),
)
async def list_keys(
    request: Request,
    customer: Annotated[
        str | None, Query(description="Only this customer's, by id or name.", max_length=256)
    ] = None,
) -> KeyList:
    """All of them, or one customer's, the oldest first."""
    ledger = services_of(request).ledger
    owner = None if customer is None else (await customer_of(request, customer)).id
    return KeyList.model_validate({"data": [shown_key(key) for key in await ledger.keys(owner)]})


@router.get(
    "/keys/{key}",
    operation_id="get_key",
    summary="One key",
    response_description="The key.",
    responses=errors(400),
)
async def get_key(request: Request, key: KeyRef) -> KeyShown:
    """Everything but its secret."""
    return _shown(await key_of(request, key))


@router.patch(
    "/keys/{key}",
    operation_id="change_key",
    summary="Change a key's limits or strictness",
    response_description="The key as it is now.",
    responses=errors(400, 413),
)
async def change_key(request: Request, key: KeyRef, body: KeyChange) -> KeyShown:
    """Holds from the next request on. 503 when the hot store is away: the change is kept all the
    same, and takes effect as soon as it is back."""
    services = services_of(request)
    found = await key_of(request, key)
    if body.limits is not None:
        found = await services.ledger.set_key_limits(
            found.id, ceilings_of(body.limits), services.now_ms()
        )
    if body.strict is not None:
        found = await services.ledger.set_key_strict(found.id, body.strict, services.now_ms())
    return _shown(found)


@router.post(
    "/keys/{key}/disable",
    operation_id="disable_key",
    summary="Disable a key",
    response_description="The key as it is now.",
    responses=errors(400),
)
async def disable_key(request: Request, key: KeyRef) -> KeyShown:
    """Refused from the next request on, everywhere. 503 when the hot store is away: the change is
    kept all the same, and takes effect as soon as it is back."""
    services = services_of(request)
    return _shown(await services.ledger.disable_key(key, services.now_ms()))


@router.post(
    "/keys/{key}/enable",
    operation_id="enable_key",
    summary="Enable a key",
    response_description="The key as it is now.",
    responses=errors(400),
)
async def enable_key(request: Request, key: KeyRef) -> KeyShown:
    """Accepted again."""
    services = services_of(request)
    return _shown(await services.ledger.enable_key(key, services.now_ms()))


@router.post(
    "/keys/{key}/rotate",
    operation_id="rotate_key",
    summary="Give a key a new secret",
    response_description="The key with its new secret, which is not shown again.",
    responses=errors(400, 413),
)
async def rotate_key(request: Request, key: KeyRef, body: RotationBody) -> KeyMade:
    """The old secret works for the grace, by default not at all."""
    services = services_of(request)
    prefix = services.catalog.key_prefix
    return _made(
        *await services.ledger.rotate_key(key, services.now_ms(), body.grace_s * 1000, prefix)
    )


def _check(body: KeyBody, groups: frozenset[str]) -> None:
    unknown = next((name for name in body.groups if name not in groups), None)
    if unknown is not None:
        raise _wrong("groups", "the catalog has no such group")
    if any(name not in DOOR_KINDS for name in body.endpoints):
        raise _wrong("endpoints", f"each is one of {', '.join(DOOR_KINDS)}")
    for network in body.networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise _wrong("networks", "not a network, such as 10.0.0.0/8") from None


def _wrong(param: str, why: str) -> Refusal:
    return Refusal(Kind.INVALID_REQUEST, f"{param}: {why}.", param=param)


def _shown(key: KeyRow) -> KeyShown:
    return KeyShown.model_validate(shown_key(key))


def _made(key: KeyRow, secret: str) -> KeyMade:
    return KeyMade.model_validate({**shown_key(key), "secret": secret})
