"""Whom the clouds know: a JSON file for --clouds. Everything that is not in it is refused."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AwsKey(_Closed):
    """An access key. With `session_token` it is temporary; `expired`: its time is over."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expired: bool = False


class Aws(_Closed):
    region: str = "eu-west-1"
    keys: tuple[AwsKey, ...] = ()
    api_keys: tuple[str, ...] = ()


class GoogleAccount(_Closed):
    """A service account; `public_key` is the PEM text of its key's public half."""

    client_email: str
    private_key_id: str
    public_key: str


class Google(_Closed):
    projects: tuple[str, ...] = ()
    accounts: tuple[GoogleAccount, ...] = ()


class EntraApplication(_Closed):
    tenant: str
    client_id: str
    client_secret: str


class Azure(_Closed):
    api_keys: tuple[str, ...] = ()


class CloudConfig(_Closed):
    token_ttl_s: float = 3600
    aws: Aws = Aws()
    google: Google = Google()
    entra: tuple[EntraApplication, ...] = ()
    azure: Azure = Azure()


def load(path: Path) -> CloudConfig:
    """The file. Raises pydantic's ValidationError."""
    return CloudConfig.model_validate_json(path.read_bytes())
