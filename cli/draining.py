"""Envoy before its end: it accepts nobody new, and what runs may finish, but not for ever."""

import asyncio
import time
from contextlib import suppress

import httpx

from cli.envoy_admin import EnvoyAdmin
from cli.journal import Journal
from cli.settings import Settings

DRAIN_POLL_S = 0.05


async def drained(settings: Settings, journal: Journal) -> None:
    """Returns when no request is in flight, or after the settings' timeout."""
    started = time.monotonic()
    with suppress(httpx.HTTPError, TimeoutError):
        async with (
            EnvoyAdmin(settings.places.admin) as admin,
            asyncio.timeout(settings.drain_timeout_s),
        ):
            await admin.begin_drain()
            while await admin.active_requests():  # noqa: ASYNC110 - Envoy rings no bell
                await asyncio.sleep(DRAIN_POLL_S)
    journal.event("drained", ms=round((time.monotonic() - started) * 1000))
