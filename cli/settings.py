"""What an operator can set, from the environment (`CLAVIS_...`) or by flags, which win.

Every setting has a default that serves one machine: embedded Redis and SQLite in the data
directory. `Places` says where each thing lies inside that directory; nothing else builds such a
path.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.output import OperatorError
from ledger.embedded import redis_url

# A socket's path may have 104 bytes on macOS and 108 on Linux; ours end in
# `/extproc-99.999999.sock`.
MAX_RUN_DIR_BYTES = 72


def default_workers() -> int:
    return os.cpu_count() or 1


class Settings(BaseSettings):
    """Where the gateway lies and what it uses. URLs may hold passwords and are not shown."""

    model_config = SettingsConfigDict(
        env_prefix="CLAVIS_",
        env_ignore_empty=True,  # a compose file passes on what is not set as empty
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Field(default=Path(".clavis"), description="Everything that is kept.")
    run_dir: Path | None = Field(
        default=None,
        description="All sockets, where parts in containers of their own share them; default:"
        " in the data directory.",
    )
    catalog: Path = Field(default=Path("catalog.yaml"), description="The catalog file.")
    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Redis or Valkey; without one an embedded Redis is run.",
    )
    sql_url: str | None = Field(
        default=None,
        repr=False,
        description="PostgreSQL or SQLite; default: SQLite in the data directory.",
    )
    bind: str = Field(default="0.0.0.0", description="Address that the listeners bind to.")
    http_port: int = Field(
        default=8080, ge=0, le=65535, description="Plain HTTP; 0: no such listener."
    )
    https_port: int = Field(default=8443, ge=0, le=65535, description="TLS; 0: no such listener.")
    workers: int = Field(
        default_factory=default_workers, ge=1, le=256, description="ext_proc worker processes."
    )
    concurrency: int = Field(
        default_factory=default_workers, ge=1, le=256, description="Envoy's worker threads."
    )
    envoy: Path | None = Field(
        default=None, description="Envoy's binary; default: the package's, or PATH."
    )
    drain_timeout_s: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="How long requests in flight may finish at shutdown.",
    )
    logs: Literal["stderr", "files"] = Field(
        default="stderr",
        description="Where logs go: standard error, or files in the data directory.",
    )

    @classmethod
    def read(cls, **flags: Any) -> "Settings":
        """The environment's settings with the flags over them; a flag of None was not given.

        Raises pydantic.ValidationError, which `cli.output.answers` explains.
        """
        return cls(**{name: value for name, value in flags.items() if value is not None})

    @property
    def places(self) -> "Places":
        return Places(self.data_dir.absolute(), self.run_dir and self.run_dir.absolute())

    @property
    def embedded_redis(self) -> bool:
        return self.redis_url is None

    @property
    def redis(self) -> str:
        return self.redis_url or redis_url(self.places.redis)

    @property
    def sql(self) -> str:
        return self.sql_url or f"sqlite+aiosqlite:///{self.places.data / 'ledger.sqlite3'}"


@dataclass(frozen=True, slots=True)
class Places:
    """The data directory's parts."""

    data: Path
    sockets: Path | None = None

    @property
    def run(self) -> Path:
        """Sockets. In the data directory unless another was chosen, or its name is too long for a
        socket's path."""
        if self.sockets is not None:
            return self.sockets
        inside = self.data / "run"
        if len(os.fsencode(inside)) <= MAX_RUN_DIR_BYTES:
            return inside
        name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"clavis-{name}"

    @property
    def lock(self) -> Path:
        return self.data / "lock"

    @property
    def redis(self) -> Path:
        return self.data / "redis"

    @property
    def worker_arguments(self) -> tuple[str, ...]:
        """What every worker of this directory is started with."""
        return ("--catalog", str(self.accepted_catalog), "--spool", str(self.spool))

    @property
    def spool(self) -> Path:
        """Where settlements wait for a Redis that is away."""
        return self.data / "spool"

    @property
    def envoy(self) -> Path:
        """The files that Envoy reads and watches."""
        return self.data / "envoy"

    @property
    def tls(self) -> Path:
        return self.data / "tls"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def accepted_catalog(self) -> Path:
        """The catalog that passed every check and that Envoy has: what workers and portal watch."""
        return self.data / "catalog.accepted.yaml"

    @property
    def admin(self) -> Path:
        return self.run / "envoy-admin.sock"

    @property
    def portal(self) -> Path:
        return self.run / "portal.sock"

    def worker(self, index: int) -> Path:
        """The stable socket of a worker's slot, known to Envoy."""
        return self.run / f"extproc-{index}.sock"

    def worker_generation(self, index: int, generation: int) -> Path:
        """Where one generation listens until it takes the slot's place."""
        return self.run / f"extproc-{index}.{generation}.sock"

    def prepare(self) -> None:
        """Make the directories, readable by their owner alone. Raises OperatorError."""
        for directory in (self.data, self.run, self.redis, self.envoy, self.tls):
            try:
                directory.mkdir(parents=True, exist_ok=True)
                if directory.lstat().st_uid != os.geteuid():  # somebody's trap in a shared place
                    raise OperatorError(f"{directory} belongs to another user.")
                directory.chmod(0o700)
            except OSError as error:
                raise OperatorError(f"Cannot use {directory}: {error.strerror}.") from error

    def clear_sockets(self) -> None:
        """Remove what is left of an earlier run. Only for who holds the lock."""
        for socket in self.run.glob("*.sock"):
            socket.unlink(missing_ok=True)

    def leave(self) -> None:
        """The end of a run: no sockets, and nothing outside the data directory."""
        self.clear_sockets()
        if self.sockets is None and not self.run.is_relative_to(self.data):
            shutil.rmtree(self.run, ignore_errors=True)
