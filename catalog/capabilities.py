"""What one upstream model takes, as data: capabilities.yaml beside this file, then the operator.

A translator asks these facts and never a model's name. A row of the file says what differs from the
defaults for the names that fit it; every fitting row counts, and where two say the same field the
more specific one wins: more letters of the name, then a row for certain presets, then one for
certain surfaces, then the later one. Above the file stands what the operator declares of the model,
and above that what he declares of the target.

The fields are those of the translators' own `Capabilities`, which this room may not import; a test
holds the two together.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from catalog.fields import FamilyName, ModelName, Part
from catalog.globs import STAR, matches, specificity
from catalog.memo import Memo
from catalog.reading import read
from catalog.surfaces import Surface

MAX_REMEMBERED = 4096  # resolved (preset, surface, name) triples; clients choose the names
_FILE = Path(__file__).with_name("capabilities.yaml")

Thinking = Literal["none", "budget", "effort", "adaptive", "switch"]
ThinkingField = Literal["reasoning_effort", "thinking", "enable_thinking", "chat_template_kwargs"]
SeedField = Literal["seed", "random_seed"]
Effort = Literal["minimal", "low", "medium", "high", "xhigh", "max"]


class ModelCapabilities(Part):
    """What an upstream model takes. The defaults are those of a current model at home."""

    family: FamilyName | None = Field(
        default=None,
        description="Whose signatures and encrypted reasoning it can open; none: its surface's.",
    )
    context_window: int | None = Field(default=None, ge=1, description="Most tokens in, in all.")
    max_output_tokens: int | None = Field(default=None, ge=1, description="Most tokens out.")
    sampling: bool = Field(default=True, description="Takes temperature, top_p and top_k.")
    penalties: bool = Field(default=True, description="Takes presence and frequency penalties.")
    logit_bias: bool = Field(default=True, description="Takes a bias for single tokens.")
    seed_field: SeedField | None = Field(
        default="seed", description="What Chat Completions call the seed; none: it is refused."
    )
    stop_sequences: bool = Field(default=True, description="Takes stop sequences.")
    thinking: Thinking = Field(
        default="effort",
        description="How it is asked to reason: not at all, by a budget of tokens, by an effort, "
        "adaptively (it decides itself, guided by an effort), or by a switch (on or off, no more).",
    )
    thinking_field: ThinkingField = Field(
        default="reasoning_effort",
        description="By which field Chat Completions ask for that: `reasoning_effort`; `thinking` "
        "(a type, enabled or disabled, with the effort beside it); `enable_thinking` (with "
        "`thinking_budget` beside it); or `chat_template_kwargs` with `enable_thinking` inside.",
    )
    thinking_off: bool = Field(default=True, description="Reasoning can be switched off.")
    efforts: tuple[Effort, ...] = Field(
        default=(), description="The efforts it knows; empty: all that its surface knows."
    )
    min_budget_tokens: int = Field(
        default=1024, ge=0, description="Least budget of reasoning that it accepts."
    )
    max_budget_tokens: int | None = Field(
        default=None, ge=1, description="Largest budget of reasoning that it accepts."
    )
    forced_tools: bool = Field(
        default=True, description="Can be made to call a tool, or a certain one."
    )
    mid_conversation_system: bool = Field(
        default=False, description="Takes system messages between the turns."
    )
    prefill: bool = Field(
        default=False, description="Continues a last message that is the assistant's."
    )
    structured_output: bool = Field(default=True, description="Can answer by a JSON schema.")
    full_json_schema: bool = Field(
        default=True, description="Understands all of JSON schema; else schemas are simplified."
    )
    images: bool = Field(default=True, description="Sees images.")
    image_urls: bool = Field(
        default=True, description="Fetches images by URL; else it sees those in the request alone."
    )
    documents: bool = Field(default=True, description="Reads documents (PDF).")
    audio: bool = Field(default=True, description="Hears audio.")
    web_search: bool = Field(default=True, description="Has its provider's web search.")
    parallel_tool_calls: bool = Field(
        default=True, description="Takes the switch for parallel tool calls."
    )
    legacy_max_tokens: bool = Field(
        default=False, description="Knows the output cap by its older name, max_tokens, alone."
    )
    developer_role: bool = Field(
        default=True, description="Knows the role developer; else the operator's voice is system."
    )
    speaker_names: bool = Field(
        default=True, description="Takes a name beside a message's role, where its surface has one."
    )
    call_id_length: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="How many letters and digits the id of a tool call must have; none: any id.",
    )
    cache_hints: bool = Field(default=True, description="Takes a prompt cache key and the like.")
    freeform_tools: bool = Field(
        default=True, description="Takes tools with free text, where its surface has them."
    )

    def overridden(self, *above: "ModelCapabilities") -> "ModelCapabilities":
        """These, with every field that one of those above sets; the last one has the last word."""
        said = {name: getattr(one, name) for one in above for name in one.model_fields_set}
        return self.model_copy(update=said) if said else self


UNKNOWN = ModelCapabilities()


class Row(Part):
    """What is known of the models whose name fits, where it differs from the defaults."""

    names: tuple[ModelName, ...] = Field(
        min_length=1,
        description="Patterns of upstream names in lower case, without what precedes the last `/`.",
    )
    presets: tuple[str, ...] = Field(default=(), description="Only at these; empty: at all.")
    surfaces: tuple[Surface, ...] = Field(default=(), description="Only there; empty: everywhere.")
    capabilities: ModelCapabilities = Field(description="What differs.")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One name of a row. `needle` is its longest literal part, which rules most rows out at once:
    a catalog of a thousand models asks some hundred patterns for each."""

    text: str
    needle: str
    rank: tuple[int, int, bool, bool, int]
    row: Row


class KnownCapabilities:
    """Answers `of(name, preset, surface)` from rows; remembers, because it is asked per route."""

    def __init__(self, rows: Iterable[Row]) -> None:
        patterns = [
            _Pattern(
                text,
                max(text.split(STAR), key=len),
                (*specificity(text), bool(row.presets), bool(row.surfaces), place),
                row,
            )
            for place, row in enumerate(rows)
            for text in row.names
        ]
        self._patterns = sorted(patterns, key=lambda pattern: pattern.rank)
        self._resolved: Memo[tuple[str, str | None, Surface], ModelCapabilities] = Memo(
            MAX_REMEMBERED
        )

    def of(self, upstream_model: str, preset: str | None, surface: Surface) -> ModelCapabilities:
        """What is known of a model by its provider's name for it."""
        name = upstream_model.rpartition("/")[2].lower()
        return self._resolved((name, preset, surface), lambda: self._resolve(name, preset, surface))

    def _resolve(self, name: str, preset: str | None, surface: Surface) -> ModelCapabilities:
        """Every row that fits, the most specific last."""
        fitting = (
            pattern.row.capabilities
            for pattern in self._patterns
            if pattern.needle in name
            and (not pattern.row.surfaces or surface in pattern.row.surfaces)
            and (not pattern.row.presets or preset in pattern.row.presets)
            and matches(pattern.text, name)
        )
        return UNKNOWN.overridden(*fitting)


@cache
def rows() -> dict[str, Row]:
    """Every row of the file by its title, in the file's order."""
    raw = read(_FILE.read_text("utf-8")).value
    return {title: Row.model_validate(row) for title, row in raw.items()}


@cache
def known() -> KnownCapabilities:
    """The rows of the file, ready to be asked."""
    return KnownCapabilities(rows().values())
