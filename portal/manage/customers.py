"""Customers: who pays, how, with which ceilings and which plan."""

from fastapi import APIRouter, Request

from ledger.model import AccountMode, Customer
from ledger.plans import PlanPeriod, PlanSpec
from portal.manage.asking import (
    ADMIN,
    BASE,
    CustomerRef,
    actor_of,
    customer_of,
    errors,
    later,
    understood,
)
from portal.manage.shapes import (
    CustomerBody,
    CustomerChange,
    CustomerDetail,
    CustomerList,
    CustomerShown,
    PlanBody,
    PlanShown,
    ceilings_of,
    mode_of,
    shown_account,
    shown_customer,
    shown_plan,
)
from portal.requests import services_of
from portal.usage.period import moment

router = APIRouter(prefix=BASE, tags=["Management"], dependencies=[ADMIN])


@router.post(
    "/customers",
    operation_id="create_customer",
    summary="Create a customer",
    response_description="The new customer.",
    status_code=201,
    responses=errors(400, 409, 413),
)
async def create_customer(request: Request, body: CustomerBody) -> CustomerShown:
    """A name can be taken once. Without a mode the customer is what the catalog's billing says."""
    services = services_of(request)
    mode = mode_of(body.mode, services.catalog.billing.prepaid)
    made = await services.ledger.create_customer(
        body.name, services.now_ms(), mode=mode, limits=ceilings_of(body.limits)
    )
    return CustomerShown.model_validate(shown_customer(made))


@router.get(
    "/customers",
    operation_id="list_customers",
    summary="List customers",
    response_description="All customers.",
    responses=errors(),
)
async def list_customers(request: Request) -> CustomerList:
    """All of them, the oldest first; balances are with each customer."""
    found = await services_of(request).ledger.customers()
    return CustomerList.model_validate({"data": [shown_customer(one) for one in found]})


@router.get(
    "/customers/{customer}",
    operation_id="get_customer",
    summary="One customer",
    response_description="The customer with its money.",
    responses=errors(400),
)
async def get_customer(request: Request, customer: CustomerRef) -> CustomerDetail:
    """With the balance at this moment, what is held for running requests, and the plan."""
    return await _detail(request, await customer_of(request, customer))


@router.patch(
    "/customers/{customer}",
    operation_id="change_customer",
    summary="Change a customer's mode or limits",
    response_description="The customer as it is now.",
    responses=errors(400, 413),
)
async def change_customer(
    request: Request, customer: CustomerRef, body: CustomerChange
) -> CustomerDetail:
    """Holds from the next request on; requests that run end as they began. 503 when the hot store
    is away: the change is kept all the same, and takes effect as soon as it is back."""
    services = services_of(request)
    found = await customer_of(request, customer)
    if body.limits is not None:
        found = await services.ledger.set_customer_limits(
            found.id, ceilings_of(body.limits), services.now_ms()
        )
    if body.mode is not None:
        found = await services.ledger.set_mode(found.id, AccountMode(body.mode))
    return await _detail(request, found)


@router.put(
    "/customers/{customer}/plan",
    operation_id="assign_plan",
    summary="Give a customer a plan",
    response_description="The plan.",
    responses=errors(400, 413),
)
async def assign_plan(request: Request, customer: CustomerRef, body: PlanBody) -> PlanShown:
    """In place of any other. The same plan once more changes nothing. Periods are counted from the
    plan's beginning; what is left of an allowance ends with its period."""
    services = services_of(request)
    found = await customer_of(request, customer)
    now_ms = services.now_ms()
    since_ms = None if body.since is None else moment(body.since, "since")
    with understood():
        spec = PlanSpec(
            body.name,
            body.allowance_micro,
            PlanPeriod(body.period),
            since_ms,
            later(body.until, "until", now_ms),
        )
        plan = await services.ledger.assign_plan(found.id, spec, now_ms, actor_of(request))
    shown = shown_plan(plan)
    assert shown is not None
    return shown


@router.delete(
    "/customers/{customer}/plan",
    operation_id="end_plan",
    summary="End a customer's plan",
    response_description="The customer as it is now.",
    responses=errors(400),
)
async def end_plan(request: Request, customer: CustomerRef) -> CustomerDetail:
    """At once; what is left of the allowance ends with it."""
    services = services_of(request)
    found = await customer_of(request, customer)
    await services.ledger.end_plan(found.id, services.now_ms())
    return await _detail(request, found)


async def _detail(request: Request, customer: Customer) -> CustomerDetail:
    services = services_of(request)
    now_ms = services.now_ms()
    account = await services.ledger.account(customer.id)
    plan = await services.ledger.record.plan(customer.id, now_ms)
    return CustomerDetail.model_validate(
        {
            **shown_customer(customer),
            "account": shown_account(account, now_ms),
            "plan": shown_plan(plan),
        }
    )
