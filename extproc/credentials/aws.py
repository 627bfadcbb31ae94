"""AWS: requests signed by Signature Version 4, by botocore's signer and, where the operator wants
it, with botocore's chain of credentials.

botocore is imported when the first such account is kept: it takes some 17 MB and 0.3 s, and most
gateways have no use for it. Static keys are asked for nothing. The chain is looked at every minute
in a thread, where botocore renews temporary keys well before they end.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import asyncio
from typing import TYPE_CHECKING, Any

from extproc.credentials.source import CredentialError, Grant
from extproc.vouching import Outgoing

if TYPE_CHECKING:
    from catalog import Identity
    from catalog.credentials import AwsKeys

LOOK_EVERY_S = 60.0
# How long a look at the chain counts. botocore gives no keys with less than ten minutes left.
COUNTS_FOR_S = 540.0


class Signature:
    """Signs requests with keys that do not change."""

    def __init__(self, keys: Any, service: str, region: str) -> None:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        self._signer = SigV4Auth(keys, service, region)
        self._request = AWSRequest

    def headers(self, request: Outgoing) -> dict[str, str]:
        """`authorization`, `x-amz-date` and, for temporary keys, `x-amz-security-token`.

        Signed are the host, the content type and what begins with x-amz-, which AWS insists on.
        """
        scheme = "https" if request.is_tls else "http"
        signed = self._request(
            method=request.method,
            url=f"{scheme}://{request.authority}{request.path}",
            data=request.body,
            headers={
                name: value
                for name, value in request.headers.items()
                if name == "content-type" or name.startswith("x-amz-")
            },
        )
        self._signer.add_auth(signed)
        lower = {name.lower(): str(value) for name, value in signed.headers.items()}
        return {name: lower[name] for name in _OURS if name in lower}


_OURS = ("authorization", "x-amz-date", "x-amz-security-token")


class AwsSource:
    """Keys of the catalog, or of this machine."""

    def __init__(self, identity: "Identity", keys: "AwsKeys") -> None:
        self._identity = identity
        self._keys = keys
        self._chain: Any = None

    async def fetch(self) -> Grant:
        keys = self._keys
        if keys.default_chain:
            found = await asyncio.to_thread(self._from_chain)
            return Grant(self._signature(found), COUNTS_FOR_S, LOOK_EVERY_S)
        assert keys.access_key_id is not None and keys.secret_access_key is not None
        from botocore.credentials import Credentials

        token = keys.session_token
        static = Credentials(
            keys.access_key_id.get_secret_value(),
            keys.secret_access_key.get_secret_value(),
            token.get_secret_value() if token is not None else None,
        )
        return Grant(self._signature(static), None, None)

    def _signature(self, keys: Any) -> Signature:
        return Signature(keys, self._identity.service, self._identity.region)

    def _from_chain(self) -> Any:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        try:
            if self._chain is None:
                self._chain = Session(profile=self._keys.profile).get_credentials()
            if self._chain is None:
                raise CredentialError("AWS's chain of credentials has none")
            return self._chain.get_frozen_credentials()
        except (BotoCoreError, OSError, ValueError) as error:
            raise CredentialError(f"AWS's chain of credentials: {type(error).__name__}") from None
