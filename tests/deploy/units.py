"""Reads a systemd unit: a key may stand there several times, so each has a list of values."""

from __future__ import annotations

from collections.abc import Mapping

Unit = Mapping[str, Mapping[str, list[str]]]


def parse_unit(text: str) -> Unit:
    """Map section -> key -> values as systemd.syntax(7) has them; ValueError for a line that is neither."""
    found: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] | None = None
    for line in text.splitlines():
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
            continue
        key, equals, value = line.partition("=")
        if section is None or not equals or not key.isalnum():
            message = f"no line of a unit: {line}"
            raise ValueError(message)
        section.setdefault(key, []).append(value)
    return found
