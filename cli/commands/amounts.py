"""Amounts as operators write and read them, US dollars; inside, integers of micro-USD."""

import getpass
from decimal import Decimal, InvalidOperation

from cli.output import OperatorError

MICRO = 1_000_000


def usd(micro: int | None) -> str | None:
    """Micro-dollars as dollars, without a float in between."""
    if micro is None:
        return None
    whole, rest = divmod(abs(micro), MICRO)
    text = f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if micro < 0 else text


def money(micro: int | None) -> str | None:
    """The same in a table: at least two decimals, so that columns line up."""
    if micro is None:
        return None
    whole, _, rest = (usd(micro) or "").partition(".")
    return f"{whole}.{rest:0<2}"


def micro_usd(text: str) -> int:
    """`12.50`, `1`, `0.000001`: a whole number of micro-dollars above zero. Or OperatorError."""
    wrong = OperatorError(f"{text!r} is no amount: write US dollars, such as 12.50.")
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise wrong from None
    if not amount.is_finite() or abs(amount.adjusted()) > 20:
        raise wrong
    micro = amount * MICRO
    if micro != micro.to_integral_value() or micro <= 0:
        raise wrong
    return int(micro)


def actor() -> str:
    """Who is at this command line, for entries."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without a name
        return "cli"
