"""Which seeds a simulation runs: a few in every test run, many or one by `make simulate`."""

import os
from collections.abc import Sequence


def seeds(usual: int) -> Sequence[int]:
    """SEED replays one, SEEDS runs so many; else the usual ones."""
    if one := os.environ.get("SEED"):
        return (int(one),)
    return range(int(os.environ.get("SEEDS") or usual))
