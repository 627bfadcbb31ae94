"""What the response side must know of an exchange: one small value that can be written down.

It is made when the request goes upstream and never refers to the request side's objects: a later
release may hand it to another filter, or to another worker.
"""

from dataclasses import dataclass

from ledger.cooldowns import Reservation
from ledger.model import Attempt, Outcome, UsageRecord, UsageSource
from translators.canonical.reply import ReplyContext
from translators.canonical.usage import Usage
from translators.tools import ToolMap


@dataclass(frozen=True, slots=True)
class Reply:
    """How the answer of a translated exchange is written for its caller.

    `issuer` is whose sealed values the upstream mints. `counting`: the answer is a number of
    tokens. `seals_kept`: the caller's dialect has no place for sealed values, so the gateway keeps
    them. `remembered` is the request whose answer is to be kept as the upstream keeps none.
    """

    context: ReplyContext
    tools: ToolMap
    issuer: str
    counting: bool = False
    seals_kept: bool = False
    remembered: bytes | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """Which attempt of which request is to be planned, and what became of those before it."""

    request_id: str
    attempt: int
    started_at_ms: int
    now_ms: int
    tries: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Believed:
    """The most tokens that an upstream's usage is believed to be."""

    input: int
    output: int

    def input_with(self, usage: Usage) -> int:
        """A search of the provider's reads the whole input again."""
        return self.input * (1 + (usage.web_searches or 0) + (usage.file_searches or 0))


EVERYTHING = Believed(2**53, 2**53)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One attempt of one request, as decided. All names are plain strings."""

    request_id: str
    shard: str
    key_id: str
    customer_id: str
    protocol: str  # the caller's dialect
    upstream_protocol: str
    endpoint: str
    model: str  # the public name
    upstream: str | None
    account: str | None
    upstream_model: str | None
    streamed: bool
    attempt: int
    started_at_ms: int
    last_attempt: bool = True
    hint: str | None = None
    billed: bool = True  # token counting and the like cost nothing
    keeps_answer: bool = False  # a stored answer's account is remembered
    reply: Reply | None = None  # None: the answer's bytes pass
    losses: tuple[str, ...] = ()  # what the translation could not say
    price_source: str | None = None
    input_estimate: int = 0  # tokens, for answers whose upstream tells nothing
    believed: Believed = EVERYTHING  # figures beyond it are the upstream's mistake
    quotas: tuple[tuple[str, str], ...] = ()  # headers that tell what is left of the limits
    tries: tuple[Attempt, ...] = ()  # the attempts before this one
    sent_at_ms: int = 0  # when this attempt began
    unsealed: bool = False  # sent without any sealed value: the one before was refused for one
    reserved: Reservation | None = None  # a place at the account, to be given back
    watched: bool = False  # the account has failed lately: a success is to be told
    wire: str = ""  # the envelope that the answer comes in; "" for none
    vouched: bool = False  # who asks was shown by a token or a signature made for this request


_NOTHING = Usage()


def draft(ticket: Ticket) -> UsageRecord:
    """The record of an exchange of which nothing is known yet but that it began."""
    return record(ticket, 0, Outcome.LOST, attempts=ticket.tries)


def record(
    ticket: Ticket,
    status: int,
    outcome: Outcome,
    *,
    latency_ms: int = 0,
    ttft_ms: int | None = None,
    finish: str | None = None,
    upstream_request_id: str | None = None,
    usage: Usage | None = None,
    cost_micro: int | None = None,
    losses: tuple[str, ...] = (),
    source: UsageSource | None = None,
    attempts: tuple[Attempt, ...] = (),
) -> UsageRecord:
    """What is kept of an exchange, in one go: this is on the hot path."""
    tokens = usage or _NOTHING
    return UsageRecord(
        request_id=ticket.request_id,
        key_id=ticket.key_id,
        customer_id=ticket.customer_id,
        protocol=ticket.protocol,
        endpoint=ticket.endpoint,
        model=ticket.model,
        upstream=ticket.upstream,
        account=ticket.account,
        upstream_model=ticket.upstream_model,
        upstream_request_id=upstream_request_id,
        status=status,
        outcome=outcome,
        finish=finish,
        streamed=ticket.streamed,
        attempts=ticket.attempt,
        started_at_ms=ticket.started_at_ms,
        latency_ms=latency_ms,
        ttft_ms=ttft_ms,
        input_tokens=tokens.input_tokens,
        cache_read_tokens=tokens.cache_read_tokens,
        cache_write_5m_tokens=tokens.cache_write_5m_tokens,
        cache_write_1h_tokens=tokens.cache_write_1h_tokens,
        image_input_tokens=tokens.image_input_tokens,
        audio_input_tokens=tokens.audio_input_tokens,
        output_tokens=tokens.output_tokens,
        reasoning_tokens=tokens.reasoning_tokens,
        image_output_tokens=tokens.image_output_tokens,
        audio_output_tokens=tokens.audio_output_tokens,
        web_searches=tokens.web_searches,
        file_searches=tokens.file_searches,
        cost_micro=cost_micro,
        usage_source=source
        if source is not None
        else UsageSource.NONE
        if usage is None
        else UsageSource.UPSTREAM,
        losses=losses or ticket.losses,
        upstream_protocol=ticket.upstream_protocol if ticket.upstream else None,
        price_source=ticket.price_source,
        attempts_detail=attempts,
    )
