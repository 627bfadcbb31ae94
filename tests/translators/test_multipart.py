"""The model's name in a form: read, renamed, and refused where parsers would disagree."""

import email.policy
from email.parser import BytesParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.edit import MOST_PARTS, multipart_field, replace_multipart_field
from translators.protocol import NotUnderstood

PNG = b'\x89PNG\r\n\x1a\n\r\n--not-a-boundary\r\n\r\nContent-Disposition: form-data; name="model"'
KIND = "multipart/form-data; boundary=XX"


def form(*parts: tuple[bytes, bytes]) -> bytes:
    """A form with the boundary XX from parts of header and content."""
    written = b"".join(b"--XX\r\n" + head + b"\r\n\r\n" + text + b"\r\n" for head, text in parts)
    return written + b"--XX--\r\n"


def named(name: bytes) -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"'


def as_httpx_writes_it(model: str) -> tuple[bytes, str]:
    """What the vendor's Python SDK sends for an image edit."""
    request = httpx.Request(
        "POST",
        "http://x/v1/images/edits",
        data={"model": model, "prompt": "a dot", "stream": "true"},
        files=[("image[]", ("a.png", PNG, "image/png")), ("mask", ("model", PNG, "image/png"))],
    )
    return request.read(), request.headers["content-type"]


def fields_as_python_reads_them(body: bytes, kind: str) -> dict[str, bytes]:
    message = BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(name, str) and isinstance(content, bytes)
        fields[name] = content
    return fields


def test_the_fields_of_an_sdks_form_are_read() -> None:
    body, kind = as_httpx_writes_it("gpt-image-1")
    assert multipart_field(body, kind, "model") == "gpt-image-1"
    assert multipart_field(body, kind, "stream") == "true"
    assert multipart_field(body, kind, "absent") is None


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.text("abc-./", max_size=20)
)
def test_only_the_model_changes_in_an_sdks_form(old: str, new: str) -> None:
    body, kind = as_httpx_writes_it(old)
    renamed = replace_multipart_field(body, kind, "model", new)
    assert multipart_field(renamed, kind, "model") == new
    if old == new:
        assert renamed is body
    head, found, tail = body.partition(b'name="model"\r\n\r\n' + old.encode() + b"\r\n--")
    assert found
    assert renamed == head + b'name="model"\r\n\r\n' + new.encode() + b"\r\n--" + tail
    before = fields_as_python_reads_them(body, kind)
    after = fields_as_python_reads_them(renamed, kind)
    assert set(before) == {"model", "prompt", "stream", "image[]", "mask"}
    assert {**before, "model": b""} == {**after, "model": b""}


@pytest.mark.parametrize(
    "header",
    [
        b'content-disposition:form-data;name="model"',
        b'CONTENT-DISPOSITION: form-data ; NAME = "model"',
        b"Content-Disposition: form-data; name=model",
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; filename="a; name=\\"b\\""; name="model"',
        b'Content-Disposition: form-data; name="mo\\del"',
        b'Content-Disposition: form-data;\r\n name="model"',
        b'Content-Disposition: form-data; name="other"; name="model"',
    ],
)
def test_a_field_is_found_however_its_header_is_written(header: bytes) -> None:
    body = form((header, b"a"), (named(b"prompt"), b"a"))
    assert multipart_field(body, KIND, "model") == "a"
    renamed = form((header, b"new"), (named(b"prompt"), b"a"))
    assert replace_multipart_field(body, KIND, "model", "new") == renamed


def test_every_one_of_several_models_is_renamed() -> None:
    body = form((named(b"model"), b"a"), (named(b"model"), b"b"))
    renamed = form((named(b"model"), b"new"), (named(b"model"), b"new"))
    assert multipart_field(body, KIND, "model") == "b"
    assert replace_multipart_field(body, KIND, "model", "new") == renamed


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/form-data; boundary="XX"',
        "Multipart/Form-Data;charset=utf-8;BOUNDARY=XX",
        "multipart/form-data; boundary=XX; x=y",
    ],
)
def test_a_content_type_may_be_written_in_many_ways(kind: str) -> None:
    assert multipart_field(form((named(b"model"), b"a")), kind, "model") == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"preamble\r\n" + form((named(b"model"), b"a")),
        form((named(b"model"), b"a")) + b"epilogue",
        form((named(b"model"), b"a"))[:-2],
        form((named(b"model"), b"a")).replace(b"--XX\r\n", b"--XX \t\r\n"),
        b"--XX\r\n\r\nno header\r\n" + form((named(b"model"), b"a")),
    ],
    ids=["preamble", "epilogue", "no last line end", "padding", "a part without header"],
)
def test_what_the_standard_allows_is_read(body: bytes) -> None:
    assert multipart_field(body, KIND, "model") == "a"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form((named(b"model"), b"a")), "multipart/form-data"),
        (form((named(b"model"), b"a")), "multipart/form-data; boundary="),
        (form((named(b"model"), b"a")), "multipart/form-data; boundary=XX; boundary=YY"),
        (form((named(b"model"), b"a")), 'multipart/form-data; boundary="X\r\nX"'),
        (form((named(b"model"), b"a")), f"multipart/form-data; boundary={'X' * 71}"),
        (form((named(b"model"), b"a")), "multipart/mixed; boundary=XX"),
        (form((named(b"model"), b"a")), "multipart/form-data; boundary=YY"),
        (b"", KIND),
        (b"--XX\r\n" + named(b"model") + b"\r\n\r\na", KIND),
        (form((named(b"model"), b"a"))[:-6], KIND),
        (form((named(b"model"), b"a")).replace(b"\r\n", b"\n"), KIND),
        (form((named(b"model"), b"a --XX\r\n")), KIND),
        (form((named(b"model"), b"a\n--XX\r\n" + named(b"model") + b"\r\n\r\nb")), KIND),
        (form((named(b"model"), b"a")) + form((named(b"model"), b"b")), KIND),
        (form((named(b"x"), b"a")) + b"X: y\r\n\r\nz\r\n" + form((named(b"model"), b"b")), KIND),
        (form((named(b"model"), b"a")).replace(b"--XX\r\n", b"--XXY\r\n"), KIND),
        (b"--XX\r\n--XX--\r\n", KIND),
        (b"--XX\r\nContent-Disposition: form-data\r\n--XX--\r\n", KIND),
        (form((named(b"x") + b"\n" + named(b"model"), b"a")), KIND),
        (form((b"Content-Disposition: form-data; name*=utf-8''model", b"a")), KIND),
        (form((named(b"model") + b"x" * 17_000, b"a")), KIND),
        (form(*[(named(b"a"), b"")] * (MOST_PARTS + 1)), KIND),
    ],
    ids=[
        "no boundary", "empty boundary", "two boundaries", "line end in boundary", "long boundary",
        "another type", "another boundary", "empty body", "not closed", "cut off", "bare LF",
        "boundary inside a line", "boundary behind LF", "parts behind the end",
        "parts behind the epilogue", "longer boundary",
        "no blank line", "no blank line but a header", "bare LF in a header",
        "a name in another encoding", "huge header", "too many parts",
    ],
)  # fmt: skip
def test_a_form_that_parsers_read_differently_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(NotUnderstood):
        multipart_field(body, kind, "model")
    with pytest.raises(NotUnderstood):
        replace_multipart_field(body, kind, "model", "new")


def test_a_model_that_is_no_text_is_refused() -> None:
    with pytest.raises(NotUnderstood) as refusal:
        multipart_field(form((named(b"model"), b"\xff")), KIND, "model")
    assert refusal.value.param == "model"


@given(
    st.binary(max_size=80)
    | st.lists(
        st.sampled_from([b"--XX", b"--", b"\r\n", b"\n", b" ", b"a", named(b"model")]), max_size=14
    ).map(b"".join)
)
def test_nonsense_is_refused_or_left_alone(body: bytes) -> None:
    try:
        renamed = replace_multipart_field(body, KIND, "model", "new")
        assert multipart_field(renamed, KIND, "model") in (None, "new")
    except NotUnderstood:
        return
