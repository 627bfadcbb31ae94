"""Every part looked at, and what to do about each that is not well.

A check looks, changes nothing, and gives findings; one that cannot even look is a finding too.
`fail` keeps the gateway from serving, `warn` may. Whether the gateway runs or not decides what is
expected: its ports are free or its own, its sockets absent or answering.
"""

from collections.abc import Sequence

from cli.checks import gateway, machine, stores
from cli.checks.finding import Check, Finding, Patient
from cli.settings import Settings

# In the order in which they should be mended.
CHECKS: Sequence[Check] = (
    machine.python,
    machine.envoy,
    machine.clock,
    gateway.catalog,
    machine.data_dir,
    machine.free_ports,
    stores.redis,
    stores.sql,
    gateway.configuration,
    gateway.domains,
    gateway.processes,
    gateway.upstreams,
)


async def examine(settings: Settings) -> list[Finding]:
    """All findings of all checks."""
    patient = Patient(settings)
    return [finding for check in CHECKS for finding in await check(patient)]
