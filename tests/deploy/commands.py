"""Holds a command line that a file of another program names against what InvestBot has."""

from __future__ import annotations

from collections.abc import Sequence

from tests.docs.manual import Entry, entries

EVERYWHERE = frozenset({"--home", "--passphrase-file", "--json", "--quiet", "--debug"})
_ENTRIES: dict[tuple[str, ...], Entry] = {entry.path: entry for entry in entries()}


def wrong_with(words: Sequence[str]) -> list[str]:
    """Name what of `words`, a line behind `investbot`, is not in the program; nothing when all of it is."""
    paths = [tuple(words[:length]) for length in (2, 1) if tuple(words[:length]) in _ENTRIES]
    if not paths:
        return [f"no command: {' '.join(words)}"]
    known = {name.strip() for names, _ in _ENTRIES[paths[0]].options for name in names.split(",")} | EVERYWHERE
    return [f"no option of {paths[0][0]}: {word}" for word in words if word.startswith("-") and word not in known]
