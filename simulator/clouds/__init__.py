"""The three clouds, each under its own prefix, as strict about who asks as they are themselves.

    /aws      Amazon Bedrock: signatures of version 4, API keys, frames of an event stream
    /gcp      Google Vertex AI, and the token endpoint that it trusts
    /entra    Microsoft Entra's token endpoint
    /azure    Azure OpenAI and Foundry

Behind the prefix every path is the cloud's own. What they serve is what the other packages serve:
the same answers, scripts and rules, in the clouds' envelopes.
"""

from collections.abc import Callable

from simulator.call import Call, Endpoint
from simulator.clouds import azure, bedrock, entra, google_tokens, vertex
from simulator.clouds.config import CloudConfig
from simulator.clouds.tokens import TokenBook


class Clouds:
    """The clouds' endpoints and the tokens that they have handed out."""

    def __init__(self, config: CloudConfig) -> None:
        self.tokens = TokenBook(config.token_ttl_s)
        self._routes: dict[str, Callable[[Call, str], Endpoint | None]] = {
            "aws": bedrock.routes(config.aws),
            "gcp": vertex.routes(
                config.google, self.tokens, google_tokens.endpoint(config.google, self.tokens)
            ),
            "entra": entra.routes(config.entra, self.tokens),
            "azure": azure.routes(config.azure, self.tokens),
        }

    def route(self, call: Call) -> Endpoint | None:
        """The endpoint of a call behind one of the prefixes; None for all other paths."""
        cloud, _, rest = call.path.removeprefix("/").partition("/")
        found = self._routes.get(cloud)
        return None if found is None else found(call, f"/{rest}")
