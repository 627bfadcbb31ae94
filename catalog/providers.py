"""Providers and the accounts we hold with them: where to send a request and what to sign it with.

A provider is an address, the surfaces it serves and the header its keys travel in; most of it comes
from a preset. An account is one credential at a provider, with a pool, a weight and the limits it
was sold with.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, field_validator
from pydantic.json_schema import SkipJsonSchema

from catalog.address import Address, split_url
from catalog.fields import HeaderName, Name, Part, RateLimits
from catalog.surfaces import Surface

AuthName = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "none"]


class Auth(Part):
    """Which header carries the credential, and how it is written there."""

    header: HeaderName = Field(
        default="authorization", description="Header that carries the credential, in lower case."
    )
    scheme: Literal["bearer", "raw", "none"] = Field(
        default="raw",
        description="bearer: `Bearer <credential>`; raw: the credential alone; none: no header.",
    )

    def pair(self, credential: str) -> tuple[str, str] | None:
        """(name, value) of the header; None when this auth sends none."""
        match self.scheme:
            case "bearer":
                return self.header, f"Bearer {credential}"
            case "raw":
                return self.header, credential
            case "none":
                return None


_NAMED: dict[str, dict[str, str]] = {
    "bearer": {"header": "authorization", "scheme": "bearer"},
    "x-api-key": {"header": "x-api-key", "scheme": "raw"},
    "x-goog-api-key": {"header": "x-goog-api-key", "scheme": "raw"},
    "api-key": {"header": "api-key", "scheme": "raw"},
    "none": {"header": "authorization", "scheme": "none"},
}


def _auth(value: Any) -> Any:
    if isinstance(value, str):
        if value not in _NAMED:
            raise ValueError(f"one of {', '.join(_NAMED)}, or a mapping with header and scheme")
        return _NAMED[value]
    return value


AuthField = Annotated[Auth, BeforeValidator(_auth, json_schema_input_type=AuthName | Auth)]

BasePath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~%:@+-]+)*$", max_length=200)]


class Endpoint(Part):
    """One surface of a provider."""

    base_path: BasePath = Field(
        description="What stands before /messages, /chat/completions, /responses, /models/..., "
        "/images/... or /embeddings at this provider: /v1, /openai/v1, /v1beta, or empty."
    )
    auth: AuthField | None = Field(
        default=None,
        description="Key header of this surface, where it differs from the provider's.",
    )


def _endpoint(value: Any) -> Any:
    return {"base_path": value} if isinstance(value, str) else value


EndpointField = Annotated[
    Endpoint, BeforeValidator(_endpoint, json_schema_input_type=BasePath | Endpoint)
]


class Tls(Part):
    """How an https provider is verified, where the system's trust store and the host do not do."""

    ca_file: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file of trusted authorities instead of the system's.",
    )
    server_name: str | None = Field(
        default=None,
        min_length=1,
        description="Name for SNI and for the certificate check instead of the base URL's host.",
    )


class Provider(Part):
    """An upstream: one Envoy cluster."""

    name: SkipJsonSchema[Name] = Field(description="The key in `providers`.")
    preset: str | None = Field(
        default=None, description="Name of a preset that supplies whatever is not written here."
    )
    base_url: str = Field(
        default="", description="http(s)://host[:port][/prefix]; may be left to the preset."
    )
    surfaces: dict[Surface, EndpointField] = Field(
        default_factory=dict,
        description="What it serves: surface to base path (or a mapping with base_path and auth). "
        "Written here, it replaces the preset's surfaces.",
    )
    auth: AuthField = Field(
        default_factory=lambda: Auth(header="authorization", scheme="bearer"),
        description="Key header: bearer, x-api-key, x-goog-api-key, api-key, none, or a mapping.",
    )
    headers: dict[HeaderName, SecretStr] = Field(
        default_factory=dict, description="Further headers sent with every request. Never shown."
    )
    tls: Tls = Field(default_factory=Tls, description="Certificate checks of an https provider.")
    prices: str | None = Field(
        default=None,
        description="Whose list prices count, as genai-prices calls the provider; `none` for no "
        "price. Default: the preset's, else recognised by the base URL.",
    )

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        if url:
            split_url(url)
        return url

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for value in headers.values():
            if not all(" " <= character <= "~" for character in value.get_secret_value()):
                raise ValueError("header values without line ends or non-ASCII characters")
        return headers

    @property
    def address(self) -> Address:
        """The base URL, taken apart."""
        return split_url(self.base_url)

    @property
    def cluster(self) -> str:
        """Name of its Envoy cluster."""
        return f"provider_{self.name}"

    def upstream_path(self, surface: Surface, rest: str) -> str:
        """Path at the provider: `rest` is what follows the version segment, with its slash."""
        return self.address.prefix + self.surfaces[surface].base_path + rest

    def auth_of(self, surface: Surface | None = None) -> Auth:
        """The auth of a surface, or the provider's own."""
        endpoint = self.surfaces.get(surface) if surface else None
        return endpoint.auth if endpoint and endpoint.auth else self.auth

    def auth_header(
        self, credential: SecretStr | str | None, surface: Surface | None = None
    ) -> tuple[str, str] | None:
        """(name, value) of the key header; None without a credential or where none is sent."""
        if credential is None:
            return None
        text = credential if isinstance(credential, str) else credential.get_secret_value()
        return self.auth_of(surface).pair(text)

    @property
    def needs_credential(self) -> bool:
        """Whether some surface sends a key header."""
        return any(self.auth_of(surface).scheme != "none" for surface in self.surfaces)


class Account(Part):
    """One credential at a provider."""

    name: SkipJsonSchema[Name] = Field(description="The key in `accounts`.")
    provider: str = Field(description="Name of the provider it belongs to.")
    credential: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The key, best as a reference, ${ANTHROPIC_API_KEY}. Not for auth none.",
    )
    optional: bool = Field(
        default=False, description="Leave the account out when a variable that it names is not set."
    )
    pool: Name = Field(
        default="default", description="Accounts of one provider and pool share the load."
    )
    weight: int = Field(
        default=1, ge=0, le=1_000_000, description="Share within the pool; 0 takes no new requests."
    )
    limits: RateLimits = Field(
        default_factory=RateLimits, description="What the provider allows this account."
    )
    base_url: str | None = Field(
        default=None,
        description="Address of this account alone, where it differs from the provider's.",
    )

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str | None) -> str | None:
        if url is not None:
            split_url(url)
        return url

    @field_validator("credential")
    @classmethod
    def _check_credential(cls, credential: SecretStr | None) -> SecretStr | None:
        text = credential.get_secret_value() if credential else "x"
        if not all("!" <= character <= "~" for character in text):
            raise ValueError("a header value without blanks, line ends or non-ASCII characters")
        return credential

    @property
    def cluster(self) -> str | None:
        """Name of its own Envoy cluster; None when it uses its provider's."""
        return f"account_{self.name}" if self.base_url else None
