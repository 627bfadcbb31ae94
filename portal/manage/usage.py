"""Usage of everybody, in sums, and whether the books clear."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from ledger.reconcile import reconcile as audit
from ledger.usage_sums import Dimension, UsageFilter
from portal.manage.asking import ADMIN, BASE, customer_of, errors
from portal.manage.tables import CSV_ANSWER, csv_answer, wants_csv
from portal.requests import services_of
from portal.usage.period import period
from portal.usage.sums import COUNTS, DIMENSIONS, UsageSums, dimensions, summed

router = APIRouter(prefix=BASE, tags=["Management"], dependencies=[ADMIN])


class SumsQuery(BaseModel):
    """Parameters of the sums."""

    start: str | None = Field(
        default=None,
        alias="from",
        description="Begin: a date (UTC), RFC 3339 or Unix seconds. Default: 30 days before `to`.",
    )
    end: str | None = Field(
        default=None,
        alias="to",
        description="End, excluded; a bare date includes its day. Default: now.",
    )
    group_by: str = Field(
        default="", description="Any of day, model, key, customer, with commas between."
    )
    customer: str | None = Field(
        default=None, max_length=256, description="Only this customer's, by id or name."
    )
    key: str | None = Field(default=None, max_length=256, description="Only this key's, by id.")
    model: str | None = Field(
        default=None, max_length=256, description="Only of this model, as it was asked for."
    )


@router.get(
    "/usage",
    operation_id="sum_usage",
    summary="Sums of usage",
    response_description="The sums.",
    response_model=UsageSums,
    responses={200: CSV_ANSWER, **errors(400)},
)
async def sum_usage(request: Request, query: Annotated[SumsQuery, Query()]) -> UsageSums | Response:
    """Requests, tokens, cost and what was charged, by whatever is asked for. A request appears
    within a second of its end. CSV with `accept: text/csv`."""
    services = services_of(request)
    asked = period(query.start, query.end, services.now_ms())
    group_by = dimensions(query.group_by, Dimension)
    owner = await customer_of(request, query.customer) if query.customer else None
    which = UsageFilter(owner.id if owner else None, query.key, query.model)
    sums = await services.ledger.record.usage_sums(asked.from_ms, asked.to_ms, group_by, which)
    found = summed(sums, group_by, asked)
    if wants_csv(request):
        columns = (*(DIMENSIONS[dimension] for dimension in group_by), *COUNTS)
        return csv_answer((row.model_dump() for row in found.data), columns)
    return found


class DifferenceShown(BaseModel):
    """Something that does not clear."""

    customer_id: str
    check: str = Field(description="What was compared.")
    expected: int = Field(description="The record's value; micro-USD, unless counts are compared.")
    found: int = Field(description="The hot store's value, or the other side of the comparison.")


class Proof(BaseModel):
    """Whether entries, balances, holds, charges and usage agree to the micro-dollar."""

    clean: bool = Field(description="Whether everything agrees.")
    customers: int
    requests: int = Field(description="All that were ever recorded.")
    cost_micro: int = Field(description="What they cost.")
    charged_micro: int = Field(description="What of it was charged.")
    uncollected_micro: int = Field(description="What of it nothing was there for.")
    credit_micro: int = Field(description="All credit in the hot store.")
    allowance_micro: int = Field(description="All allowances in the hot store.")
    held_micro: int = Field(description="Held for requests that run.")
    pending: int = Field(description="Settlements on their way to the record.")
    unpublished: int = Field(description="Entries that the hot store was not told of yet.")
    dead: int = Field(description="Settlements that nobody could read.")
    differences: list[DifferenceShown] = Field(description="What does not clear.")


@router.get(
    "/reconcile",
    operation_id="reconcile",
    summary="Prove that the books clear",
    response_description="The proof, or what does not clear.",
    responses=errors(),
)
async def reconcile(request: Request) -> Proof:
    """Compares what both stores say of every customer, beside full traffic, and changes nothing.
    Differences are looked at several times before they are called so. It reads all of the record:
    ask for it seldom."""
    found = await audit(services_of(request).ledger)
    return Proof.model_validate({**asdict(found), "clean": found.clean})
