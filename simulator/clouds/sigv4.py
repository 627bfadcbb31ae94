"""AWS Signature Version 4, judged as AWS does: computed anew from the request as it came.

Written from the published algorithm; no code of AWS's SDKs is used.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from simulator.clouds.config import AwsKey

MAX_SKEW = timedelta(minutes=5)
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/ ]+)/(?P<day>\d{8})/(?P<region>[^/ ]+)/"
    r"(?P<service>[^/ ]+)/aws4_request, *SignedHeaders=(?P<names>[a-z0-9;-]+), *"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_UNRESERVED = "-._~"


class NotSigned(Exception):
    """AWS's name for what is wrong, and its sentence."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came over the wire. `path` and `query` are not decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def check(
    asked: Asked, keys: Mapping[str, AwsKey], region: str, service: str, now: datetime
) -> None:
    """Raises NotSigned unless one of these keys signed exactly this request just now."""
    found = _HEADER.fullmatch(asked.headers.get("authorization", ""))
    if found is None:
        raise NotSigned("IncompleteSignatureException", "Authorization header is not complete.")
    stamp = asked.headers.get("x-amz-date", "")
    _check_scope(found, stamp, region, service, now)
    key = keys.get(found["key"])
    if key is None or key.session_token != asked.headers.get("x-amz-security-token"):
        said = "The security token included in the request is invalid."
        raise NotSigned("UnrecognizedClientException", said)
    if key.expired:
        said = "The security token included in the request is expired"
        raise NotSigned("ExpiredTokenException", said)
    names = found["names"].split(";")
    must = {"host", *(name for name in asked.headers if name.startswith("x-amz-"))}
    if not must <= set(names) or names != sorted(names):
        said = "'Host' and every 'x-amz-' header must be a 'SignedHeader' in the request."
        raise NotSigned("InvalidSignatureException", said)
    text = string_to_sign(canonical_request(asked, names), stamp, region, service)
    expected = sign(key.secret_access_key, text, stamp[:8], region, service)
    if not hmac.compare_digest(expected, found["signature"]):
        said = (
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method."
        )
        raise NotSigned("InvalidSignatureException", said)


def _check_scope(
    found: "re.Match[str]", stamp: str, region: str, service: str, now: datetime
) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        said = "Date must be in ISO-8601 'basic format'."
        raise NotSigned("IncompleteSignatureException", said) from None
    if abs(now - signed_at) > MAX_SKEW:
        said = f"Signature expired: {stamp} is now earlier than {now:%Y%m%dT%H%M%SZ} (- 5 min.)"
        raise NotSigned("InvalidSignatureException", said)
    scope = (found["day"], found["region"], found["service"])
    if scope != (stamp[:8], region, service):
        said = f"Credential should be scoped to a valid region and to service: '{service}'."
        raise NotSigned("InvalidSignatureException", said)


def canonical_request(asked: Asked, names: list[str]) -> str:
    """The request in its one form. The path of every service but S3 is encoded a second time."""
    lines = [
        asked.method,
        quote(asked.path or "/", safe="/" + _UNRESERVED),
        _canonical_query(asked.query),
        *(f"{name}:{' '.join(asked.headers.get(name, '').split())}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(asked.body).hexdigest(),
    ]
    return "\n".join(lines)


def _canonical_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    encoded = sorted(
        (quote(unquote(name), safe=_UNRESERVED), quote(unquote(value), safe=_UNRESERVED))
        for name, _, value in pairs
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def string_to_sign(canonical: str, stamp: str, region: str, service: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"AWS4-HMAC-SHA256\n{stamp}\n{stamp[:8]}/{region}/{service}/aws4_request\n{digest}"


def sign(secret: str, text: str, day: str, region: str, service: str) -> str:
    """The signature: a key derived for the day, the region and the service, then an HMAC."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()
