"""Groups: what a key may see and use, by which group, at which price."""

from fractions import Fraction

import pytest

from catalog import Access
from tests.catalog.samples import sample


def names(groups: tuple[str, ...], patterns: tuple[str, ...] = ()) -> list[str]:
    return [model.name for model in sample().visible_models(groups, patterns)]


ALL = ["claude-sonnet-4-5", "claude-opus-5-5", "gpt-5", "text-embedding-3-small"]


@pytest.mark.parametrize(
    ("groups", "patterns", "expected"),
    [
        ((), (), ALL),
        (("default",), (), ALL),
        (("plain",), (), ["claude-sonnet-4-5", "gpt-5"]),  # opus is served by the vip pool alone
        (("vip",), (), ALL),
        (("pictures",), (), ["gpt-5"]),
        (("pictures", "plain"), (), ["claude-sonnet-4-5", "gpt-5"]),
        ((), ("claude-*",), ["claude-sonnet-4-5", "claude-opus-5-5"]),
        (("plain",), ("gpt-*",), ["gpt-5"]),
        (("gone",), (), []),
        (("gone", "pictures"), (), ["gpt-5"]),
    ],
)
def test_visible_models(
    groups: tuple[str, ...], patterns: tuple[str, ...], expected: list[str]
) -> None:
    assert names(groups, patterns) == expected


def test_patterns_are_not_listed_and_models_without_an_upstream_neither() -> None:
    catalog = sample().model_copy(update={"accounts": {}})
    assert catalog.visible_models() == []
    assert "claude-*" not in names(())


def test_the_visible_list_is_computed_once_per_groups() -> None:
    catalog = sample()
    assert catalog.visible_models(("vip",)) is catalog.visible_models(("vip",))


ALLOWED = [
    ((), "gpt-5", "chat", "default"),
    (("plain",), "sonnet", "messages", "plain"),  # an alias is judged as its model
    (("plain",), "claude-haiku-9", "messages", "plain"),  # what a pattern answers, as asked
    (("pictures", "vip"), "gpt-5", "chat", "vip"),  # the first group that allows both
    (("pictures", "vip"), "gpt-5", "images", "pictures"),
    (("plain", "vip"), "claude-opus-5-5", "messages", "vip"),  # plain's pools do not serve it
]


@pytest.mark.parametrize(("groups", "model", "door", "group"), ALLOWED)
def test_access_is_given_by_the_first_group_that_allows_model_and_door(
    groups: tuple[str, ...], model: str, door: str, group: str
) -> None:
    assert sample().access(groups, model, door) == Access(True, group=group, groups=(group,))


REFUSED = [
    (("gone",), "gpt-5", "chat", "group", "the key's groups no longer exist"),
    (
        ("pictures",),
        "gpt-5",
        "chat",
        "endpoint",
        "the key's group may use the endpoints images",
    ),
    (
        ("pictures",),
        "sonnet",
        "images",
        "model",
        "sonnet is not open to this key; it may use the models gpt-5",
    ),
    (
        ("plain",),
        "claude-opus-5-5",
        "messages",
        "model",
        "claude-opus-5-5 is not open to this key; it may use the models claude-sonnet-4-5, gpt-5",
    ),
]


@pytest.mark.parametrize(("groups", "model", "door", "refused", "reason"), REFUSED)
def test_a_refusal_says_what_the_key_may_use(
    groups: tuple[str, ...], model: str, door: str, refused: str, reason: str
) -> None:
    access = sample().access(groups, model, door)
    assert (access.allowed, access.refused, access.reason) == (False, refused, reason)


def test_the_keys_own_limits_come_on_top_of_its_groups() -> None:
    catalog = sample()
    assert catalog.access((), "gpt-5", "chat", ("gpt-*",), ("chat",)).allowed
    model = catalog.access((), "sonnet", "messages", ("gpt-*",))
    assert model.reason == "sonnet is not open to this key; it may use the models gpt-5"
    door = catalog.access((), "gpt-5", "responses", (), ("chat", "images"))
    assert door.reason == "this key may use the endpoints chat, images"


def test_a_key_pattern_is_matched_by_the_models_own_name_not_by_its_alias() -> None:
    catalog = sample()
    assert catalog.access((), "sonnet", "messages", ("claude-*",)).allowed
    assert not catalog.access((), "sonnet", "messages", ("sonn*",)).allowed


def test_a_reason_names_a_few_models_and_counts_the_rest() -> None:
    catalog = sample()
    models = tuple(
        catalog.models[2].model_copy(update={"name": f"m{number}"}) for number in range(12)
    )
    wide = catalog.model_copy(update={"models": models})
    reason = wide.access((), "x", "chat", ("m*",)).reason
    assert reason == (
        "x is not open to this key; it may use the models m0, m1, m2, m3, m4, m5, m6, m7 and 4 more"
    )


def test_the_multiplier_is_the_groups_exactly() -> None:
    catalog = sample()
    assert catalog.multiplier("vip") == Fraction(4, 5)
    assert catalog.multiplier("plain") == catalog.multiplier(None) == Fraction(1)


def test_a_declared_default_group_is_the_default() -> None:
    catalog = sample("  default: {models: [gpt-*]}\n")
    assert [model.name for model in catalog.visible_models()] == ["gpt-5"]
    assert not catalog.access((), "sonnet", "messages").allowed
