"""Proofs are kept fresh ahead of time, outlive failures, and are never waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from catalog import Identity
from catalog.credentials import AwsKeys
from extproc.credentials import Keeper
from extproc.credentials import keeper as keeper_module
from extproc.credentials.source import CredentialError, Grant, of_token
from extproc.vouching import Outgoing

ONE = Identity("one", "azure_entra", AwsKeys(default_chain=True))
TWO = replace(ONE, account="two")
REQUEST = Outgoing("POST", "/", "h", True, {}, b"")
PATIENCE_S = 10.0


class Scripted:
    """A source that answers as told: a grant, or why there is none. `asked` counts."""

    def __init__(self, *answers: Grant | str) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.came = asyncio.Condition()

    async def fetch(self) -> Grant:
        self.asked += 1
        async with self.came:
            self.came.notify_all()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise CredentialError(answer)
        return answer

    async def until(self, times: int) -> None:
        async with self.came:
            await asyncio.wait_for(self.came.wait_for(lambda: self.asked >= times), PATIENCE_S)


def grant(token: str, lives_s: float | None, renew_in_s: float | None) -> Grant:
    return replace(of_token(token, 1), lives_s=lives_s, renew_in_s=renew_in_s)


@asynccontextmanager
async def keeping(
    sources: dict[str, Scripted], clock: Callable[[], float] | None = None
) -> AsyncIterator[tuple[Keeper, list[None]]]:
    failures: list[None] = []
    settings = {} if clock is None else {"clock": clock}
    keeper = Keeper(
        lambda identity: sources[identity.account], lambda: failures.append(None), **settings
    )
    try:
        yield keeper, failures
    finally:
        await keeper.close()


def shown(keeper: Keeper, identity: Identity = ONE) -> str | None:
    return keeper.headers(identity, REQUEST).get("authorization")


async def a_turn() -> None:
    """Lets every task that can go on do so."""
    await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await a_turn()


async def test_a_proof_is_there_when_it_was_added() -> None:
    async with keeping({"one": Scripted(grant("a", None, None))}) as (keeper, _):
        assert not keeper.ready(ONE)
        assert shown(keeper) is None
        await keeper.add([ONE], PATIENCE_S)
        assert keeper.ready(ONE)
        assert shown(keeper) == "Bearer a"


async def test_a_proof_is_renewed_before_it_ends() -> None:
    source = Scripted(grant("a", 3600, 0.01), grant("b", 3600, 3000))
    async with keeping({"one": source}) as (keeper, _):
        await keeper.add([ONE], PATIENCE_S)
        await until(lambda: shown(keeper) == "Bearer b")
        assert keeper.ready(ONE)


async def test_a_failure_keeps_the_old_proof_until_its_end_and_then_the_account_is_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(keeper_module, "MOST_RETRY_S", 0.01)
    now = [0.0]
    source = Scripted(grant("a", 100, 0.001), "no answer", "no answer", "no answer")
    async with keeping({"one": source}, lambda: now[0]) as (keeper, failures):
        await keeper.add([ONE], PATIENCE_S)
        await source.until(3)
        assert keeper.ready(ONE)
        now[0] = 94
        assert keeper.ready(ONE)
        now[0] = 96  # the last moments are not used
        assert not keeper.ready(ONE)
        assert len(failures) >= 1
        source.answers = [grant("b", 100, None)]
        await until(lambda: keeper.ready(ONE))
        assert shown(keeper) == "Bearer b"


async def test_disbelief_renews_but_not_again_and_again() -> None:
    now = [0.0]
    source = Scripted(grant("a", 3600, 3000), grant("b", 3600, 3000), grant("c", 3600, 3000))
    async with keeping({"one": source}, lambda: now[0]) as (keeper, _):
        await keeper.add([ONE], PATIENCE_S)
        keeper.doubt("one")  # it was asked for just now
        now[0] = 11
        keeper.doubt("somebody-else")
        keeper.doubt("one")
        await until(lambda: shown(keeper) == "Bearer b")
        keeper.doubt("one")
        now[0] = 12
        keeper.doubt("one")
        await a_turn()
        assert source.asked == 2


async def test_adding_waits_no_longer_than_allowed_and_goes_on_behind() -> None:
    opened = asyncio.Event()

    class Slow(Scripted):
        async def fetch(self) -> Grant:
            await opened.wait()
            return await super().fetch()

    async with keeping({"one": Slow(grant("a", None, None))}) as (keeper, _):
        await keeper.add([ONE], 0.01)
        assert not keeper.ready(ONE)
        opened.set()
        await until(lambda: keeper.ready(ONE))


async def test_identities_that_stay_keep_their_proof_and_others_are_forgotten() -> None:
    sources = {"one": Scripted(grant("a", None, None)), "two": Scripted(grant("b", None, None))}
    async with keeping(sources) as (keeper, _):
        await keeper.add([ONE], PATIENCE_S)
        await keeper.add([ONE, TWO], PATIENCE_S)
        keeper.retain([replace(TWO)])
        assert (keeper.ready(ONE), keeper.ready(TWO)) == (False, True)
        assert (sources["one"].asked, sources["two"].asked) == (1, 1)


async def test_a_token_shows_itself_to_nobody() -> None:
    made = of_token("the-token-itself", 3600)
    assert "the-token-itself" not in repr(made)
    assert made.renew_in_s == 3000
    assert of_token("t", 8).renew_in_s == 6
