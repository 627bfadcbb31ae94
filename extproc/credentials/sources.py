"""Which source an identity has."""

from catalog import Identity
from catalog.credentials import AwsKeys, EntraClient
from extproc.credentials.aws import AwsSource
from extproc.credentials.entra import EntraSource
from extproc.credentials.google import GoogleSource
from extproc.credentials.source import Source


def source_of(identity: Identity) -> Source:
    secret = identity.secret
    if isinstance(secret, AwsKeys):
        return AwsSource(identity, secret)
    if isinstance(secret, EntraClient):
        return EntraSource(identity, secret)
    return GoogleSource(identity, secret)
