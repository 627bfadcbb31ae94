"""Providers and the accounts we hold with them: where to send a request and what to sign it with.

A provider is an address, the surfaces it serves and how it is shown who asks; most of it comes from
a preset. An account is one credential at a provider, with a pool, a weight and the limits it was
sold with.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, field_validator
from pydantic.json_schema import SkipJsonSchema

from catalog.address import Address, split_url
from catalog.auth import Auth, AuthField, Identity, identity
from catalog.credentials import AwsKeys, EntraClient, GoogleKey
from catalog.fields import HeaderName, Name, Part, RateLimits
from catalog.surfaces import Surface, home
from catalog.upstream_health import Health
from catalog.variables import filled, names, sample
from catalog.wires import API_VERSION, Wire, WireName, wire_of

BasePath = Annotated[
    str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~%:@+{}-]+)*$", max_length=200)
]

REGION = "region"  # the variable that a signature of aws_sigv4 is made for
VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
VariableValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,100}$")]


ModelsPath = Annotated[str, StringConstraints(pattern=r"^/[!-~]{0,199}$")]


class Endpoint(Part):
    """One surface of a provider."""

    base_path: BasePath = Field(
        description="What stands before /messages, /chat/completions, /responses, /models/..., "
        "/images/... or /embeddings at this provider: /v1, /openai/v1, /v1beta, or empty. "
        "`{name}` stands for a variable."
    )
    auth: AuthField | None = Field(
        default=None,
        description="Key header of this surface, where it differs from the provider's.",
    )
    wire: WireName = Field(
        default="plain",
        description="How requests and answers are wrapped there, where it is not the surface's own "
        "way.",
    )
    betas: tuple[str, ...] | None = Field(
        default=None,
        description="Flags of `anthropic-beta` that this provider knows; others are left out and "
        "reported. Default: all pass.",
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
        default="",
        description="http(s)://host[:port][/prefix]; may be left to the preset. `{name}` stands "
        "for a variable.",
    )
    base_urls: dict[VariableValue, str] = Field(
        default_factory=dict,
        description="Addresses for single values of the variable in base_url, where they do not "
        "follow it: {global: https://...}.",
    )
    variables: dict[VariableName, VariableValue] = Field(
        default_factory=dict,
        description="What `{name}` stands for in base_url and base paths: {region: eu-west-1}.",
    )
    surfaces: dict[Surface, EndpointField] = Field(
        default_factory=dict,
        description="What it serves: surface to base path (or a mapping with base_path and auth). "
        "Written here, it replaces the preset's surfaces.",
    )
    auth: AuthField = Field(
        default_factory=lambda: Auth(header="authorization", scheme="bearer"),
        description="Key header: bearer, x-api-key, x-goog-api-key, api-key, none; a cloud's way: "
        "aws_sigv4, google_service_account, azure_entra; or a mapping.",
    )
    models_path: ModelsPath | None = Field(
        default=None,
        description="Path of the model list after the base URL; default: the preset's, else "
        "/models under the first surface's base path.",
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
    health: Health = Field(
        default_factory=Health, description="What Envoy watches of its host, and how."
    )

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        if url:
            split_url(sample(url))
        return url

    @field_validator("base_urls")
    @classmethod
    def _check_base_urls(cls, urls: dict[str, str]) -> dict[str, str]:
        for url in urls.values():
            split_url(url)
        return urls

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
        return self.address_for({})

    def address_for(self, own: Mapping[str, str]) -> Address:
        """The address of an account with variables of its own."""
        values = {**self.variables, **own}
        for name in names(self.base_url):
            if (special := self.base_urls.get(values[name])) is not None:
                return split_url(special)
        return split_url(filled(self.base_url, values))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The variables that it needs."""
        paths = (endpoint.base_path for endpoint in self.surfaces.values())
        found = [name for text in (self.base_url, *paths) for name in names(text)]
        if any(self.auth_of(surface).scheme == "aws_sigv4" for surface in self.surfaces):
            found.append(REGION)
        if any(endpoint.wire == "azure_deployments" for endpoint in self.surfaces.values()):
            found.append(API_VERSION)
        return tuple(dict.fromkeys(found))

    @property
    def cluster(self) -> str:
        """Name of its Envoy cluster."""
        return f"provider_{self.name}"

    def upstream_path(self, surface: Surface, rest: str) -> str:
        """Path at the provider: `rest` is what follows the version segment, with its slash."""
        base = filled(self.surfaces[surface].base_path, self.variables)
        return self.address.prefix + base + rest

    def model_list(self, own: Mapping[str, str]) -> str:
        """Path of the model list, after the address's own prefix, for an account with variables of
        its own."""
        path = self.models_path or self.surfaces[home(self.surfaces)].base_path + "/models"
        return filled(path, {**self.variables, **own})

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
    def needs(self) -> frozenset[str]:
        """The fields of an account that its surfaces need: credential, aws, google, entra."""
        needed = {self.auth_of(surface).needs for surface in self.surfaces}
        return frozenset(name for name in needed if name is not None)

    @property
    def needs_credential(self) -> bool:
        """Whether an account must be declared."""
        return bool(self.needs)


class Account(Part):
    """One credential at a provider."""

    name: SkipJsonSchema[Name] = Field(description="The key in `accounts`.")
    provider: str = Field(description="Name of the provider it belongs to.")
    credential: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The key, best as a reference, ${ANTHROPIC_API_KEY}. Not for auth none.",
    )
    aws: AwsKeys | None = Field(default=None, description="For auth aws_sigv4.")
    google: GoogleKey | None = Field(default=None, description="For auth google_service_account.")
    entra: EntraClient | None = Field(default=None, description="For auth azure_entra.")
    variables: dict[VariableName, VariableValue] = Field(
        default_factory=dict,
        description="Variables of this account alone, over the provider's: another region, "
        "another project.",
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

    def own_address(self, provider: Provider) -> Address | None:
        """Its address, where it is not its provider's: it then has an Envoy cluster of its own."""
        if self.base_url is not None:
            return split_url(self.base_url)
        own = provider.address_for(self.variables) if self.variables else provider.address
        return own if own != provider.address else None

    @property
    def cluster(self) -> str:
        """Name of its own Envoy cluster, where it has one."""
        return f"account_{self.name}"

    def base_path(self, provider: Provider, surface: Surface) -> str:
        """What stands before the surface's own path."""
        values = {**provider.variables, **self.variables}
        return filled(provider.surfaces[surface].base_path, values)

    def wire(self, provider: Provider, surface: Surface) -> Wire | None:
        """How requests are wrapped on a surface; None where they pass as they are."""
        endpoint = provider.surfaces[surface]
        values = {**provider.variables, **self.variables}
        return wire_of(endpoint.wire, endpoint.betas, values)

    def identity(self, provider: Provider, surface: Surface) -> Identity | None:
        """Who it is there, where the header is made at request time."""
        auth = provider.auth_of(surface)
        secret = {"aws": self.aws, "google": self.google, "entra": self.entra}.get(auth.needs or "")
        if secret is None:
            return None
        region = self.variables.get(REGION) or provider.variables.get(REGION, "")
        return identity(auth, self.name, secret, region)
