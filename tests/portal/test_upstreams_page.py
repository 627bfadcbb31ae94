"""The operators' page of upstream accounts: who sees it, what it says, and its one button."""

import base64
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from ledger.cooldowns import Evidence
from portal.app import create_app
from tests.portal.conftest import ADMIN, NOW_MS, World, started
from tests.portal.test_pages import Seen

PATH = "/portal/upstreams"
PAGE = {"sec-fetch-site": "same-origin"}


def basic(token: str, user: str = "anybody") -> dict[str, str]:
    text = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {"authorization": f"Basic {text}"}


SIGNED_IN = basic(ADMIN)
STRANGERS: tuple[dict[str, str], ...] = (
    {},
    basic("wrong"),
    basic("", ADMIN),
    {"authorization": f"Bearer {ADMIN}"},
    {"authorization": f"Basic {ADMIN}"},
    {"authorization": "Basic /w=="},
    {"authorization": "Basic"},
)


async def an_account(world: World) -> str:
    return str(next(iter(world.app.state.services.catalog.accounts)))


async def rest(world: World, account: str, model: str = "m<b>") -> None:
    evidence = Evidence(account, model, "rate_limited", 429, True, 1_000, 60_000, 30_000)
    await world.ledger.upstreams.rest(evidence, NOW_MS)


@pytest.mark.parametrize("headers", STRANGERS)
async def test_nobody_sees_it_without_the_admin_token(
    world: World, headers: dict[str, str]
) -> None:
    for answer in (
        await world.client.get(PATH, headers=headers),
        await world.client.post(f"{PATH}/x/reset", headers=headers | PAGE),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert await an_account(world) not in answer.text


async def test_there_is_no_such_page_where_nobody_may_manage(
    world: World, stack: AsyncExitStack
) -> None:
    client = await started(create_app(replace(world.settings, admin_token=None)), stack)
    assert (await client.get(PATH, headers=SIGNED_IN)).status_code == 404
    assert (await client.post(f"{PATH}/x/reset", headers=SIGNED_IN | PAGE)).status_code == 404


async def test_every_account_is_on_it_with_its_rests(world: World) -> None:
    account = await an_account(world)
    await rest(world, account)
    answer = await world.client.get(PATH, headers=SIGNED_IN)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    seen = Seen(answer.text)
    assert (seen.open, seen.risky) == ([], [])
    assert set(world.app.state.services.catalog.accounts) <= set(seen.code)
    assert "not asked until 20" in answer.text
    assert "rate limited (429), once" in answer.text
    assert "m&lt;b&gt;" in answer.text
    assert f"{PATH}/{account}/reset?model=m%3Cb%3E" in seen.links


async def test_its_button_forgets_a_rest_and_shows_the_page_again(world: World) -> None:
    account = await an_account(world)
    await rest(world, account)
    await rest(world, account, "other")
    action = Seen((await world.client.get(PATH, headers=SIGNED_IN)).text).links
    form = next(link for link in action if "other" in link)
    answer = await world.client.post(form, headers=SIGNED_IN | PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    left = await world.ledger.upstreams.rests([account])
    assert [one.model for one in left] == ["m<b>"]


FORGED: tuple[dict[str, str], ...] = (
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": "http://api.example.com"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
)


@pytest.mark.parametrize("headers", FORGED)
async def test_another_sites_form_changes_nothing(world: World, headers: dict[str, str]) -> None:
    account = await an_account(world)
    await rest(world, account)
    answer = await world.client.post(f"{PATH}/{account}/reset", headers=SIGNED_IN | headers)
    assert answer.status_code == 403
    assert await world.ledger.upstreams.rests([account])


async def test_a_browser_without_fetch_metadata_is_known_by_its_origin(world: World) -> None:
    account = await an_account(world)
    await rest(world, account)
    own = {"host": "api.example.com:8080", "origin": "http://api.example.com:8080"}
    answer = await world.client.post(f"{PATH}/{account}/reset", headers=SIGNED_IN | own)
    assert answer.status_code == 303
    assert not await world.ledger.upstreams.rests([account])


async def test_an_account_that_is_not_there_is_not_found(world: World) -> None:
    answer = await world.client.post(f"{PATH}/nobody/reset", headers=SIGNED_IN | PAGE)
    assert answer.status_code == 404
