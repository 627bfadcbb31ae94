"""Credentials of the clouds: more than one text, or none at all where the machine has them.

Secrets are references (`${NAME}`) like every other, are never shown, and are read here only for
their form: whether they are right is known when a provider is asked.
"""

import json
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from catalog.fields import Part


def _absent_if_empty(value: object) -> object:
    return None if value == "" else value


# `${NAME:-}` is empty where the variable is not set.
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_absent_if_empty)]
OptionalText = Annotated[str | None, BeforeValidator(_absent_if_empty)]

_CHAIN = "Use what this machine has: environment, files, metadata service, in the vendor's order."


class AwsKeys(Part):
    """Who signs: an access key, or AWS's usual chain."""

    access_key_id: OptionalSecret = Field(
        default=None, description="AKIA..., or ASIA... with a session token."
    )
    secret_access_key: OptionalSecret = Field(default=None, description="Its secret.")
    session_token: OptionalSecret = Field(
        default=None, description="Of temporary keys. Empty is the same as absent."
    )
    default_chain: bool = Field(default=False, description=_CHAIN)
    profile: OptionalText = Field(
        default=None, description="Profile of the chain, where it is not the default one."
    )

    @model_validator(mode="after")
    def _one_way(self) -> "AwsKeys":
        keys = (self.access_key_id, self.secret_access_key)
        if self.default_chain and (any(keys) or self.session_token):
            raise ValueError("give keys or default_chain, not both")
        if not self.default_chain and not all(keys):
            raise ValueError("give access_key_id and secret_access_key, or default_chain: true")
        if self.profile and not self.default_chain:
            raise ValueError("profile is for default_chain")
        return self


class GoogleKey(Part):
    """Whose tokens: a service account's key, or Google's usual chain."""

    key: OptionalSecret = Field(
        default=None, description="The key file's content in JSON, best as a reference."
    )
    key_file: OptionalText = Field(
        default=None,
        description="Absolute path of the key file on every machine with workers; read anew for "
        "each token.",
    )
    default_chain: bool = Field(default=False, description=_CHAIN)

    @field_validator("key")
    @classmethod
    def _check_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return None
        try:
            content = json.loads(key.get_secret_value())
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("type") != "service_account":
            raise ValueError("the content of a service account's key file, which is JSON")
        return key

    @model_validator(mode="after")
    def _one_way(self) -> "GoogleKey":
        given = (self.key is not None, self.key_file is not None, self.default_chain)
        if sum(given) != 1:
            raise ValueError("give one of key, key_file and default_chain: true")
        return self


class EntraClient(Part):
    """An application registered in Microsoft Entra, with its secret."""

    tenant: str = Field(
        pattern=r"^[A-Za-z0-9.-]{1,100}$", description="Id or domain of the directory."
    )
    client_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,100}$", description="Id of the application.")
    client_secret: SecretStr = Field(min_length=1, description="Its secret: the value, not the id.")
