"""How many tokens a request has, where nobody can be asked. Said to be one, never billed."""

from translators.canonical.request import Request


def estimate(request: Request) -> int:
    """Tokens of the whole input: system, turns, media, tools."""
    return 0
