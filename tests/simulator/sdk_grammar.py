"""Reads the vendors' SDK types into the grammars that the simulator checks requests against.

Run `python -m tests.simulator.sdk_grammar` after an SDK was upgraded: it writes
simulator/grammar/*.json. A test compares the files with the installed SDKs, so that they cannot
grow old unseen.

A grammar is {"root": spec, "types": {name: {"fields": {field: spec}, "required": [field]}}}. A spec
is one of "any", "str", "int", "num", "bool", "null", "obj", {"lit": [...]}, {"enum": [...]} (any
case), {"list": spec}, {"map": spec}, {"ref": name}, {"union": [spec...]}.
"""

import enum
import json
import types
import typing
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pydantic
from typing_extensions import is_typeddict

from tests.simulator.sdk_extras import EXTRAS, RELAXED

FOLDER = Path(__file__).parent.parent.parent / "simulator" / "grammar"
HEADERS = ("betas", "user_profile_id", "workspace_id")  # arguments sent as headers
SCALARS: dict[Any, str] = {str: "str", int: "int", float: "num", bool: "bool", bytes: "str"}


class Reader:
    """Turns annotations into specs and collects the object types on the way."""

    def __init__(self, provider: str) -> None:
        self.extras = EXTRAS[provider]
        self.relaxed = RELAXED[provider]
        self.types: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def spec(self, annotation: Any) -> Any:
        """The spec of one annotation."""
        if annotation is None or annotation is type(None):
            return "null"
        if annotation in SCALARS:
            return SCALARS[annotation]
        if annotation in (Any, object):
            return "any"
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is not None:
            return self._generic(annotation, origin, args)
        if is_typeddict(annotation):
            return {"ref": self._object(annotation, self._typed_dict)}
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return {"enum": sorted(str(one.value) for one in annotation)}
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            return {"ref": self._object(annotation, self._model)}
        return "any"

    def _generic(self, annotation: Any, origin: Any, args: tuple[Any, ...]) -> Any:
        if origin in (typing.Annotated, typing.Required, typing.NotRequired):
            return self.spec(args[0])
        if str(origin).endswith(("Required", "NotRequired")):
            return self.spec(args[0])
        if origin is Literal:
            return {"lit": list(args)}
        if origin in (Union, types.UnionType):
            return union([self.spec(arg) for arg in args])
        if origin in (dict, typing.get_origin(typing.Mapping[str, str])):
            inner = self.spec(args[1])
            return "obj" if inner == "any" else {"map": inner}
        return {"list": self.spec(args[0])}

    def _object(self, kind: Any, read: Any) -> str:
        if kind not in self._names:
            name = kind.__name__
            while name in self.types:
                name += "_"
            self._names[kind] = name
            self.types[name] = {}
            self.types[name] = read(kind)
            self._extend(kind.__name__, self.types[name])
        return self._names[kind]

    def _typed_dict(self, kind: Any) -> dict[str, Any]:
        hints = typing.get_type_hints(kind, include_extras=True)
        fields, required = {}, []
        for name, hint in sorted(hints.items()):
            alias = _alias(name, hint)
            if alias in HEADERS:
                continue
            fields[alias] = self.spec(hint)
            marked = str(get_origin(hint))
            if marked.endswith(".Required") or (kind.__total__ and "NotRequired" not in marked):
                required.append(alias)
        return {"fields": fields, "required": required}

    def _model(self, kind: type[pydantic.BaseModel]) -> dict[str, Any]:
        fields, required = {}, []
        for name, info in kind.model_fields.items():
            alias = info.alias or name
            fields[alias] = self.spec(info.annotation)
            if info.is_required():
                required.append(alias)
        return {"fields": fields, "required": required}

    def _extend(self, name: str, read: dict[str, Any]) -> None:
        read["fields"] |= self.extras.get(name, {})
        without = self.relaxed.get(name, set())
        read["required"] = [field for field in read["required"] if field not in without]

    def grammar(self, roots: dict[str, Any]) -> dict[str, Any]:
        """The whole grammar for named roots."""
        return {
            "roots": {name: self.spec(kind) for name, kind in roots.items()},
            "types": dict(sorted(self.types.items())),
        }


def _alias(name: str, hint: Any) -> str:
    """A field's name on the wire: the openai SDK notes it where Python forbids the name."""
    if get_origin(hint) is not None and str(get_origin(hint)).endswith("Required"):
        hint = get_args(hint)[0]
    for note in getattr(hint, "__metadata__", ()):
        alias = getattr(note, "alias", None)
        if alias:
            return str(alias)
    return name


def union(specs: list[Any]) -> Any:
    """A union without nesting and repetition."""
    flat: list[Any] = []
    for spec in specs:
        for one in spec["union"] if isinstance(spec, dict) and "union" in spec else [spec]:
            if one not in flat:
                flat.append(one)
    if "any" in flat:
        return "any"
    if "str" in flat:
        flat = [one for one in flat if not (isinstance(one, dict) and "lit" in one)]
    if "obj" in flat:
        flat = [one for one in flat if not (isinstance(one, dict) and "ref" in one)]
    return flat[0] if len(flat) == 1 else {"union": flat}


def anthropic() -> dict[str, Any]:
    """Messages and count_tokens, with every beta's fields."""
    from anthropic.types.beta import message_count_tokens_params as count
    from anthropic.types.beta import message_create_params as create

    return Reader("anthropic").grammar(
        {"messages": create.MessageCreateParamsBase, "count_tokens": count.MessageCountTokensParams}
    )


def openai() -> dict[str, Any]:
    """Chat completions, responses and their token count, images and embeddings."""
    from openai.types import embedding_create_params, image_edit_params, image_generate_params
    from openai.types.chat import completion_create_params
    from openai.types.responses import input_token_count_params, response_create_params

    return Reader("openai").grammar(
        {
            "chat": completion_create_params.CompletionCreateParamsBase,
            "responses": response_create_params.ResponseCreateParamsBase,
            "input_tokens": input_token_count_params.InputTokenCountParams,
            "images": image_generate_params.ImageGenerateParamsBase,
            "edits": image_edit_params.ImageEditParamsBase,
            "embeddings": embedding_create_params.EmbeddingCreateParams,
        }
    )


def gemini() -> dict[str, Any]:
    """The bodies of Gemini's actions: put together here, because the SDK flattens them in its
    calls."""
    from google.genai import types as g

    class GenerateContentRequest(pydantic.BaseModel):
        contents: list[g.Content] | g.Content | None = None
        systemInstruction: g.Content | None = None
        tools: list[g.Tool] | None = None
        toolConfig: g.ToolConfig | None = None
        safetySettings: list[g.SafetySetting] | None = None
        generationConfig: g.GenerationConfig | None = None
        cachedContent: str | None = None
        model: str | None = None
        labels: dict[str, str] | None = None
        store: bool | None = None
        serviceTier: g.ServiceTier | None = None

    class CountTokensRequest(GenerateContentRequest):
        generateContentRequest: GenerateContentRequest | None = None

    class EmbedContentRequest(pydantic.BaseModel):
        model: str | None = None
        content: g.Content
        taskType: str | None = None
        title: str | None = None
        outputDimensionality: int | None = None
        embedContentConfig: dict[str, Any] | None = None

    class BatchEmbedContentsRequest(pydantic.BaseModel):
        requests: list[EmbedContentRequest]

    return Reader("gemini").grammar(
        {
            "generate": GenerateContentRequest,
            "count": CountTokensRequest,
            "embed": EmbedContentRequest,
            "batch": BatchEmbedContentsRequest,
        }
    )


GRAMMARS = {"anthropic": anthropic, "openai": openai, "gemini": gemini}


def written(grammar: dict[str, Any]) -> str:
    """A grammar as text, one type a line."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(read, sort_keys=True)}"
        for name, read in grammar["types"].items()
    ]
    roots = json.dumps(grammar["roots"], sort_keys=True)
    return '{"roots": ' + roots + ',\n"types": {\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    for provider, read in GRAMMARS.items():
        (FOLDER / f"{provider}.json").write_text(written(read()))
