"""The examples of the pages, run as they stand: commands on real stores, the rest on a gateway.

Only what an example cannot know is put in: the key, the address, where the data directory is.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.settings import Settings
from ledger.embedded import redis_command, redis_url
from tests.docs.pages import Block, blocks, clavis_arguments, commands
from tests.e2e.gateway import BIN, Gateway, until
from tests.test_house import ROOT

# Commands that end by themselves and touch nothing but their data directory.
SAFE = (
    "version", "keys create", "keys list", "keys disable", "keys enable", "keys rotate",
    "keys limit", "customers create", "customers list", "customers show", "customers set",
    "customers plan", "credits add", "credits take", "credits show", "credits redeem-codes",
    "usage", "catalog check", "catalog schema", "catalog show", "catalog presets", "envoy render",
    "envoy validate", "ledger migrate", "ledger reconcile", "ledger rebuild",
)  # fmt: skip
CURLRC = "fail-with-body\nsilent\nshow-error\nnoproxy=*\nmax-time=60\n"

PAGES = sorted({b.page for b in blocks("bash") for w in commands(b) if clavis_arguments(w)})
CURLS = [b for b in blocks("bash", "sh") if all(words[0] == "curl" for words in commands(b))]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A working directory with a catalog, and a data directory whose Redis runs."""
    (tmp_path / "catalog.yaml").write_text((ROOT / "catalog" / "demo.yaml").read_text("utf-8"))
    settings = Settings(data_dir=tmp_path / "data")
    settings.places.prepare()
    socket = Path(redis_url(settings.places.redis).removeprefix("unix://"))
    redis = subprocess.Popen(redis_command(settings.places.redis), stdout=subprocess.DEVNULL)
    try:
        until(lambda: socket.exists(), "Redis")
        yield tmp_path
    finally:
        redis.terminate()
        redis.wait(20)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work_one_after_the_other(place: Path, page: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CLAVIS_")},
        "CLAVIS_DATA_DIR": str(place / "data"),
    }
    found = [words for b in blocks("bash", "sh") if b.page == page for words in commands(b)]
    for words in found:
        arguments = clavis_arguments(words) or []
        if not any(arguments[: len(name.split())] == name.split() for name in SAFE):
            continue
        done = subprocess.run(
            [str(BIN / "clavis"), *arguments],
            cwd=place, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stderr)
        assert done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("block", CURLS, ids=str)
def test_curl_lines_are_answered(shared: Gateway, tmp_path: Path, block: Block) -> None:
    (tmp_path / ".curlrc").write_text(CURLRC)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _at_home(block.text, shared)],
        env={
            "PATH": os.environ["PATH"],
            "CURL_HOME": str(tmp_path),
            "CLAVIS_KEY": shared.key,
            "REQUEST_ID": _request_id(shared),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_examples_run(shared: Gateway, block: Block) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _at_home(block.text, shared)],
        env={**os.environ, "CLAVIS_KEY": shared.key, "NO_PROXY": "127.0.0.1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == block.text.count("print(")


def _at_home(text: str, gateway: Gateway) -> str:
    """The example with this gateway's addresses and places."""
    admin = Settings(data_dir=gateway.data).places.admin
    port = gateway.https.rpartition(":")[2]
    places = {
        "http://127.0.0.1:8080": gateway.http,
        "https://127.0.0.1:8443": f"https://127.0.0.1:{port}",
        ".demo/tls/ca.pem": str(gateway.ca),
        ".clavis/run/envoy-admin.sock": str(admin),
    }
    for written, here in places.items():
        text = text.replace(written, here)
    return text


def _request_id(gateway: Gateway) -> str:
    """A request whose usage can be asked for."""
    answer = httpx.post(
        f"{gateway.http}/v1/chat/completions",
        json={"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]},
        headers={"x-api-key": gateway.key},
    )
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]
