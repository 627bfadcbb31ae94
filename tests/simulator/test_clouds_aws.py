"""The simulator's own signature check and frames, held to what AWS publishes.

The signatures are those of AWS's Signature Version 4 test suite (aws4_testsuite); the frames those
of aws-c-event-stream's tests.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from simulator.clouds import frames, sigv4
from simulator.clouds.config import AwsKey

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
STAMP = "20150830T123600Z"
THEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfI"
    "eoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0"
    "wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDry"
    "pNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

# name, method, path, query, headers, body, signature
SUITE: list[tuple[str, str, str, str, Mapping[str, str], bytes, str]] = [
    (
        "get-vanilla", "GET", "/", "", {}, b"",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "post-vanilla", "POST", "/", "", {}, b"",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        "get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", {}, b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-query-order-key", "GET", "/", "Param1=value2&Param1=Value1", {}, b"",
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    (
        "get-header-value-trim", "GET", "/", "",
        {"my-header1": "value1", "my-header2": '"a   b   c"'}, b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "get-unreserved", "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", {}, b"",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    (
        "post-x-www-form-urlencoded", "POST", "/", "",
        {"content-type": "application/x-www-form-urlencoded"}, b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    (
        "post-sts-header-before", "POST", "/", "", {"x-amz-security-token": TOKEN}, b"",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
]  # fmt: skip


def asked(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    signature: str,
    scope: str = "20150830/us-east-1/service",
) -> sigv4.Asked:
    whole = {"host": "example.amazonaws.com", "x-amz-date": STAMP, **headers}
    names = ";".join(sorted(whole))
    shown = f"Credential=AKIDEXAMPLE/{scope}/aws4_request, SignedHeaders={names}"
    whole["authorization"] = f"AWS4-HMAC-SHA256 {shown}, Signature={signature}"
    return sigv4.Asked(method, path, query, whole, body)


def judged(
    request: sigv4.Asked, token: str | None = None, now: datetime = THEN, *, expired: bool = False
) -> str:
    """What is wrong with it, by AWS's name; empty where nothing is."""
    key = AwsKey(
        access_key_id="AKIDEXAMPLE", secret_access_key=SECRET, session_token=token, expired=expired
    )
    try:
        sigv4.check(request, {"AKIDEXAMPLE": key}, "us-east-1", "service", now)
    except sigv4.NotSigned as wrong:
        return wrong.name
    return ""


@pytest.mark.parametrize("case", SUITE, ids=lambda case: str(case[0]))
def test_what_aws_signed_is_accepted_and_one_byte_more_is_not(
    case: tuple[str, str, str, str, Mapping[str, str], bytes, str],
) -> None:
    _, method, path, query, headers, body, signature = case
    token = headers.get("x-amz-security-token")
    assert judged(asked(method, path, query, headers, body, signature), token) == ""
    longer = asked(method, path, query, headers, body + b" ", signature)
    assert judged(longer, token) == "InvalidSignatureException"
    elsewhere = asked(method, path + "x", query, headers, body, signature)
    assert judged(elsewhere, token) == "InvalidSignatureException"


VANILLA = SUITE[0]


def vanilla(scope: str = "20150830/us-east-1/service") -> sigv4.Asked:
    _, method, path, query, headers, body, signature = VANILLA
    return asked(method, path, query, headers, body, signature, scope)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_off_by_more_than_five_minutes_is_refused(minutes: int) -> None:
    assert judged(vanilla(), now=THEN + timedelta(minutes=minutes / 6 * 4)) == ""
    late = judged(vanilla(), now=THEN + timedelta(minutes=minutes))
    assert late == "InvalidSignatureException"


@pytest.mark.parametrize(
    "scope",
    ["20150831/us-east-1/service", "20150830/eu-west-1/service", "20150830/us-east-1/bedrock"],
)
def test_a_signature_for_another_day_region_or_service_is_refused(scope: str) -> None:
    assert judged(vanilla(scope)) == "InvalidSignatureException"


def test_a_temporary_key_needs_its_token_and_has_an_end() -> None:
    assert judged(vanilla(), token="the-token") == "UnrecognizedClientException"
    assert judged(vanilla(), expired=True) == "ExpiredTokenException"


def test_every_amz_header_must_be_signed() -> None:
    request = vanilla()
    more = sigv4.Asked(
        request.method, request.path, "", {**request.headers, "x-amz-more": "1"}, b""
    )
    assert judged(more) == "InvalidSignatureException"


def test_an_escaped_path_is_escaped_once_more() -> None:
    """Every service but S3: a model's id with a colon is %3A on the wire and %253A in the text."""
    request = sigv4.Asked("POST", "/model/a%3A0/invoke", "", {"host": "h"}, b"")
    assert sigv4.canonical_request(request, ["host"]).split("\n")[1] == "/model/a%253A0/invoke"


def test_frames_are_those_of_aws() -> None:
    empty = bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff".replace(" ", ""))
    assert frames.message({}, b"") == empty
    plain = frames.message({}, b"{'foo':'bar'}")
    assert plain[:12] == bytes.fromhex("0000001d00000000fd528c5a")
    assert plain[-4:] == bytes.fromhex("c3653936")
    one = frames.message({"content-type": "application/json"}, b"{'foo':'bar'}")
    assert one[:12] == bytes.fromhex("0000003d0000002007fd8396")
    assert one[-4:] == bytes.fromhex("8d9c08b1")
