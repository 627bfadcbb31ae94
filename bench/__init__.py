"""Measurements against the floor (a processor that decides nothing) and against peers."""
