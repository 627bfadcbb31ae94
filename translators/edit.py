"""Changing the model's name in a request, and not one byte besides.

A JSON body is not parsed and written again: that would lose unknown fields, number formats, the
order of keys, duplicate keys. The key `"model"` is looked for as bytes, which is exact because an
unescaped quote is never inside a string: quote, `model`, quote, colon is a key, unless a backslash
stands before the first quote. How deep such a key lies is told by the brackets before it, or
by those after it, which are fewer to count: strings are taken out and the rest is counted.
All of that is done by the methods of `bytes`, in time linear in the body.

Rules:
- the body is valid JSON (`peek` has parsed it); anything else gives harmless nonsense;
- every top-level `model` is changed, also one written twice or with escapes: JSON parsers disagree
  on which one counts, and the one that was checked must be the one that is used;
- multipart forms are read by RFC 2046 strictly; a boundary where parsers disagree is refused.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import orjson

from translators.protocol import NotUnderstood

_COLON = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_SCALAR = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^ \t\r\n,\]}\[{"]*+', re.DOTALL)


class Span(NamedTuple):
    """Where a piece of the body starts and ends."""

    start: int
    end: int


def replace_model(body: bytes, new: str) -> bytes:
    """The same bytes with `new` as every top-level "model"; the same object if nothing changes.

    NotUnderstood when one of them holds an object or an array.
    """
    places = values_of(body, "model")
    if any(start == end for start, end in places):
        raise NotUnderstood("'model' must be a string.", param="model")
    return replace_values(body, places, lambda _: new)


def replace_values(
    body: bytes, places: list[Span], rename: Callable[[str | None], str | None]
) -> bytes:
    """The bytes with the JSON values at `places`, in order of position, replaced by strings.

    `rename` is given a value's text, None where it is no string, and answers None to leave it.
    """
    pieces: list[bytes] = []
    done = 0
    for start, end in places:
        old = read_string(body[start:end])
        new = rename(old)
        if new is not None and new != old:
            pieces += (body[done:start], orjson.dumps(new))
            done = end
    return b"".join((*pieces, body[done:])) if pieces else body


def values_of(body: bytes, name: str, depth: int = 1) -> list[Span]:
    """The values of all keys `name` that have `depth` brackets open around them, in order.

    Strings, numbers, true, false and null; for an object or an array the span is empty.
    """
    keys = _keys(body, name)
    depths = _depths(body, [start for start, _ in keys])
    found: list[Span] = []
    for (_, at), open_brackets in zip(keys, depths, strict=True):
        if open_brackets == depth:
            value = _SCALAR.match(body, at)
            found.append(Span(at, value.end() if value else at))
    return found


def members_of(body: bytes, name: str) -> list[Span]:
    """The top-level members `name`, from the key's quote to the end of the value, in order. Where
    the value is an object or an array the span is empty."""
    keys = _keys(body, name)
    depths = _depths(body, [start for start, _ in keys])
    found: list[Span] = []
    for (start, at), open_brackets in zip(keys, depths, strict=True):
        if open_brackets == 1:
            value = _SCALAR.match(body, at)
            end = value.end() if value else at
            found.append(Span(start, end if end > at else start))
    return found


def read_string(text: bytes) -> str | None:
    """The text of a JSON string; None when it is another value or none at all."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, str) else None


def _keys(body: bytes, name: str) -> list[Span]:
    """Every key of that name at any depth: from its quote to behind its colon."""
    plain, escapes, escaped = _spellings(name)
    if any(escape in body for escape in escapes):
        places = [Span(*match.span()) for match in escaped.finditer(body)]
    else:
        places = _all(body, plain)
    found: list[Span] = []
    for start, end in places:
        if start > 0 and body[start - 1] == 0x5C:
            continue  # the end of a longer string: "... \"model"
        colon = _COLON.match(body, end)
        if colon is not None:
            found.append(Span(start, colon.end()))
    return found


@cache
def _spellings(name: str) -> tuple[bytes, tuple[bytes, ...], re.Pattern[bytes]]:
    """The key as it is usually written, the beginnings of escapes for its letters, and a pattern.

    JSON allows every letter of a key as an escape, its digits in either case; almost no body holds
    such an escape, so that the pattern, slower than a search, is seldom needed.
    """
    escapes = {f"\\u00{ord(letter):02x}"[:5].encode() for letter in name}
    letters = (rf"(?:{letter}|\\u00(?i:{ord(letter):02x}))" for letter in name)
    return f'"{name}"'.encode(), tuple(escapes), re.compile(f'"{"".join(letters)}"'.encode())


def _all(body: bytes, text: bytes) -> list[Span]:
    found: list[Span] = []
    at = body.find(text)
    while at >= 0:
        found.append(Span(at, at + len(text)))
        at = body.find(text, at + len(text))
    return found


def _depths(body: bytes, places: list[int]) -> list[int]:
    """How many brackets are open at each place. The widest gap between places is never looked at:
    before it brackets are counted from the start of the body, behind it from the end."""
    bounds = [0, *places, len(body)]
    widest = max(range(len(places) + 1), key=lambda gap: bounds[gap + 1] - bounds[gap])
    depths = [0] * len(places)
    depth = 0
    for gap in range(widest):
        depth += _brackets_left_open(body[bounds[gap] : bounds[gap + 1]])
        depths[gap] = depth
    depth = 0
    for gap in range(len(places), widest, -1):
        depth -= _brackets_left_open(body[bounds[gap] : bounds[gap + 1]])
        depths[gap - 1] = depth
    return depths


def _brackets_left_open(part: bytes) -> int:
    """How many brackets this piece opens without closing. It must start and end between strings."""
    bare = part.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = b"".join(bare.split(b'"')[::2])
    opened = outside.count(b"{") + outside.count(b"[")
    return opened - outside.count(b"}") - outside.count(b"]")


# ---------------------------------------------------------------------------------------- multipart

# A form of more parts than this is not a request for images; each part costs a search.
MOST_PARTS = 1_000

# All headers of one part. Browsers and SDKs stay under a few hundred bytes.
MOST_PART_HEADER_BYTES = 16 * 1024

_PARAMETER = re.compile(
    r";[ \t]*+([!#$%&'*+\-.^_`|~0-9A-Za-z]++)[ \t]*+=[ \t]*+"
    r'("(?:[^"\\]|\\.)*+"|[^;"\s]*+)[ \t]*+'
)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_REST_OF_LINE = re.compile(rb"(--)?[ \t]*+(?:\r\n|\Z)")


def multipart_field(body: bytes, content_type: str, name: str) -> str | None:
    """The text of the form field `name`, the last of several; None when there is none."""
    fields = _fields(body, content_type, name)
    if not fields:
        return None
    start, end = fields[-1]
    try:
        return body[start:end].decode()
    except UnicodeDecodeError:
        message = f"The form field '{name}' is not valid UTF-8."
        raise NotUnderstood(message, param=name) from None


def replace_multipart_field(body: bytes, content_type: str, name: str, new: str) -> bytes:
    """The same bytes with `new` in every form field `name`; the same object if nothing changes."""
    text = new.encode()
    pieces: list[bytes] = []
    done = 0
    for start, end in _fields(body, content_type, name):
        if body[start:end] != text:
            pieces += (body[done:start], text)
            done = end
    return b"".join((*pieces, body[done:])) if pieces else body


def _fields(body: bytes, content_type: str, name: str) -> list[Span]:
    """Where the contents of the parts called `name` start and end."""
    found: list[Span] = []
    for start, end in _parts(body, b"--" + _boundary(content_type)):
        blank = body.find(b"\r\n\r\n", start - 2, min(end, start + MOST_PART_HEADER_BYTES))
        if blank < 0:
            raise NotUnderstood("A part of the form has no header, or no end to it.")
        if name in _names_in(body[start:blank]):
            found.append(Span(blank + 4, end))
    return found


def _parts(body: bytes, delimiter: bytes) -> list[Span]:
    """Where each part, its headers included, starts and ends."""
    parts: list[Span] = []
    start: int | None = None
    closed = False
    at = body.find(delimiter)
    while at >= 0:
        line = _REST_OF_LINE.match(body, at + len(delimiter))
        if closed or line is None or not (at == 0 or body[at - 2 : at] == b"\r\n"):
            raise NotUnderstood("The form's boundary is found where it cannot be.")
        if start is not None:
            parts.append(Span(start, at - 2))
        if len(parts) > MOST_PARTS:
            raise NotUnderstood(f"The form has more than {MOST_PARTS} parts.")
        start = line.end()
        closed = line[1] is not None
        at = body.find(delimiter, start)
    if not closed:
        raise NotUnderstood("The form is not complete: its last boundary is missing.")
    return parts


def _boundary(content_type: str) -> bytes:
    media_type = content_type.partition(";")[0]
    if media_type.strip().lower() != "multipart/form-data":
        raise NotUnderstood("The request body is not a form (multipart/form-data).")
    boundaries = [text for name, text in _parameters(content_type) if name == "boundary"]
    if len(boundaries) != 1 or _BOUNDARY.fullmatch(boundaries[0]) is None:
        raise NotUnderstood("The content-type names no valid boundary for the form.")
    return boundaries[0].encode()


def _names_in(header: bytes) -> list[str]:
    """Every `name` in a part's content-disposition: whoever reads it next may take any of them."""
    names: list[str] = []
    for line in _FOLD.sub(b" ", header).split(b"\r\n"):
        if b"\r" in line or b"\n" in line:
            raise NotUnderstood("A line of a part's header does not end as it must.")
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-disposition":
            for name, text in _parameters(value.decode("utf-8", "replace")):
                if name == "name*":
                    raise NotUnderstood("A part of the form has a name that forms cannot have.")
                if name == "name":
                    names.append(text)
    return names


def _parameters(value: str) -> list[tuple[str, str]]:
    """The parameters of a header value: names in lower case, quotes and their escapes undone."""
    found: list[tuple[str, str]] = []
    for name, text in _PARAMETER.findall(value):
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        found.append((name.lower(), text))
    return found
