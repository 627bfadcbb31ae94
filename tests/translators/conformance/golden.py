"""The golden files: what becomes of every case and every recording, for every other protocol.

    make golden

writes them anew; a change of the translators is then reviewed as a diff of these files. They are
pretty-printed, with the order of keys kept.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.translators.conformance.cases import HERE, PROTOCOLS, cases, others
from tests.translators.conformance.exchange import answered, asked, streamed
from tests.translators.conformance.profiles import usual
from tests.translators.replay import Stream, expected, folders, streams

GOLDEN = HERE / "golden"
MOST_BYTES = 6_000_000  # so that the diffs stay readable and a checkout small

Made = tuple[Path, bytes]


def written(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=True).encode() + b"\n"


def requests() -> Iterator[Made]:
    """<from>-<to>/<feature>.json: the body and the losses, or why it is refused."""
    for case in cases():
        for target in others(case.protocol):
            path = GOLDEN / "requests" / f"{case.protocol}-{target.name}" / f"{case.feature}.json"
            yield path, written(asked(case, target, usual(target.name)))


def generated(folder: Path) -> bool:
    """Whether a recording is of a model's answer, and not of a count or of an image."""
    return bool({"finish", "failure"} & expected(folder).keys())


def answer_folders(upstream: str) -> list[Path]:
    return [
        folder
        for folder in folders()
        if folder.parent.name == upstream
        and (folder / "response.json").exists()
        and generated(folder)
    ]


def answers() -> Iterator[Made]:
    """<upstream>-<client>/<recording>.json"""
    for upstream in PROTOCOLS:
        for folder in answer_folders(upstream.name):
            for client in others(upstream.name):
                path = GOLDEN / "answers" / f"{upstream.name}-{client.name}" / f"{folder.name}.json"
                yield path, written(answered(folder, upstream, client))


def answer_streams(upstream: str) -> list[Stream]:
    return [s for s in streams() if s.folder.parent.name == upstream and generated(s.folder)]


def event_streams() -> Iterator[Made]:
    """<upstream>-<client>/<recording>.sse; a JSON array of Gemini's is not told apart."""
    for upstream in PROTOCOLS:
        for stream in answer_streams(upstream.name):
            for client in others(upstream.name):
                pair = GOLDEN / "streams" / f"{upstream.name}-{client.name}"
                name = stream.folder.name + ("_array" if stream.file == "stream.json" else "")
                yield pair / f"{name}.sse", streamed(stream, upstream, client, stream.data)[0]


def made() -> Iterator[Made]:
    """Every golden file as it would be written now."""
    yield from requests()
    yield from answers()
    yield from event_streams()


def main() -> None:
    """Writes what has changed, removes what is not made any more, and says so."""
    wanted = dict(made())
    for path in sorted(set(GOLDEN.rglob("*.*")) - set(wanted)):
        path.unlink()
        sys.stdout.write(f"removed {path.relative_to(HERE)}\n")
    for path, data in wanted.items():
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            sys.stdout.write(f"written {path.relative_to(HERE)}\n")


if __name__ == "__main__":
    main()
