"""Which script holds for a call: header, then queue, then directive, then model name, then the
default.

A queue (POST /_sim/scripts) gives each matching call the next script of a list, so that the first
call fails and the next succeeds; `repeat` keeps the last one for ever.
"""

import json
from collections import deque
from collections.abc import Callable
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.call import Call
from simulator.names import named
from simulator.script import BadScript, Script, parse_script, script_of

MAX_QUEUES = 1000  # forgotten queues must not grow: the oldest goes
_MARK = "[[sim:"
_decoder = json.JSONDecoder()


class Match(BaseModel):
    """Which calls a queue is for. Globs for model and path; the key in clear, as the provider
    sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    path: str | None = None
    key: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    def fits(self, call: Call) -> bool:
        """Whether all that is given agrees."""
        if self.model is not None and not fnmatchcase(call.model, self.model):
            return False
        if self.path is not None and not fnmatchcase(call.path, self.path):
            return False
        if self.key is not None and call.key != self.key:
            return False
        return all(call.headers.get(name.lower()) == value for name, value in self.headers.items())


class Queue(BaseModel):
    """What is posted: scripts for the calls to come, one each, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: Match = Match()
    scripts: tuple[Script, ...] = Field(min_length=1)
    repeat: bool = False


class Queues:
    """The queues in the order posted; the first that fits gives its next script."""

    def __init__(self) -> None:
        self._queues: deque[tuple[Queue, deque[Script]]] = deque(maxlen=MAX_QUEUES)

    def add(self, body: bytes) -> None:
        """Posts a queue from JSON. Raises BadScript."""
        try:
            queue = Queue.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise BadScript(f"simulator: bad queue: {where}: {first['msg']}") from None
        self._queues.append((queue, deque(queue.scripts)))

    def clear(self) -> None:
        """Forgets them all."""
        self._queues.clear()

    def left(self) -> int:
        """Scripts not yet given out."""
        return sum(len(scripts) for _, scripts in self._queues)

    def take(self, call: Call) -> Script | None:
        """The next script for this call, if a queue fits."""
        for entry in self._queues:
            queue, scripts = entry
            if not queue.match.fits(call):
                continue
            if queue.repeat and len(scripts) == 1:
                return scripts[0]
            script = scripts.popleft()
            if not scripts:
                self._queues.remove(entry)
            return script
        return None


def choose(call: Call, queues: Queues, last_text: Callable[[Call], str]) -> Script:
    """The script of a call. Raises BadScript where a header or a directive is not one."""
    header = call.headers.get("x-sim-script")
    if header is not None:
        return parse_script(header)
    queued = queues.take(call)
    if queued is not None:
        return queued
    if b"[[sim:" in call.body:
        text = last_text(call)
        position = text.rfind(_MARK)
        if position >= 0:
            return directive(text[position + len(_MARK) :])
    return named(call.model)


def directive(text: str) -> Script:
    """The script in `{...}]]` (what follows the mark). Raises BadScript."""
    try:
        value, end = _decoder.raw_decode(text.lstrip())
    except ValueError as error:
        raise BadScript(f"simulator: bad script: directive: {error}") from None
    if not text.lstrip()[end:].lstrip().startswith("]]"):
        raise BadScript("simulator: bad script: directive: does not end with ]]")
    return script_of(value)
