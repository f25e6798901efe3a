"""Opinions: pure functions from a market view to a signal, one a file."""
