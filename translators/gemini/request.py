"""What the gateway reads of a Gemini request, and the one thing it changes.

The path says which model is asked and whether the answer streams; the body says neither. But some
bodies name the model again, and the API refuses a name that differs from the path's: `model` itself
(embedContent), `generateContentRequest.model` (countTokens), `requests[].model`
(batchEmbedContents). These follow the path's model wherever they are; what comes before the name
("models/") stays as the caller wrote it. Field names may be in camel case or in snake case.
"""

from translators import edit
from translators.fields import choices, read_request, unquoted, wanted_count
from translators.gemini.request_decoding import decode_request
from translators.gemini.request_encoding import encode_request, request_path
from translators.protocol import NotUnderstood, Peek

__all__ = ["decode_request", "encode_request", "peek", "rename_model", "request_path"]

_PREFIX = "models/"


def peek(body: bytes) -> Peek:
    """The output cap and the candidates. A number in quotes is a number too, as everywhere in
    protobuf's JSON."""
    request = read_request(body)
    name = "generationConfig" if "generationConfig" in request else "generation_config"
    config = request.get(name)
    if config is None:
        return Peek(model=None, stream=False)
    if not isinstance(config, dict):
        raise NotUnderstood(f"'{name}' must be an object.", param=name)
    field = "maxOutputTokens" if "maxOutputTokens" in config else "max_output_tokens"
    wanted = unquoted(config.get(field))
    many = config.get("candidateCount", config.get("candidate_count"))
    return Peek(
        model=None,
        stream=False,
        max_output_tokens=wanted_count(wanted, f"{name}.{field}"),
        choices=choices(many),
    )


def rename_model(body: bytes, model: str) -> bytes:
    """The same bytes with every name of the model that the path gives too replaced by `model`."""

    def rename(old: str | None) -> str | None:
        if old is None:
            return None
        prefix, found, _ = old.partition(_PREFIX)
        return model if not found or model.startswith(prefix + found) else prefix + found + model

    body = edit.replace_values(body, edit.values_of(body, "model"), rename)
    if _has(body, "generateContentRequest") or _has(body, "generate_content_request"):
        body = edit.replace_values(body, edit.values_of(body, "model", depth=2), rename)
    if _has(body, "requests"):
        body = edit.replace_values(body, edit.values_of(body, "model", depth=3), rename)
    return body


def _has(body: bytes, name: str) -> bool:
    return bool(edit.values_of(body, name))
