"""Values that the ledger's tests begin from; each test changes what it is about."""

from dataclasses import replace
from typing import Any

from ledger.keys import KeyHandle
from ledger.model import (
    AdmissionRequest,
    KeyFacts,
    Outcome,
    Settlement,
    UsageRecord,
    UsageSource,
)
from ledger.plans import Plan, PlanPeriod, Turn
from ledger.records import encode_record

NOW_MS = 1_763_200_000_000
LEASE_MS = 30_000
SHARD = "7"
KEY_HASH = "ab" * 32
HANDLE = KeyHandle(KEY_HASH, SHARD)
FACTS = KeyFacts("key_1", "cus_1", "development", version=1)

RECORD = UsageRecord(
    request_id="req_1",
    key_id="key_1",
    customer_id="cus_1",
    protocol="anthropic",
    endpoint="messages",
    model="claude-sonnet",
    upstream="anthropic",
    account="main",
    upstream_model="claude-sonnet-4-5",
    upstream_request_id="req_up",
    status=200,
    outcome=Outcome.COMPLETED,
    finish="stop",
    streamed=True,
    attempts=1,
    started_at_ms=NOW_MS,
    latency_ms=1234,
    ttft_ms=321,
    input_tokens=10,
    cache_read_tokens=20,
    cache_write_5m_tokens=30,
    cache_write_1h_tokens=40,
    output_tokens=50,
    reasoning_tokens=60,
    cost_micro=70,
    usage_source=UsageSource.UPSTREAM,
    losses=("logprobs=dropped", "temperature=clamped"),
    upstream_protocol="openai_chat",
)


def record_of(request_id: str, **changes: Any) -> UsageRecord:
    return replace(RECORD, request_id=request_id, **changes)


def attempt_of(
    request_id: str, worker_id: str = "w0", attempt: int = 1, **changes: Any
) -> AdmissionRequest:
    """One attempt; its draft record says who metered it, so that a test can see whose survived."""
    draft = record_of(
        request_id, attempts=attempt, account=worker_id, status=0, outcome=Outcome.FAILED
    )
    request = AdmissionRequest(
        request_id=request_id,
        shard=SHARD,
        key_hash=KEY_HASH,
        worker_id=worker_id,
        attempt=attempt,
        now_ms=NOW_MS,
        lease_ms=LEASE_MS,
        note=encode_record(draft),
    )
    return replace(request, **changes)


def turn_of(
    number: int,
    allowance_micro: int,
    until_ms: int,
    *,
    plan: int = 1,
    name: str = "",
    customer_id: str = "cus_1",
) -> Turn:
    """A turn of the customer's first, second ... plan; its end, where it ends at 0."""
    its_plan = Plan(
        id=f"plan_{plan}",
        customer_id=customer_id,
        name="pro",
        allowance_micro=allowance_micro,
        period=PlanPeriod.DAY,
        since_ms=0,
        until_ms=None,
        next_turn_ms=number,
        actor="ada",
        created_at_ms=plan,
    )
    turn_id = name or f"plan_{plan}:{number}"
    period = number if until_ms else None
    return Turn(turn_id, its_plan, period, allowance_micro, until_ms, until_ms or None)


def settlement_of(
    request_id: str, worker_id: str = "w0", attempt: int = 1, **changes: Any
) -> Settlement:
    settled = record_of(request_id, attempts=attempt, account=worker_id, **changes)
    return Settlement(SHARD, settled, worker_id)
