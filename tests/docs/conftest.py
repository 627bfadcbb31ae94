"""The gateway that the examples of the pages are run against."""

from tests.e2e.conftest import shared, upstream

__all__ = ["shared", "upstream"]
