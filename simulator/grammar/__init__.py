"""Which fields a provider knows and of which kind they are: checked from tables, told as one
problem.

The tables (*.json) are read from the vendors' own SDK types; tests/simulator/sdk_grammar.py writes
them and a test keeps them current. This package knows no provider's wording: it says where and what
is wrong, and each provider's `validate` says it in the provider's words.
"""

from simulator.grammar.check import Problem
from simulator.grammar.load import Grammar, load

__all__ = ["Grammar", "Problem", "load"]
