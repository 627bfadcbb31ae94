"""`clavis catalog add-provider` and `presets`: what is written, and what is never written."""

import stat
from pathlib import Path
from typing import Any

import pytest

from catalog import parse
from catalog.presets import presets
from cli.catalog_changes import change, live
from cli.lock import held
from cli.output import OperatorError
from cli.settings import Settings
from tests.cli.running import Run, answer, runner

CATALOG = """\
version: 1
# upstreams
providers:
  openai: {preset: openai} # ours
accounts:
  openai-1: {provider: openai, credential: "${OPENAI_KEY:-k}"}
models:
- {name: gpt-5, targets: [{provider: openai}]}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GROQ_KEY", "gsk-hush-hush")
    return runner(tmp_path, CATALOG, monkeypatch)


def text(directory: Path) -> str:
    return (directory / "catalog.yaml").read_text()


def test_a_provider_its_account_and_its_models_are_added_and_the_rest_stays(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "catalog.yaml").chmod(0o640)
    made = answer(
        run("catalog", "add-provider", "groq", "--preset", "groq", "--credential", "${GROQ_KEY}",
            "--model", "oss=openai/gpt-oss-120b", "--model", "llama-3.3", "--json")
    )  # fmt: skip
    assert made == {
        "provider": "groq",
        "account": "groq-1",
        "models": ["oss", "llama-3.3"],
        "effective": False,  # no gateway runs here
        "not_set_here": [],
    }
    new = text(tmp_path)
    assert new.splitlines()[:4] == CATALOG.splitlines()[:4]
    assert "  groq: {preset: groq}" in new
    assert '  groq-1: {provider: groq, credential: "${GROQ_KEY}"}' in new
    assert stat.S_IMODE((tmp_path / "catalog.yaml").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".cat")] == []
    loaded = parse(new, {"GROQ_KEY": "k"})
    [route] = loaded.targets("oss", "openai_chat")
    assert (route.authority, route.upstream_model) == ("api.groq.com", "openai/gpt-oss-120b")


def test_a_model_that_its_provider_cannot_serve_changes_nothing(run: Run, tmp_path: Path) -> None:
    result = run("catalog", "add-provider", "g", "--preset", "groq", "--credential", "${GROQ_KEY}",
                 "--model", "text-embedding-9")  # fmt: skip
    assert result.exit_code == 1
    assert "serves no surface for this kind of model (embedding)" in result.stderr
    assert text(tmp_path) == CATALOG


def test_a_local_provider_needs_no_key(run: Run, tmp_path: Path) -> None:
    words = ("--preset", "ollama", "--base-url", "http://10.0.0.7:11434", "--model", "llama")
    made = answer(run("catalog", "add-provider", "home", *words, "--json"))
    assert made["account"] is None
    assert "  home: {preset: ollama, base_url: http://10.0.0.7:11434}" in text(tmp_path)


REFUSALS: dict[str, tuple[list[str], str]] = {
    "a literal key": (["--preset", "groq", "--credential", "gsk-hush-hush"], "does not belong"),
    "a default that is a key": (
        ["--preset", "groq", "--credential", "${GROQ_KEY:-gsk-hush-hush}"],
        "does not belong",
    ),
    "a key from input without insisting": (["--preset", "groq", "--credential", "-"], "belong"),
    "no key": (["--preset", "groq"], "${NEW_API_KEY}"),
    "an unknown preset": (["--preset", "grok"], "did you mean 'groq'?"),
    "a service that has ended": (["--preset", "github-models"], "ended on 2026-07-30"),
    "an address that is none": (
        ["--preset", "ollama", "--base-url", "ftp://x"],
        "the scheme must be http or https",
    ),
    "a base URL with the path that is added": (
        ["--preset", "ollama", "--base-url", "http://x/v1"],
        "leave it out here",
    ),
    "a model's name that is taken": (["--preset", "ollama", "--model", "gpt-5"], "is taken by"),
}


@pytest.mark.parametrize(("words", "said"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_wrong_is_said_and_nothing_is_written(
    run: Run, tmp_path: Path, words: list[str], said: str
) -> None:
    result = run("catalog", "add-provider", "new", *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "hush-hush" not in result.output
    assert text(tmp_path) == CATALOG


def test_a_name_that_is_there_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    result = run("catalog", "add-provider", "openai", "--preset", "ollama")
    assert "providers has 'openai' already" in result.stderr
    assert text(tmp_path) == CATALOG


def test_a_literal_key_is_written_when_one_insists_and_never_shown(
    run: Run, tmp_path: Path
) -> None:
    result = run("catalog", "add-provider", "g", "--preset", "groq", "--credential", "-",
                 "--literal", input="gsk-${hush}\n")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "hush" not in result.output
    loaded = parse(text(tmp_path), {})
    secret = loaded.accounts["g-1"].credential
    assert secret is not None and secret.get_secret_value() == "gsk-${hush}"


def test_a_variable_that_the_gateway_has_need_not_be_set_here(run: Run, tmp_path: Path) -> None:
    words = ("--preset", "groq", "--credential", "${ELSEWHERE}", "--json")
    assert answer(run("catalog", "add-provider", "g", *words))["not_set_here"] == ["ELSEWHERE"]
    assert "${ELSEWHERE}" in text(tmp_path)


def test_what_somebody_else_wrote_meanwhile_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG)

    def edit(old: str) -> str:
        path.write_text(CATALOG + "# somebody else\n")
        return old + "# we\n"

    with pytest.raises(OperatorError, match="changed meanwhile"):
        change(path, edit, {})
    assert path.read_text() == CATALOG + "# somebody else\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(CATALOG)
    link = tmp_path / "catalog.yaml"
    link.symlink_to(real)
    change(link, lambda old: old + "# more\n", {})
    assert link.is_symlink()
    assert real.read_text().endswith("# more\n")


def test_it_is_said_whether_a_running_gateway_has_taken_it_over(run: Run, tmp_path: Path) -> None:
    settings = Settings.read()
    assert live(settings, 0.1) is None  # none runs
    with held(settings.places.lock):
        assert live(settings, 0.1) is False
        settings.places.accepted_catalog.write_text("something else")
        assert live(settings, 0.1) is False
        settings.places.accepted_catalog.write_text(text(tmp_path))
        assert live(settings, 0.1) is True


def test_the_known_providers_are_listed(run: Run) -> None:
    rows: list[dict[str, Any]] = answer(run("catalog", "presets", "--json"))["presets"]
    assert [row["name"] for row in rows] == list(presets())
    groq = next(row for row in rows if row["name"] == "groq")
    assert groq["home"] == "openai_chat"
    assert groq["source"].startswith("https://console.groq.com")
    people = run("catalog", "presets", "--protocol", "gemini").stdout.split()
    assert "google" in people
    assert "groq" not in people
