"""Wyckoff's schematics: the phases of accumulation and distribution, told event by event."""
