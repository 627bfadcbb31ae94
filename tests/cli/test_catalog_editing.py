"""Additions to a catalog file: what was written stays as it was, to the byte, in every style."""

from typing import Any

import pytest
import yaml

from cli.catalog_editing import Added, flow, with_added
from cli.output import OperatorError

PROVIDER = {"preset": "groq", "base_url": "http://[::1]:80"}
ACCOUNT = {"provider": "new", "credential": "${GROQ_API_KEY}"}
MODEL = {"name": "m*", "targets": [{"provider": "new", "model": "a/b"}]}
ADDED = Added({"new": PROVIDER}, {"new-1": ACCOUNT}, [MODEL])

STYLES = {
    "with comments everywhere": """\
# my catalog
version: 1 # of the format

# ---- upstreams
providers: # all of them
  # the first
  a: {preset: openai}   # keep me
  b:
    preset: openai
    headers: {x-a: "1"} # a header

    # a comment that belongs to b
# ---- credentials
accounts:

  a-1: {provider: a, credential: k}

models:
# those for everybody
- {name: x, targets: [{provider: a}]}
- name: y
  targets:
  - {provider: a} # last

# the end
""",
    "four spaces and lists further in": """\
version: 1
providers:
    a:
        preset: openai
accounts:
    a-1:
        provider: a
        credential: "k"
models:
    - name: x
      targets:
          - provider: a
groups:
    default: {}
""",
    "in braces": """\
version: 1
providers: {a: {preset: openai}, }
accounts: {
  a-1: {provider: a, credential: k} }
models: [{name: x, targets: [{provider: a}]}]
""",
    "empty sections": "version: 1\nproviders:\naccounts: {}\nmodels: [] # none yet\n",
    "null sections": "version: 1\nproviders: null # no\naccounts: ~\nmodels:  # no\ngroups: {}\n",
    "no sections": "version: 1\n",
    "no end of the last line": "version: 1\nmodels:\n- {name: x, targets: [{provider: new}]}",
    "a text over several lines": """\
version: 1
accounts:
  a-1:
    provider: a
    credential: >-
      key
      more
providers:
  a:
    preset: openai
    base_url: |-
      http://a
models:
- name: x
  display_name: "a
    b"
""",
    "ends with a bare entry": "version: 1\naccounts: {}\nmodels: []\nproviders:\n  a:\n",
    "carriage returns": "version: 1\r\nproviders:\r\n  a: {preset: openai}\r\n# end\r\n",
    "anchors inside": """\
version: 1
providers:
  a: &a {preset: openai}
  b: *a
models:
- &m {name: x, targets: [{provider: a}]}
""",
}


def expected(text: str) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(text)
    value["providers"] = {**(value.get("providers") or {}), "new": PROVIDER}
    value["accounts"] = {**(value.get("accounts") or {}), "new-1": ACCOUNT}
    value["models"] = [*(value.get("models") or []), MODEL]
    return value


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_the_meaning_is_the_old_one_and_what_was_added(text: str) -> None:
    assert yaml.safe_load(with_added(text, ADDED)) == expected(text)


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_it_can_be_added_to_again(text: str) -> None:
    once = with_added(text, ADDED)
    again = Added({"more": PROVIDER}, {"more-1": ACCOUNT}, [MODEL])
    twice = yaml.safe_load(with_added(once, again))
    assert list(twice["providers"])[-2:] == ["new", "more"]
    assert twice["models"][-2:] == [MODEL, MODEL]


BLOCKS = ["with comments everywhere", "four spaces and lists further in", "carriage returns",
          "a text over several lines", "anchors inside", "no sections"]  # fmt: skip


@pytest.mark.parametrize("style", BLOCKS)
def test_every_line_that_was_there_is_there_in_its_order(style: str) -> None:
    old = STYLES[style].splitlines(keepends=True)
    new = iter(with_added(STYLES[style], ADDED).splitlines(keepends=True))
    assert [line for line in old if line not in new] == []  # each is found behind the last one


def test_a_line_stands_behind_the_last_entry_and_before_the_next_heading() -> None:
    lines = with_added(STYLES["with comments everywhere"], ADDED).splitlines()
    at = lines.index('  new: {preset: groq, base_url: "http://[::1]:80"}')
    assert lines[at - 1].startswith("    headers:")
    assert lines.index("# ---- credentials") > at
    assert lines[lines.index("# the end") - 2].startswith("- {name: m*")


REFUSED = {
    "a section that is an alias": "version: 1\na: &x {}\nproviders: *x\n",
    "a document in braces": "{version: 1}\n",
    "no mapping": "- 1\n",
    "no YAML": "a: [\n",
    "a section that is a text": "providers: some\n",
    "the name is taken": "providers:\n  new: {preset: openai}\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_added_to_is_refused(text: str) -> None:
    with pytest.raises(OperatorError):
        with_added(text, ADDED)


@pytest.mark.parametrize(
    "value",
    ["plain", "a/b:c", "1", "1.5", "yes", "null", "~", "*", "claude-*", "${A}", "a: b", "a, b",
     "#x", "é", 'qu"ote', "it's", "", "2020-01-01", "@cf/x", "1e5", "=", "a\tb"],
)  # fmt: skip
def test_a_value_is_read_as_it_was_meant(value: str) -> None:
    assert yaml.safe_load(flow({"k": value, "l": [value]})) == {"k": value, "l": [value]}
