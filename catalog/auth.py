"""How a provider wants to be shown who asks: a fixed header, or one that is made for each request.

`bearer`, `raw` and `none` are known when the catalog is loaded. The three of the clouds are not:
`aws_sigv4` signs every request, the other two send a token that lives for an hour. For these the
catalog says who we are (`Identity`), and the data plane makes the header.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from catalog.credentials import AwsKeys, EntraClient, GoogleKey
from catalog.fields import HeaderName, Part

AuthName = Literal[
    "bearer",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "none",
    "aws_sigv4",
    "google_service_account",
    "azure_entra",
]
CloudScheme = Literal["aws_sigv4", "google_service_account", "azure_entra"]

CLOUD_SCHEMES: dict[str, str] = {
    "aws_sigv4": "aws",
    "google_service_account": "google",
    "azure_entra": "entra",
}
"""Schemes whose header is made at request time, and the account's field that each one needs."""

GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"
_SCOPES = {"google_service_account": GOOGLE_SCOPE, "azure_entra": ENTRA_SCOPE}
ENTRA_TOKEN_URL = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"


class Auth(Part):
    """Which header carries the credential, and how it is made."""

    header: HeaderName = Field(
        default="authorization", description="Header that carries the credential, in lower case."
    )
    scheme: Literal["bearer", "raw", "none", CloudScheme] = Field(
        default="raw",
        description="bearer: `Bearer <credential>`; raw: the credential alone; none: no header; "
        "aws_sigv4: the request is signed; google_service_account, azure_entra: a token.",
    )
    service: str = Field(
        default="bedrock",
        pattern=r"^[a-z0-9-]{1,64}$",
        description="aws_sigv4: the service that the signature is for.",
    )
    scope: str | None = Field(
        default=None,
        min_length=1,
        description="What a token is asked for. Default: Google's cloud-platform, Azure's "
        "https://cognitiveservices.azure.com/.default.",
    )
    token_url: str | None = Field(
        default=None,
        pattern=r"^https?://[!-~]+$",
        description="Where tokens are had, where it is not the vendor's usual place: national "
        "clouds, a proxy. For azure_entra `{tenant}` stands for the account's.",
    )

    @model_validator(mode="after")
    def _fits(self) -> "Auth":
        if self.scheme not in _SCOPES and (self.scope or self.token_url):
            raise ValueError("scope and token_url are for google_service_account and azure_entra")
        if self.scheme in CLOUD_SCHEMES and self.header != "authorization":
            raise ValueError(f"{self.scheme} uses the header authorization")
        return self

    def pair(self, credential: str) -> tuple[str, str] | None:
        """(name, value) of the header; None when this auth sends none, or none that is fixed."""
        match self.scheme:
            case "bearer":
                return self.header, f"Bearer {credential}"
            case "raw":
                return self.header, credential
            case _:
                return None

    @property
    def needs(self) -> str | None:
        """The account's field that it needs: credential, or a cloud's own; None for none."""
        if self.scheme == "none":
            return None
        return CLOUD_SCHEMES.get(self.scheme, "credential")


_NAMED: dict[str, dict[str, str]] = {
    "bearer": {"header": "authorization", "scheme": "bearer"},
    "x-api-key": {"header": "x-api-key", "scheme": "raw"},
    "x-goog-api-key": {"header": "x-goog-api-key", "scheme": "raw"},
    "api-key": {"header": "api-key", "scheme": "raw"},
    "none": {"header": "authorization", "scheme": "none"},
    **{scheme: {"scheme": scheme} for scheme in CLOUD_SCHEMES},
}


def _auth(value: Any) -> Any:
    if isinstance(value, str):
        if value not in _NAMED:
            raise ValueError(f"one of {', '.join(_NAMED)}, or a mapping with header and scheme")
        return _NAMED[value]
    return value


AuthField = Annotated[Auth, BeforeValidator(_auth, json_schema_input_type=AuthName | Auth)]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are at a provider whose header is made at request time. Two that are equal may share
    a token, also across catalogs. `secret` is kept out of its repr."""

    account: str
    scheme: str  # of CLOUD_SCHEMES
    secret: AwsKeys | GoogleKey | EntraClient = field(repr=False)
    region: str = ""  # aws_sigv4
    service: str = ""  # aws_sigv4
    scope: str = ""
    token_url: str | None = None


def identity(
    auth: Auth, account: str, secret: AwsKeys | GoogleKey | EntraClient, region: str
) -> Identity:
    """The identity of an account under a cloud's scheme."""
    if auth.scheme == "aws_sigv4":
        return Identity(account, auth.scheme, secret, region=region, service=auth.service)
    return Identity(
        account,
        auth.scheme,
        secret,
        scope=auth.scope or _SCOPES[auth.scheme],
        token_url=auth.token_url,
    )
