"""The vendors' Node SDKs by base URL alone, over plain HTTP and over TLS."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.gateway import BIN, Gateway

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_sdk_on_every_prefix(shared: Gateway, scheme: str) -> None:
    node = str(BIN / "node")  # from PyPI, with the development tools
    base = shared.http if scheme == "http" else f"https://localhost:{shared.https.split(':')[-1]}"
    done = subprocess.run(
        [node, "tests/e2e/node/sdks.mjs"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "CLAVIS_BASE": base,
            "CLAVIS_KEY": shared.key,
            "NODE_EXTRA_CA_CERTS": str(shared.ca),
        },
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert len(results) == 55
    assert {name: got for name, got in results.items() if got is not True} == {}
