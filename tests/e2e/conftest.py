"""One gateway for all tests that only ask; those that break things start their own."""

from collections.abc import Iterator

import pytest

from tests.e2e.gateway import Gateway, Simulator, gateway, simulator


@pytest.fixture(scope="session")
def upstream() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="session")
def shared(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("gateway"), upstream) as running:
        yield running
