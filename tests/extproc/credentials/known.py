"""Identities for tests, and what the clouds of a simulator must know of them."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

ACCESS_KEY, SECRET_KEY = "AKIDCLAVISTESTS", "the-secret-of-an-access-key"
SESSION_KEY, SESSION_TOKEN = "ASIACLAVISTESTS", "the-token-of-a-session"
BEDROCK_API_KEY = "bedrock-api-key-of-the-operator"
TENANT, CLIENT_ID, CLIENT_SECRET = "contoso.test", "1-2-3-4", "the-secret-of-an-application"
AZURE_API_KEY = "azure-key-of-the-operator"
PROJECT, REGION = "our-project", "eu-west-1"
EMAIL = "gateway@our-project.iam.gserviceaccount.com"

SECRETS = (SECRET_KEY, SESSION_TOKEN, BEDROCK_API_KEY, CLIENT_SECRET, AZURE_API_KEY)


@dataclass(frozen=True)
class GoogleAccountKey:
    """A service account's key file, and what the other side knows of it."""

    private: str = field(repr=False)
    public: str
    kid: str

    @property
    def file(self) -> dict[str, str]:
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self.kid,
            "private_key": self.private,
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
        }


@cache
def google_key(kid: str = "first") -> GoogleAccountKey:
    made = generate_private_key(65537, 2048)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return GoogleAccountKey(private.decode(), public.decode(), kid)


def cloud_config(token_ttl_s: float = 3600) -> dict[str, Any]:
    """What --clouds of the simulator takes."""
    key = google_key()
    return {
        "token_ttl_s": token_ttl_s,
        "aws": {
            "region": REGION,
            "keys": [
                {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY},
                {
                    "access_key_id": SESSION_KEY,
                    "secret_access_key": SECRET_KEY,
                    "session_token": SESSION_TOKEN,
                },
                {
                    "access_key_id": "ASIAEXPIRED",
                    "secret_access_key": SECRET_KEY,
                    "session_token": SESSION_TOKEN,
                    "expired": True,
                },
            ],
            "api_keys": [BEDROCK_API_KEY],
        },
        "google": {
            "projects": [PROJECT],
            "accounts": [
                {"client_email": EMAIL, "private_key_id": key.kid, "public_key": key.public}
            ],
        },
        "entra": [{"tenant": TENANT, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}],
        "azure": {"api_keys": [AZURE_API_KEY]},
    }


def written(directory: Path, token_ttl_s: float = 3600) -> Path:
    """The file for --clouds."""
    path = directory / "clouds.json"
    path.write_text(json.dumps(cloud_config(token_ttl_s)))
    return path
