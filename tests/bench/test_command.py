"""Flags, the environment, peers that cannot be had, profiles."""

from pathlib import Path

import pytest

from bench import __main__ as command
from bench import peers, profiling, suite
from bench.peers import NotInstalled
from bench.rounds import Form, Load
from bench.stack import Stack, Subject


def plan(monkeypatch: pytest.MonkeyPatch, *flags: str, env: str | None = None) -> suite.Plan:
    monkeypatch.delenv("PEERS", raising=False)
    if env is not None:
        monkeypatch.setenv("PEERS", env)
    return command.plan_of(command.arguments(list(flags)))


def test_flags_change_what_they_name_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(monkeypatch, "--short", "--seconds", "0.5")
    assert (found.seconds, found.rounds) == (0.5, suite.SHORT.rounds)
    assert plan(monkeypatch) == suite.Plan()


@pytest.mark.parametrize("env, expected", [("1", True), ("0", False), ("", False), (None, False)])
def test_peers_run_when_the_environment_asks(
    monkeypatch: pytest.MonkeyPatch, env: str | None, expected: bool
) -> None:
    assert plan(monkeypatch, env=env).peers is expected


def test_the_written_command_repeats_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERS", "1")
    args = command.arguments(["--rounds", "3", "--idle-streams", "9", "--json"])
    text = command.command_of(args, command.plan_of(args))
    assert text == "python -m bench --peers --rounds 3 --idle-streams 9"
    assert command.plan_of(command.arguments(text.split()[3:])) == command.plan_of(args)


async def test_a_peer_that_cannot_be_installed_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def start(stack: Stack, home: Path) -> Subject:
        raise NotInstalled("npm ended with 1: no network")

    monkeypatch.setattr(peers, "PEERS", (("Nobody", "1.0", start, (None, None)),))
    section, rounds, problems = await peers.measure(
        Load.__new__(Load),
        Stack(tmp_path, 1),
        (Subject("floor", 1), Subject("gateway", 2)),
        Form(1, 1, 1),
        tmp_path / "home",
    )
    assert problems == ["Nobody 1.0: npm ended with 1: no network"]
    assert (list(section.rows), rounds) == ([], [])
    assert (tmp_path / "home" / ".gitignore").read_text() == "*\n"


async def test_an_installer_that_fails_says_its_last_line() -> None:
    with pytest.raises(NotInstalled, match="ended with 3: the reason"):
        await peers.install("sh", "-c", "echo first; echo the reason; exit 3")


async def test_an_installer_that_is_missing_is_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="nowhere"):
        await peers.install(str(tmp_path / "nowhere"))


def test_a_profile_counts_the_event_loop_alone() -> None:
    loop = "<module> (extproc/__main__.py:87);run (uvloop/__init__.py:10)"
    lines = [
        f"{loop};decide (extproc/a.py:1) 6",
        f"{loop};decide (extproc/a.py:9);look (extproc/b.py:2) 2",
        f"{loop} 2",
        "_bootstrap (threading.py:1);run (threading.py:2) 90",
    ]
    assert profiling.shares(lines) == [
        ("decide (extproc/a.py)", 0.6, 0.8),
        ("look (extproc/b.py)", 0.2, 0.2),
        ("run (uvloop/__init__.py)", 0.2, 1.0),
    ]
