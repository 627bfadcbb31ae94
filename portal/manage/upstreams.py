"""Upstream accounts: which of them rest, and letting them be asked again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from ledger.cooldowns import Rest
from portal.manage.asking import ADMIN, BASE, errors
from portal.refusals import Kind, Refusal
from portal.requests import services_of
from portal.usage.period import rfc3339

router = APIRouter(prefix=BASE, tags=["Management"], dependencies=[ADMIN])

AccountName = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Name of an account in the catalog.")
]


class RestShown(BaseModel):
    """Failures of an account, for one model or as a whole."""

    model: str | None = Field(description="The provider's own name; null: the account as a whole.")
    until: str | None = Field(
        description="Until when it is not asked (RFC 3339, UTC); past: the next request tries it; "
        "null: it failed once and is asked all the same."
    )
    failures: int = Field(description="How many in a row.")
    status: int = Field(description="HTTP status of the last one; 0: none came.")
    reason: str = Field(description="What kind of failure the last one was.")


class UpstreamShown(BaseModel):
    """An upstream account. Its credential is never shown."""

    account: str
    provider: str
    pool: str
    weight: int
    rests: list[RestShown]


class UpstreamList(BaseModel):
    """All of the catalog's accounts."""

    data: list[UpstreamShown]


class Forgotten(BaseModel):
    """What was forgotten of an account."""

    forgotten: int = Field(description="How many rests and suspicions.")


@router.get(
    "/upstreams",
    operation_id="list_upstreams",
    summary="Upstream accounts and their rests",
    response_description="All accounts of the catalog.",
    responses=errors(),
)
async def list_upstreams(request: Request) -> UpstreamList:
    """Every account that the catalog declares, with what is known against it at this moment."""
    services = services_of(request)
    accounts = services.catalog.accounts
    found: dict[str, list[RestShown]] = {name: [] for name in accounts}
    for rest in await services.ledger.upstreams.rests(accounts):
        found[rest.account].append(_shown(rest))
    return UpstreamList(
        data=[
            UpstreamShown(
                account=name,
                provider=account.provider,
                pool=account.pool,
                weight=account.weight,
                rests=found[name],
            )
            for name, account in accounts.items()
        ]
    )


@router.post(
    "/upstreams/{account}/reset",
    operation_id="reset_upstream",
    summary="Ask an account again",
    response_description="What was forgotten.",
    responses=errors(400),
)
async def reset_upstream(
    request: Request,
    account: AccountName,
    model: Annotated[
        str | None,
        Query(max_length=256, description="Only for this model, by the provider's own name."),
    ] = None,
) -> Forgotten:
    """Forgets its failures: all workers ask it again at once."""
    services = services_of(request)
    if account not in services.catalog.accounts:
        raise Refusal(Kind.NOT_FOUND, "There is no such account.", param="account")
    return Forgotten(forgotten=await services.ledger.upstreams.reset(account, model))


def _shown(rest: Rest) -> RestShown:
    return RestShown(
        model=rest.model or None,
        until=rfc3339(rest.until_ms) if rest.until_ms else None,
        failures=rest.failures,
        status=rest.status,
        reason=rest.reason,
    )
