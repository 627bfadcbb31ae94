"""GET models: the right shape under every path, and only what the key may see."""

import base64
from typing import Any

import pytest

from catalog.surfaces import DOOR_KINDS, SURFACES
from portal.models.served import DOOR_OF
from tests.portal.conftest import LISTED, World

ANTHROPIC_VERSION = {"anthropic_version": "2023-06-01"}
OPENAI_PATHS = ("/v1/models", "/openai/v1/models")
ANTHROPIC_PATHS = ("/api/v1/models", "/claude/v1/models", "/anthropic/v1/models")
CHAT_DOORS = ["messages", "chat", "responses", "generate"]
GENERATE = ["generateContent", "streamGenerateContent", "countTokens"]
GEMINI_PATHS = ("/v1beta/models", "/gemini/v1beta/models", "/gemini/v1/models")


def shape_of(body: dict[str, Any]) -> str:
    """Whose shape a list, an entry or an error has, by what only that shape has."""
    if "error" in body:
        if body.get("type") == "error":
            return "anthropic"
        if "kind" in body["error"]:
            return "management"
        return "gemini" if "status" in body["error"] else "openai"
    if "models" in body or body.get("name", "").startswith("models/"):
        return "gemini"
    if body.get("object") in ("list", "model"):
        return "openai"
    assert "first_id" in body or body["type"] == "model"
    return "anthropic"


def names_in(body: dict[str, Any]) -> list[str]:
    if "models" in body:
        return [entry["name"].removeprefix("models/") for entry in body["models"]]
    return [entry["id"] for entry in body["data"]]


async def test_each_path_lists_every_model_in_its_vendors_shape(world: World) -> None:
    expected = {
        **dict.fromkeys(OPENAI_PATHS, "openai"),
        **dict.fromkeys(ANTHROPIC_PATHS, "anthropic"),
        **dict.fromkeys(GEMINI_PATHS, "gemini"),
    }
    key = await world.key()
    answers = {path: (await world.get(path, key)).json() for path in expected}
    assert {path: shape_of(body) for path, body in answers.items()} == expected
    assert all(names_in(body) == LISTED for body in answers.values())


async def test_the_prefix_decides_before_the_headers(world: World) -> None:
    key = await world.key()
    for path, headers, shape in (
        ("/v1/models", ANTHROPIC_VERSION, "anthropic"),
        ("/openai/v1/models", ANTHROPIC_VERSION, "openai"),
        ("/v1beta/models", ANTHROPIC_VERSION, "gemini"),
        ("/api/v1/models", {"x_goog_api_key": "x"}, "anthropic"),
        ("/gemini/v1/models", ANTHROPIC_VERSION, "gemini"),
    ):
        for each in (path, f"{path}/gpt-5-mini"):
            answer = await world.get(each, key, **headers)
            assert (each, shape_of(answer.json())) == (each, shape)


async def test_a_google_key_on_the_bare_path_asks_for_googles_shape(world: World) -> None:
    key = await world.key()
    only = await world.get("/v1/models", x_goog_api_key=key)
    query = await world.get(f"/v1/models?key={key}")
    with_bearer = await world.get("/v1/models", key, x_goog_api_key=key)
    with_version = await world.get("/v1/models", x_goog_api_key=key, **ANTHROPIC_VERSION)
    answers = (only, query, with_bearer, with_version)
    assert [answer.status_code for answer in answers] == [200] * 4
    shapes = [shape_of(answer.json()) for answer in answers]
    assert shapes == ["gemini", "gemini", "openai", "anthropic"]


async def test_an_entry_says_what_the_catalog_declares_in_each_shape(world: World) -> None:
    key = await world.key()
    openai = await world.get("/openai/v1/models/claude-opus-5-5", key)
    assert openai.json() == {
        "id": "claude-opus-5-5",
        "object": "model",
        "created": 1_790_726_400,
        "owned_by": "anthropic",
        "endpoints": CHAT_DOORS,
        "display_name": "Claude Opus 5.5",
        "context_window": 1_000_000,
        "max_output_tokens": 128_000,
    }
    anthropic = await world.get("/api/v1/models/claude-opus-5-5", key)
    assert anthropic.json() == {
        "type": "model",
        "id": "claude-opus-5-5",
        "display_name": "Claude Opus 5.5",
        "created_at": "2026-09-30T00:00:00Z",
        "lifecycle": "active",
        "line": None,
        "capabilities": None,
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "deprecated_at": None,
        "retires_at": None,
    }
    gemini = await world.get("/v1beta/models/gemini-3-pro", key)
    assert gemini.json() == {
        "name": "models/gemini-3-pro",
        "baseModelId": "gemini-3-pro",
        "version": "1",
        "displayName": "Gemini 3 Pro",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }


async def test_what_is_not_declared_is_left_out_or_has_the_vendors_word_for_it(
    world: World,
) -> None:
    key = await world.key()
    openai = await world.get("/v1/models/meta/llama-4:free", key)
    assert openai.json() == {
        "id": "meta/llama-4:free",
        "object": "model",
        "created": 0,
        "owned_by": "local",
        "endpoints": CHAT_DOORS,
    }
    anthropic = (await world.get("/api/v1/models/meta/llama-4:free", key)).json()
    assert anthropic["display_name"] == "meta/llama-4:free"
    assert anthropic["created_at"] == "1970-01-01T00:00:00Z"
    gemini = (await world.get("/v1beta/models/text-embedding-3-small", key)).json()
    assert gemini["displayName"] == "text-embedding-3-small"
    assert "inputTokenLimit" not in gemini


SERVED: list[tuple[dict[str, Any], str, list[str], list[str]]] = [
    ({}, "claude-opus-5-5", CHAT_DOORS, GENERATE),
    ({}, "meta/llama-4:free", CHAT_DOORS, GENERATE),
    ({}, "mistral-large-3", CHAT_DOORS, GENERATE),
    ({}, "text-embedding-3-small", ["embeddings"], []),
    ({}, "gemini-embedding-1", ["embeddings"], ["embedContent", "batchEmbedContents"]),
    ({}, "gpt-image-1", ["images"], []),
    ({"groups": ("open",)}, "meta/llama-4:free", ["chat"], []),
    ({"endpoints": ("generate", "chat")}, "gpt-5-mini", ["chat", "generate"], GENERATE),
    ({"endpoints": ("images",)}, "gpt-5-mini", [], []),
    ({"groups": ("native",)}, "gpt-5-mini", ["chat", "responses"], []),
    ({"groups": ("native",)}, "gemini-3-pro", ["generate"], GENERATE),
    ({"groups": ("open", "native")}, "meta/llama-4:free", ["chat"], []),
]


@pytest.mark.parametrize(("spec", "name", "doors", "methods"), SERVED)
async def test_a_model_names_the_doors_that_answer_this_key_converted_or_not(
    world: World, spec: dict[str, Any], name: str, doors: list[str], methods: list[str]
) -> None:
    """In OpenAI's and Google's words; what holds for one model holds for the list."""
    key = await world.key(**spec)
    openai = (await world.get(f"/v1/models/{name}", key)).json()
    gemini = (await world.get(f"/v1beta/models/{name}", key)).json()
    assert openai["endpoints"] == doors
    assert gemini["supportedGenerationMethods"] == methods
    if name in LISTED:
        assert openai in (await world.get("/v1/models", key)).json()["data"]
        assert gemini in (await world.get("/v1beta/models", key)).json()["models"]


def test_every_surface_has_its_door() -> None:
    assert set(DOOR_OF) == set(SURFACES)
    assert set(DOOR_OF.values()) == set(DOOR_KINDS)


async def test_names_may_contain_slashes_and_colons(world: World) -> None:
    key = await world.key()
    for path in (
        "/v1/models/meta/llama-4:free",
        "/v1/models/meta%2Fllama-4%3Afree",
        "/v1/models/meta/llama-4:free/",
        "/v1beta/models/meta/llama-4:free",
        "/v1beta/models/models/meta%2Fllama-4:free",
        "/claude/v1/models/meta/llama-4:free",
    ):
        entry = (await world.get(path, key)).json()
        assert (path, entry.get("id", entry.get("baseModelId"))) == (path, "meta/llama-4:free")


async def test_an_alias_is_resolved_and_a_pattern_answers_the_name_that_was_asked(
    world: World,
) -> None:
    key = await world.key()
    alias = await world.get("/v1/models/claude-opus-latest", key)
    assert alias.json()["id"] == "claude-opus-5-5"
    pattern = await world.get("/v1/models/mistral-large-3", key)
    assert pattern.json()["id"] == "mistral-large-3"


async def test_a_key_sees_what_its_groups_and_its_own_patterns_allow(world: World) -> None:
    claude = await world.key("claude", groups=("claude",))
    both = await world.key("both", groups=("claude", "open"))
    narrow = await world.key("narrow", models=("gpt-*", "meta/*"))
    lost = await world.key("lost", groups=("no-such-group",))
    seen = [names_in((await world.get("/v1/models", key)).json()) for key in (claude, both)]
    assert seen == [["claude-opus-5-5"], ["claude-opus-5-5", "meta/llama-4:free"]]
    assert names_in((await world.get("/v1/models", narrow)).json()) == [
        "gpt-5-mini",
        "meta/llama-4:free",
        "gpt-image-1",
    ]
    assert names_in((await world.get("/v1/models", lost)).json()) == []


ASKED: list[tuple[dict[str, Any], str, int]] = [
    ({"groups": ("claude",)}, "claude-opus-5-5", 200),
    ({"groups": ("claude",)}, "claude-opus-latest", 200),
    ({"groups": ("claude",)}, "gpt-5-mini", 404),
    ({"groups": ("open",)}, "meta/llama-4:free", 200),  # the group has no `messages` door
    ({"groups": ("open",)}, "mistral-large-3", 200),
    ({"groups": ("claude",)}, "mistral-large-3", 404),
    ({"models": ("gpt-*",)}, "mistral-large-3", 404),
    ({"models": ("gpt-*",)}, "gpt-5-mini", 200),
    ({"groups": ("no-such-group",)}, "gpt-5-mini", 404),
    ({}, "gpt-idle", 404),  # declared, but no account serves it
    ({}, "mistral-*", 404),  # a pattern is no model
]


async def test_a_model_can_be_asked_for_exactly_when_the_key_may_use_it(world: World) -> None:
    for spec, name, status in ASKED:
        answer = await world.get(f"/v1/models/{name}", await world.key(**spec))
        assert (spec, name, answer.status_code) == (spec, name, status)


@pytest.mark.parametrize("path", ["/openai/v1/models", "/api/v1/models", "/v1beta/models"])
async def test_an_unknown_model_is_404_in_dialect_and_names_the_nearest(
    world: World, path: str
) -> None:
    answer = await world.get(f"{path}/gpt-5-minni", await world.key())
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert "Did you mean gpt-5-mini?" in error["message"]
    kinds = {"openai": error.get("code"), "anthropic": error.get("type")}
    kinds["gemini"] = error.get("status")
    shape = shape_of(answer.json())
    expected = {"openai": "model_not_found", "anthropic": "not_found_error", "gemini": "NOT_FOUND"}
    assert kinds[shape] == expected[shape]


async def test_a_hidden_model_is_never_named_and_answers_like_one_that_never_was(
    world: World,
) -> None:
    key = await world.key(groups=("claude",))
    narrow = await world.key("narrow", models=("claude-*",))
    for each in (key, narrow):
        misspelt = await world.get("/v1/models/gpt-5-minni", each)
        hidden = await world.get("/v1/models/gpt-5-mini", each)
        assert "Did you mean" not in misspelt.text
        assert hidden.text.replace("gpt-5-mini", "NAME") == misspelt.text.replace(
            "gpt-5-minni", "NAME"
        )


async def test_a_long_unknown_name_is_not_repeated_whole(world: World) -> None:
    answer = await world.get(f"/v1/models/{'x' * 5000}", await world.key())
    assert answer.status_code == 404
    assert len(answer.text) < 600


async def test_a_method_of_a_model_asked_with_get_is_405(world: World) -> None:
    answer = await world.get("/v1beta/models/gemini-3-pro:generateContent", await world.key())
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert shape_of(answer.json()) == "gemini"


@pytest.mark.parametrize("path", ["/v1/models", "/api/v1/models/gpt-5-mini", "/v1beta/models"])
async def test_head_is_get_without_the_body(world: World, path: str) -> None:
    key = await world.key()
    got = await world.get(path, key)
    head = await world.client.head(path, headers={"authorization": f"Bearer {key}"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))


# ------------------------------------------------------------------------------------------ paging


async def walk(world: World, path: str, start: str, follow: str) -> list[list[str]]:
    """The names on each page, from the first to the last."""
    key = await world.key()
    pages: list[list[str]] = []
    query = start
    while query:
        body = (await world.get(f"{path}?{query}", key)).json()
        pages.append(names_in(body))
        cursor = body["nextPageToken"] if body.get("nextPageToken") else body.get("last_id")
        more = body.get("has_more", "nextPageToken" in body)
        query = f"{start}&{follow}={cursor}" if more else ""
        assert len(pages) <= len(LISTED)
    return pages


async def test_anthropics_pages_lead_forwards_through_everything_once(world: World) -> None:
    pages = await walk(world, "/api/v1/models", "limit=4", "after_id")
    assert pages == [LISTED[:4], LISTED[4:]]


@pytest.mark.parametrize(
    ("start", "follow"),
    [
        ("pageSize=4", "pageToken"),
        ("page_size=4", "page_token"),
    ],
)
async def test_googles_pages_lead_through_everything_once(
    world: World, start: str, follow: str
) -> None:
    assert await walk(world, "/v1beta/models", start, follow) == [LISTED[:4], LISTED[4:]]


async def test_anthropics_pages_lead_backwards_too(world: World) -> None:
    key = await world.key()
    last = (await world.get(f"/api/v1/models?limit=2&before_id={LISTED[5]}", key)).json()
    first = (await world.get(f"/api/v1/models?limit=2&before_id={LISTED[1]}", key)).json()
    assert (names_in(last), last["has_more"]) == (LISTED[3:5], True)
    assert (names_in(first), first["has_more"]) == (LISTED[:1], False)
    assert (last["first_id"], last["last_id"]) == (LISTED[3], LISTED[4])


async def test_an_empty_page_has_null_ids(world: World) -> None:
    answer = await world.get("/api/v1/models", await world.key(groups=("no-such-group",)))
    expected = {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert answer.json() == expected


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("lifecycle=retired", 0),
        ("lifecycle[]=deprecated&lifecycle[]=retired", 0),
        ("lifecycle=active&lifecycle=retired", len(LISTED)),
        ("limit=1000", len(LISTED)),
    ],
)
async def test_anthropics_other_parameters(world: World, query: str, count: int) -> None:
    answer = await world.get(f"/api/v1/models?{query}", await world.key())
    assert len(answer.json()["data"]) == count


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=5000", "alt=json&prettyPrint=false"])
async def test_google_lowers_page_sizes_and_ignores_what_it_does_not_know(
    world: World, query: str
) -> None:
    answer = await world.get(f"/v1beta/models?{query}", await world.key())
    assert names_in(answer.json()) == LISTED


def token_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


WRONG = [
    ("/api/v1/models", "limit=0", "limit"),
    ("/api/v1/models", "limit=1001", "limit"),
    ("/api/v1/models", "limit=many", "limit"),
    ("/api/v1/models", f"limit={'9' * 5000}", "limit"),
    ("/api/v1/models", "limit=", "limit"),
    ("/api/v1/models", "after_id=no-such-model", "after_id"),
    ("/api/v1/models", "after_id=", "after_id"),
    ("/api/v1/models", "before_id=%00", "before_id"),
    ("/api/v1/models", "after_id=gpt-5-mini&before_id=gpt-5-mini", "before_id"),
    ("/api/v1/models", "lifecycle=young", "lifecycle"),
    ("/v1beta/models", "pageSize=-1", "pageSize"),
    ("/v1beta/models", "page_size=1.5", "page_size"),
    ("/v1beta/models", "pageToken=***", "pageToken"),
    ("/v1beta/models", "pageToken=%ff%fe", "pageToken"),
    ("/v1beta/models", f"pageToken={token_of('no-such-model')}", "pageToken"),
    ("/v1beta/models", "page_token=_w", "pageToken"),
]


async def test_a_wrong_parameter_is_400_in_dialect_and_names_it(world: World) -> None:
    key = await world.key()
    for path, query, param in WRONG:
        answer = await world.get(f"{path}?{query}", key)
        assert (query, answer.status_code) == (query, 400)
        assert shape_of(answer.json()) == ("gemini" if "beta" in path else "anthropic")
        assert answer.json()["error"]["message"].startswith(f"{param}: ")


async def test_openais_list_is_whole_whatever_the_query_says(world: World) -> None:
    answer = await world.get("/v1/models?limit=none&after=x&pageSize=1", await world.key())
    assert names_in(answer.json()) == LISTED
