"""Tokens and signatures for upstream accounts whose credential is not a fixed header."""

from extproc.credentials.keeper import Keeper

__all__ = ["Keeper"]
