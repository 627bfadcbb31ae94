"""Hot reload against real files: whatever way a file changes, the latest right catalog is
served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from catalog import Catalog, CatalogError, CatalogFile

PATIENCE_S = 20  # a test fails after this; none waits for it


def text(prefix: str) -> str:
    return f"version: 1\nkey_prefix: {prefix}\ngroups: {{late: {{}}}}\n"


@dataclass
class Seen:
    """What the callbacks were told, and a way to wait for more."""

    prefixes: list[str] = field(default_factory=list)
    problems: list[list[str]] = field(default_factory=list)
    failure: BaseException | None = None
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def change(self, catalog: Catalog) -> None:
        self.prefixes.append(catalog.key_prefix)
        self._tell()

    def error(self, error: CatalogError) -> None:
        self.problems.append(error.problems)
        self._tell()

    def _tell(self) -> None:
        async def notify() -> None:
            async with self.news:
                self.news.notify_all()

        task = asyncio.ensure_future(notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ended(self, watch: asyncio.Task[None]) -> None:
        """A watch that dies must fail the test at once, not after its patience."""
        self.failure = None if watch.cancelled() else watch.exception()
        self._tell()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: condition() or self.failure is not None)
        assert self.failure is None


@asynccontextmanager
async def watching(path: Path) -> AsyncIterator[tuple[CatalogFile, Seen]]:
    catalog_file, seen, stop = CatalogFile(path, {}), Seen(), asyncio.Event()
    task = asyncio.create_task(catalog_file.watch(seen.change, seen.error, stop))
    task.add_done_callback(seen.ended)
    try:
        yield catalog_file, seen
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "catalog.yaml"
    file.write_text(text("one-"))
    return file


async def in_place(path: Path, content: str) -> None:
    path.write_text(content)


async def by_rename(path: Path, content: str) -> None:
    fresh = path.with_name(".catalog.yaml.swp")
    fresh.write_text(content)
    fresh.replace(path)


async def by_removal(path: Path, content: str) -> None:
    path.unlink()
    path.write_text(content)


@pytest.mark.parametrize("write", [in_place, by_rename, by_removal])
async def test_a_changed_file_is_the_new_catalog(
    path: Path, write: Callable[[Path, str], Awaitable[None]]
) -> None:
    async with watching(path) as (catalog_file, seen):
        assert catalog_file.current.key_prefix == "one-"
        for prefix in ("two-", "three-"):
            await write(path, text(prefix))
            await seen.until(lambda prefix=prefix: prefix in seen.prefixes)  # type: ignore[misc]
            assert catalog_file.current.key_prefix == prefix


async def test_the_old_catalog_stays_while_the_new_one_is_wrong(path: Path) -> None:
    async with watching(path) as (catalog_file, seen):
        before = catalog_file.current
        await by_rename(path, text("t w o"))
        await seen.until(lambda: bool(seen.problems))
        assert seen.problems == [["key_prefix: 1 to 32 letters, digits, - and _ (line 2)"]]
        assert catalog_file.current is before
        await by_rename(path, text("two-"))
        await seen.until(lambda: bool(seen.prefixes))
        assert catalog_file.current.key_prefix == "two-"
        assert len(seen.problems) == 1


async def test_a_half_written_file_changes_nothing_until_it_is_whole(path: Path) -> None:
    whole = text("two-")
    async with watching(path) as (catalog_file, seen):
        with path.open("w") as file:
            file.write(whole[: whole.index("late")])
            file.flush()
            await seen.until(lambda: bool(seen.problems))
            assert catalog_file.current.key_prefix == "one-"
            file.write(whole[whole.index("late") :])
        await seen.until(lambda: bool(seen.prefixes))
    assert seen.prefixes == ["two-"]
    assert "late" in catalog_file.current.groups


async def test_a_file_that_is_gone_keeps_its_catalog_and_may_come_back(path: Path) -> None:
    async with watching(path) as (catalog_file, seen):
        path.unlink()
        await seen.until(lambda: bool(seen.problems))
        assert "cannot read" in seen.problems[0][0]
        assert catalog_file.current.key_prefix == "one-"
        path.write_text(text("two-"))
        await seen.until(lambda: bool(seen.prefixes))
        assert catalog_file.current.key_prefix == "two-"


async def test_a_kubernetes_volume_swaps_a_symlinked_directory(tmp_path: Path) -> None:
    """catalog.yaml -> ..data/catalog.yaml, ..data -> ..v1; an update renames a new ..data over
    it."""
    volume = tmp_path / "volume"
    for version, prefix in (("..v1", "one-"), ("..v2", "two-")):
        (volume / version).mkdir(parents=True)
        (volume / version / "catalog.yaml").write_text(text(prefix))
    (volume / "..data").symlink_to("..v1")
    (volume / "catalog.yaml").symlink_to("..data/catalog.yaml")
    async with watching(volume / "catalog.yaml") as (catalog_file, seen):
        assert catalog_file.current.key_prefix == "one-"
        (volume / "..data_tmp").symlink_to("..v2")
        (volume / "..data_tmp").replace(volume / "..data")
        await seen.until(lambda: seen.prefixes == ["two-"])
        assert catalog_file.current.key_prefix == "two-"


async def test_a_change_behind_a_symlink_to_elsewhere_is_seen(tmp_path: Path) -> None:
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    here.mkdir()
    (elsewhere / "real.yaml").write_text(text("one-"))
    (here / "catalog.yaml").symlink_to(elsewhere / "real.yaml")
    async with watching(here / "catalog.yaml") as (_, seen):
        (elsewhere / "real.yaml").write_text(text("two-"))
        await seen.until(lambda: seen.prefixes == ["two-"])


async def test_a_touched_file_and_its_neighbours_are_no_news(path: Path) -> None:
    async with watching(path) as (catalog_file, seen):
        before = catalog_file.current
        path.touch()
        path.with_name("other.yaml").write_text("x")
        path.write_text(text("one-"))
        await by_rename(path, text("two-"))  # the first real news, so the others were none
        await seen.until(lambda: bool(seen.prefixes))
        assert seen.prefixes == ["two-"]
        assert seen.problems == []
        assert catalog_file.current is not before


async def test_a_change_between_loading_and_watching_is_not_missed(path: Path) -> None:
    catalog_file, seen, stop = CatalogFile(path, {}), Seen(), asyncio.Event()
    path.write_text(text("two-"))
    task = asyncio.create_task(catalog_file.watch(seen.change, seen.error, stop))
    task.add_done_callback(seen.ended)
    await seen.until(lambda: seen.prefixes == ["two-"])
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        await task


def test_a_catalog_that_is_wrong_from_the_start_is_an_error(path: Path) -> None:
    path.write_text("version: 3")
    with pytest.raises(CatalogError, match="version: should be 1"):
        CatalogFile(path, {})
