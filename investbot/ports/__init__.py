"""Protocols of everything outside the engine."""
