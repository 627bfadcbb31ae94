"""The house rules of this repository, enforced: sizes, arrows between rooms, purity, names."""

import ast
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bench", "catalog", "cli", "extproc", "ledger", "portal", "simulator", "translators")

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_COLUMNS = 100

# Who may import whom. `cli`, `bench` and `tests` may import anything.
ARROWS: dict[str, set[str]] = {
    "extproc": {"translators", "ledger", "catalog"},
    "portal": {"ledger", "catalog"},
    "translators": set(),
    "ledger": set(),
    "catalog": set(),
    "simulator": set(),
}

# Rules are pure: they talk to nobody and read no clock.
PURE = ("translators", "extproc/exchange", "extproc/wires")
PURE_FILES = (
    "ledger/keys.py", "ledger/local_limits.py", "ledger/model.py", "ledger/outage.py",
    "extproc/relay.py", "extproc/planning.py", "extproc/vouching.py", "extproc/wiring.py",
    *(
        f"extproc/http2/{name}.py"
        for name in (
            "blocks", "connection", "events", "floods", "frames", "headers", "messages",
            "outbound", "streams",
        )
    ),
)  # fmt: skip
IMPURE_MODULES = {
    "asyncio", "socket", "time", "datetime", "os", "subprocess", "threading", "grpc", "redis",
    "httpx", "sqlalchemy", "aiosqlite", "asyncpg", "uvloop", "pathlib", "shutil", "tempfile",
    "logging", "structlog",
}  # fmt: skip

FORBIDDEN_NAMES = {"common", "utils", "util", "helpers", "helper", "misc"}
VENDORS = re.compile(r"anthropic|openai|gemini|google|claude|mistral|deepseek", re.IGNORECASE)


def tracked(*suffixes: str) -> list[Path]:
    """Files of the repository, also those not yet committed, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    paths = [ROOT / name for name in listed]
    return [p for p in paths if p.suffix in suffixes and p.is_file()]


PYTHON = tracked(".py")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules_of(path: Path) -> set[str]:
    """Every module that a file imports, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: relative import"
            found.add(node.module or "")
    return found


def test_there_is_something_to_check() -> None:
    assert len(PYTHON) > 60


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = text.split("\n")
    assert len(lines) <= MAX_FILE_LINES + 1
    assert [n for n, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS] == []
    long = [
        (node.name, node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_arrows_between_rooms_are_those_of_the_design(path: Path) -> None:
    room = relative(path).split("/")[0]
    if room not in ARROWS:
        return
    imported = {module.split(".")[0] for module in modules_of(path)}
    assert imported & set(ROOMS) <= ARROWS[room] | {room}


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_rules_do_no_io_and_read_no_clock(path: Path) -> None:
    name = relative(path)
    if not name.startswith(PURE) and name not in PURE_FILES:
        return
    imported = {module.split(".")[0] for module in modules_of(path)}
    assert imported & IMPURE_MODULES == set()


def users_of(*packages: str) -> set[str]:
    """The files of the data plane that import one of these, or a part of it."""
    prefixes = tuple(f"{package}." for package in packages)
    return {
        relative(path)
        for path in PYTHON
        if relative(path).startswith("extproc/")
        and any(f"{module}.".startswith(prefixes) for module in modules_of(path))
    }


def test_grpc_is_known_to_the_servers_shell_alone() -> None:
    """The server is our own: grpcio is for clients in tests and for the floor of the benchmarks."""
    assert users_of("grpc", "grpclib") == set()
    assert users_of("grpc_health") == {"extproc/http2/health.py"}
    assert users_of("hpack") == {"extproc/http2/headers.py"}
    outside = {name for name in users_of("extproc.http2") if not name.startswith("extproc/http2/")}
    assert outside == {"extproc/server.py"}


def test_the_server_knows_nothing_of_what_it_serves() -> None:
    ours = {name for name in users_of(*ROOMS) if name.startswith("extproc/http2/")}
    others = {
        module
        for name in ours
        for module in modules_of(ROOT / name)
        if module.split(".")[0] in ROOMS and not module.startswith("extproc.http2")
    }
    assert others == set()


def test_no_vendor_is_named_in_the_canonical_vocabulary() -> None:
    for path in (ROOT / "translators" / "canonical").glob("*.py"):
        assert not VENDORS.search(path.read_text("utf-8")), path.name


def test_every_protocol_has_the_same_files() -> None:
    names = {
        "README.md", "__init__.py", "failure.py", "request.py", "response.py", "stream.py",
        "usage.py", "vocabulary.py",
    }  # fmt: skip
    folders = [
        path.parent
        for path in (ROOT / "translators").glob("*/__init__.py")
        if path.parent.name != "canonical"
    ]
    assert len(folders) >= 4
    for folder in folders:
        files = {path.name for path in folder.iterdir() if path.is_file()}
        assert names <= files, folder.name


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_a_thing_lives_where_its_noun_lives(path: Path) -> None:
    parts = {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    assert parts & FORBIDDEN_NAMES == set()


def test_versions_are_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *chain.from_iterable(project["optional-dependencies"].values()),
    ]
    assert [line for line in wanted if "==" not in line] == []


# Hosts of registries and places of one machine have no business in a repository.
UNWANTED = re.compile(
    r"files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org|deb\.debian\.org"
    r"|(?<![\w./-])/(?:work|root|home/\w+)/"
)


@pytest.mark.parametrize(
    "path",
    tracked(".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".mjs", ".sh", ".lua"),
    ids=relative,
)
def test_no_registry_host_and_no_path_of_a_machine(path: Path) -> None:
    if path == Path(__file__):
        return
    found = UNWANTED.findall(path.read_text("utf-8", errors="replace"))
    assert found == []
