"""The golden files say what the translators do now."""

from pathlib import Path

import pytest

from tests.translators.conformance import golden
from tests.translators.conformance.cases import HERE

KINDS = {
    "requests": golden.requests,
    "answers": golden.answers,
    "streams": golden.event_streams,
}
AGAIN = "run `make golden` and review the difference"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_golden_files_are_what_is_made_now(kind: str) -> None:
    made = dict(KINDS[kind]())
    changed = [_name(p) for p, data in made.items() if not p.exists() or p.read_bytes() != data]
    assert changed == [], AGAIN
    stale = [_name(p) for p in (golden.GOLDEN / kind).rglob("*.*") if p not in made]
    assert stale == [], AGAIN


def _name(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def test_the_same_is_made_again_byte_by_byte() -> None:
    assert dict(golden.requests()) == dict(golden.requests())


def test_the_golden_files_stay_reviewable() -> None:
    sizes = [path.stat().st_size for path in golden.GOLDEN.rglob("*.*")]
    assert sum(sizes) < golden.MOST_BYTES
    assert max(sizes) < 100_000
