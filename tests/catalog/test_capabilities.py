"""What upstream models take: the rows, how they lie over each other, and what overrides them."""

from dataclasses import fields
from enum import Enum
from typing import Any, get_args

import pytest

from catalog import ModelCapabilities, parse
from catalog.capabilities import UNKNOWN, Effort, KnownCapabilities, Row, Thinking, known, rows
from catalog.presets import presets
from catalog.surfaces import Surface
from translators.canonical import capabilities as canonical
from translators.canonical import effort as canonical_effort

ANT: tuple[str, Surface] = ("anthropic", "anthropic")
CHAT: tuple[str, Surface] = ("openai", "openai_chat")
RESPONSES: tuple[str, Surface] = ("openai", "openai_responses")
GEMINI: tuple[str, Surface] = ("google", "gemini")


def of(name: str, at: tuple[str | None, Surface]) -> ModelCapabilities:
    preset, surface = at
    return known().of(name, preset, surface)


def plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def test_the_fields_and_defaults_are_those_of_the_translators() -> None:
    """The two rooms may not import each other; the data plane hands one to the other by name."""
    theirs = {field.name: plain(field.default) for field in fields(canonical.Capabilities)}
    ours = {name: field.default for name, field in ModelCapabilities.model_fields.items()}
    assert ours == theirs


def test_the_words_are_those_of_the_translators() -> None:
    assert get_args(Thinking) == tuple(member.value for member in canonical.Thinking)
    assert get_args(Effort) == tuple(member.value for member in canonical_effort.EFFORTS)


def test_rows_name_presets_that_exist_and_say_something() -> None:
    assert {preset for row in rows().values() for preset in row.presets} <= set(presets())
    assert [title for title, row in rows().items() if not row.capabilities.model_fields_set] == []


def test_rows_are_in_lower_case_and_without_slashes() -> None:
    """Otherwise they would never fit."""
    names = [name for row in rows().values() for name in row.names]
    assert [name for name in names if name != name.lower() or "/" in name] == []


# One line for each thing that a converted request must not get wrong: name, place, field, value.
FACTS: list[tuple[str, tuple[str | None, Surface], str, Any]] = [
    ("claude-3-haiku-20240307", ANT, "thinking", "none"),
    ("claude-3-haiku-20240307", ANT, "max_output_tokens", 4096),
    ("claude-3-5-haiku-20241022", ANT, "thinking", "none"),
    ("claude-3-7-sonnet-20250219", ANT, "thinking", "budget"),
    ("claude-opus-4-20250514", ANT, "thinking", "budget"),
    ("claude-opus-4-20250514", ANT, "max_output_tokens", 32000),
    ("claude-opus-4-1-20250805", ANT, "structured_output", True),
    ("claude-3-haiku-20240307", ANT, "documents", False),
    ("claude-3-7-sonnet-20250219", ANT, "documents", True),
    ("claude-sonnet-4-5", ANT, "documents", True),
    ("anthropic/claude-sonnet-4.5", ("vercel", "openai_chat"), "documents", False),
    ("claude-sonnet-4-5", ANT, "thinking", "budget"),
    ("claude-sonnet-4-5", ANT, "sampling", True),
    ("claude-sonnet-4-5", ANT, "prefill", True),
    ("claude-sonnet-4-5", ANT, "forced_tools", True),
    ("claude-haiku-4-5-20251001", ANT, "thinking", "budget"),
    ("claude-opus-4-6", ANT, "thinking", "adaptive"),
    ("claude-opus-4-6", ANT, "sampling", True),
    ("claude-opus-4-6", ANT, "prefill", False),
    ("claude-opus-4-6", ANT, "efforts", ("low", "medium", "high", "max")),
    ("claude-opus-4-7", ANT, "sampling", False),
    ("claude-opus-4-7", ANT, "mid_conversation_system", False),
    ("claude-opus-4-8", ANT, "mid_conversation_system", True),
    ("claude-opus-5", ANT, "thinking_off", True),
    ("claude-opus-5", ANT, "forced_tools", True),
    ("claude-opus-5-5", ANT, "thinking", "adaptive"),
    ("claude-opus-5-5", ANT, "thinking_off", False),
    ("claude-opus-5-5", ANT, "forced_tools", False),
    ("claude-opus-5-5", ANT, "sampling", False),
    ("claude-opus-5-5", ANT, "prefill", False),
    ("claude-sonnet-5", ANT, "mid_conversation_system", False),
    ("claude-sonnet-5-5", ANT, "forced_tools", False),
    ("claude-haiku-5-5", ANT, "forced_tools", True),
    ("claude-fable-5", ANT, "forced_tools", True),
    ("claude-fable-5-1", ANT, "forced_tools", False),
    ("claude-mythos-preview", ANT, "mid_conversation_system", False),
    ("claude-future-9", ANT, "sampling", False),  # newer than the file: the careful side
    ("claude-future-9", ANT, "thinking", "adaptive"),
    ("claude-future-9", ANT, "thinking_off", False),
    ("anthropic/claude-opus-4.7", ("openrouter", "openai_chat"), "sampling", False),
    ("anthropic/claude-opus-4.7", ("openrouter", "openai_chat"), "thinking", "effort"),
    ("us.anthropic.claude-opus-4-7-v1:0", (None, "anthropic"), "thinking", "adaptive"),
    ("gpt-4o", RESPONSES, "thinking", "none"),
    ("gpt-4o", RESPONSES, "sampling", True),
    ("gpt-4o", RESPONSES, "web_search", True),
    ("gpt-4o", CHAT, "web_search", False),
    ("gpt-4o-search-preview", CHAT, "web_search", True),
    ("gpt-4o-audio-preview", CHAT, "audio", True),
    ("gpt-4.1-mini", CHAT, "context_window", 1047576),
    ("gpt-4", CHAT, "images", False),
    ("o3-mini", CHAT, "sampling", False),
    ("o3-mini", CHAT, "images", False),
    ("o4-mini", RESPONSES, "parallel_tool_calls", False),
    ("gpt-5", RESPONSES, "efforts", ("minimal", "low", "medium", "high")),
    ("gpt-5", RESPONSES, "thinking_off", False),
    ("gpt-5-2025-08-07", CHAT, "efforts", ("minimal", "low", "medium", "high")),
    ("gpt-5", CHAT, "stop_sequences", False),
    ("gpt-5", CHAT, "legacy_max_tokens", False),
    ("gpt-5-chat-latest", CHAT, "sampling", True),
    ("gpt-5.1", RESPONSES, "efforts", ("low", "medium", "high")),
    ("gpt-5.1", RESPONSES, "thinking_off", True),
    ("gpt-5.2-pro", RESPONSES, "efforts", ("medium", "high", "xhigh")),
    ("gpt-5.3-chat-latest", RESPONSES, "efforts", ("medium",)),
    ("gpt-5.6-terra", RESPONSES, "efforts", ("low", "medium", "high", "xhigh", "max")),
    ("gpt-6.1-sol", RESPONSES, "thinking_off", False),
    ("gpt-6.1-terra", RESPONSES, "thinking_off", True),
    ("openai/gpt-oss-120b", ("groq", "openai_chat"), "thinking", "effort"),
    ("gemini-2.0-flash", GEMINI, "thinking", "none"),
    ("gemini-2.0-flash", GEMINI, "full_json_schema", False),
    ("gemini-2.5-pro", GEMINI, "thinking", "budget"),
    ("gemini-2.5-pro", GEMINI, "min_budget_tokens", 128),
    ("gemini-2.5-pro", GEMINI, "max_budget_tokens", 32768),
    ("gemini-2.5-pro", GEMINI, "thinking_off", False),
    ("gemini-2.5-flash", GEMINI, "thinking_off", True),
    ("gemini-2.5-flash", GEMINI, "max_budget_tokens", 24576),
    ("gemini-2.5-flash-lite", GEMINI, "min_budget_tokens", 512),
    ("gemini-3-pro-preview", GEMINI, "thinking", "effort"),
    ("gemini-3-pro-preview", GEMINI, "efforts", ("low", "high")),
    ("gemini-3.1-pro-preview", GEMINI, "efforts", ("low", "medium", "high")),
    ("gemini-3-flash-preview", GEMINI, "efforts", ("minimal", "low", "medium", "high")),
    ("gemini-3.8-flash", GEMINI, "sampling", False),
    ("gemini-2.5-pro", ("google-openai", "openai_chat"), "thinking", "effort"),
    ("deepseek-chat", ("deepseek", "openai_chat"), "thinking", "none"),
    ("deepseek-v4-pro", ("deepseek", "openai_chat"), "efforts", ("low", "high", "max")),
    ("deepseek-v4-pro", ("deepseek", "openai_chat"), "thinking_off", True),
    ("deepseek-v4-pro", ("deepseek", "openai_chat"), "thinking_field", "thinking"),
    ("deepseek-v4-pro", ("together", "openai_chat"), "thinking_field", "reasoning_effort"),
    ("deepseek-v4-pro", ("deepseek", "anthropic"), "thinking_off", True),
    ("deepseek-v4-pro", ("deepseek", "anthropic"), "thinking", "effort"),
    ("deepseek-v4-pro", ("deepseek", "anthropic"), "family", "deepseek"),
    ("grok-4.5", ("xai", "openai_responses"), "thinking_off", False),
    ("grok-4.3", ("xai", "openai_chat"), "stop_sequences", False),
    ("grok-4.20", ("xai", "openai_chat"), "thinking", "none"),
    ("glm-5.2", ("zai", "openai_chat"), "efforts", ()),
    ("glm-5.3", ("zai", "openai_chat"), "efforts", ("low", "high", "max")),
    ("glm-4.6", ("zai", "anthropic"), "thinking", "budget"),
    ("glm-4.6", ("zai", "openai_chat"), "thinking", "switch"),
    ("glm-4.6", ("zai", "openai_chat"), "forced_tools", False),
    ("glm-4.6", ("novita", "openai_chat"), "thinking", "none"),
    ("glm-5.2", ("zai", "openai_chat"), "thinking_field", "thinking"),
    ("glm-5.3", ("zai-coding", "openai_chat"), "thinking_off", False),
    ("kimi-k2.6", ("moonshot", "openai_chat"), "forced_tools", False),
    ("kimi-k2.6", ("moonshot", "openai_chat"), "thinking_off", True),
    ("kimi-k2.6", ("moonshot", "openai_chat"), "image_urls", False),
    ("kimi-k2.7-code", ("moonshot", "openai_chat"), "thinking", "none"),
    ("kimi-k2.7-code", ("moonshot", "openai_chat"), "thinking_off", False),
    ("kimi-k3", ("moonshot", "openai_chat"), "sampling", False),
    ("MiniMax-M2.5", ("minimax", "anthropic"), "images", False),
    ("Qwen/Qwen3-VL-32B-Instruct", ("huggingface", "openai_chat"), "images", True),
    ("qwen3-coder-plus", ("dashscope", "openai_chat"), "thinking", "none"),
    ("qwen-plus", ("dashscope", "openai_chat"), "thinking_field", "enable_thinking"),
    ("Qwen/Qwen3-32B", ("vllm", "openai_chat"), "thinking_field", "chat_template_kwargs"),
    ("Qwen/Qwen3-32B", ("together", "openai_chat"), "thinking", "none"),
    ("mistral-large-latest", ("mistral", "openai_chat"), "call_id_length", 9),
    ("mistral-large-latest", ("mistral", "openai_chat"), "seed_field", "random_seed"),
    ("openai/gpt-oss-120b", ("groq", "openai_chat"), "speaker_names", False),
    ("gpt-oss-120b", ("cerebras", "openai_chat"), "penalties", False),
    ("gemma3", ("ollama", "anthropic"), "image_urls", False),
    ("magistral-medium-latest", ("mistral", "openai_chat"), "thinking", "none"),
    ("meta-llama/Llama-3.3-70B-Instruct", ("together", "openai_chat"), "images", False),
]


@pytest.mark.parametrize(("name", "at", "field", "value"), FACTS)
def test_known(name: str, at: tuple[str | None, Surface], field: str, value: Any) -> None:
    assert getattr(of(name, at), field) == value


COMPATIBLE = [
    name for name in presets() if name not in ("openai", "azure-openai", "azure-openai-deployments")
]


@pytest.mark.parametrize("preset", [*COMPATIBLE, None])
def test_an_unknown_model_behind_compatible_chat_is_asked_for_the_common_core(
    preset: str | None,
) -> None:
    found = of("nobody-knows-it", (preset, "openai_chat"))
    assert found.legacy_max_tokens
    assert not any(
        (found.developer_role, found.cache_hints, found.documents, found.audio, found.web_search)
    )
    assert found.family == "other"


@pytest.mark.parametrize("preset", ["openai", "azure-openai", "azure-openai-deployments"])
def test_openai_and_azure_know_all_of_chat(preset: str) -> None:
    found = of("nobody-knows-it", (preset, "openai_chat"))
    assert found.developer_role and found.cache_hints and found.documents
    assert not found.legacy_max_tokens


def test_signatures_of_unknown_vendors_are_not_taken_for_those_of_claude() -> None:
    assert of("m", ("vllm", "anthropic")).family == "other"
    assert of("minimax-m2", ("minimax", "anthropic")).family == "minimax"
    assert of("claude-x", ("openrouter", "anthropic")).family == "anthropic"


def row(*names: str, **more: Any) -> Row:
    return Row.model_validate({"names": names, **more})


def test_rows_are_laid_over_each_other_field_by_field() -> None:
    table = KnownCapabilities(
        [
            row("a-b*", capabilities={"images": True, "audio": False}),
            row("*", capabilities={"images": False, "penalties": False}),
            row("a*", capabilities={"images": False, "sampling": False}),
        ]
    )
    found = table.of("a-b-c", None, "gemini")
    assert (found.images, found.audio, found.sampling, found.penalties) == (
        True, False, False, False,
    )  # fmt: skip
    assert table.of("other", None, "gemini").sampling


def test_between_equal_names_a_preset_wins_then_a_surface_then_the_later() -> None:
    limits = [
        row("*", presets=("openai",), capabilities={"max_output_tokens": 4}),
        row("*", surfaces=("gemini",), capabilities={"max_output_tokens": 3}),
        row("*", capabilities={"max_output_tokens": 1}),
        row("*", capabilities={"max_output_tokens": 2}),
    ]
    table = KnownCapabilities(limits)
    assert table.of("m", "openai", "gemini").max_output_tokens == 4
    assert table.of("m", "groq", "gemini").max_output_tokens == 3
    assert table.of("m", "groq", "anthropic").max_output_tokens == 2


def test_the_longest_of_a_rows_own_names_counts() -> None:
    table = KnownCapabilities(
        [
            row("*", "ab*", capabilities={"max_output_tokens": 2}),
            row("a*", capabilities={"max_output_tokens": 1}),
        ]
    )
    assert table.of("abc", None, "gemini").max_output_tokens == 2


def test_a_name_is_matched_in_lower_case_and_without_its_path() -> None:
    table = KnownCapabilities([row("m-1", capabilities={"images": False})])
    assert not table.of("Org/models/M-1", None, "gemini").images
    assert table.of("m-1/x", None, "gemini") == UNKNOWN


CATALOG = """\
version: 1
providers: {openai: {preset: openai}, azure: {preset: azure-openai, base_url: "https://x.example"}}
accounts: {o: {provider: openai, credential: k}, z: {provider: azure, credential: k}}
models:
  - name: gpt-5
    max_output_tokens: 1000
    upstream: {images: false, efforts: [low, high], max_budget_tokens: 9}
    targets:
      - {provider: openai, upstream: {efforts: [], images: true, max_budget_tokens: null}}
      - {provider: azure, model: deployment-7, base_model: gpt-4o, tier: 2}
      - {provider: azure, model: deployment-8, tier: 3}
  - {name: gpt-4o, capabilities: {vision: yes, anything: [1]}, targets: [{provider: openai}]}
"""


def test_the_operators_word_of_a_target_stands_above_that_of_the_model() -> None:
    found = parse(CATALOG, {}).targets("gpt-5", "openai_responses")[0].capabilities
    assert (found.images, found.efforts, found.max_budget_tokens) == (True, (), None)
    assert found.max_output_tokens == 1000  # declared for clients, true upstream too
    assert not found.sampling  # known, and not spoken of


def test_a_base_model_says_what_a_deployment_is() -> None:
    azure = parse(CATALOG, {}).targets("gpt-5", "openai_chat")[1:]
    assert [r.upstream_model for r in azure] == ["deployment-7", "deployment-8"]
    assert [r.capabilities.thinking for r in azure] == ["none", "effort"]
    assert [r.price is not None for r in azure] == [True, False]
    assert [r.capabilities.images for r in azure] == [False, False]


def test_open_data_for_clients_says_nothing_of_the_upstream() -> None:
    catalog = parse(CATALOG, {})
    model = catalog.find_model("gpt-4o")
    assert model is not None
    assert model.capabilities == {"vision": True, "anything": (1,)}
    assert catalog.targets("gpt-4o", "openai_chat")[0].capabilities == of("gpt-4o", CHAT)


def test_what_is_not_declared_is_not_said() -> None:
    """An override with every default would undo what is known."""
    catalog = parse(CATALOG.replace("upstream: {images: false, ", "upstream: {audio: true, "), {})
    found = catalog.targets("gpt-5", "openai_chat")[1].capabilities
    assert found.model_copy(update={"audio": False}) == of("gpt-4o", CHAT).model_copy(
        update={"efforts": ("low", "high"), "max_budget_tokens": 9, "max_output_tokens": 1000}
    )
