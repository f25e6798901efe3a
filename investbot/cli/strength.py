"""How hard a passphrase is to guess, estimated when it is set or used; nothing of it is kept anywhere.

The figure is that of NIST SP 800-63 (2006), appendix A, for passphrases that people choose: 4 bits for the first
character, 2 for each up to the eighth, 1.5 up to the twentieth, 1 beyond, and 6 more for capitals together with
characters that are no letters. Before it is counted, what guessing programs try first is taken out: runs of the same or
of neighbouring characters count as one, so does a part that is said again, and well-known passwords count as none.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from investbot.domain.errors import VaultError

FLOOR_BITS = 18.0
"""Below this a passphrase is refused: eight ordinary characters, the least that NIST SP 800-63B allows."""
GOOD_BITS = 36.0
"""From here on nobody is warned: four or five words, or twenty ordinary characters."""

_ROWS = ("abcdefghijklmnopqrstuvwxyz", "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_KNOWN = re.findall(
    r"\w+",
    "password passwort passphrase letmein welcome iloveyou admin administrator root changeme secret master dragon "
    "monkey football baseball princess sunshine shadow superman batman trustno hello freedom whatever starwars login "
    "investbot trading bitcoin ethereum satoshi hodl crypto default test user pass guest",
)
_LEET = str.maketrans("013457@$!", "oieastasi")
_LONGEST = 200
"""Characters that are looked at: no passphrase gets better than one of so many."""
_STEPS = ((1, 4.0), (8, 2.0), (20, 1.5))


def bits(passphrase: str) -> float:
    """Estimate the guesses a passphrase takes, as a power of two."""
    text = unicodedata.normalize("NFKC", passphrase)[:_LONGEST]
    left = _without_known(_without_repeats(_without_runs(text)))
    found, counted = 0.0, 0
    for until, each in _STEPS:
        step = max(0, min(len(left), until) - counted)
        found, counted = found + step * each, counted + step
    mixed = any(c.isupper() for c in left) and any(not c.isalpha() for c in left)
    return found + (len(left) - counted) + (6.0 if mixed else 0.0)


def demand_strong(passphrase: str, *, weak: bool) -> str:
    """Refuse a passphrase below the floor unless `weak` is meant; give a sentence of advice, or "". VaultError."""
    found = bits(passphrase)
    if found < FLOOR_BITS and not weak:
        raise VaultError(
            f"This passphrase is guessed too easily (about {found:.0f} bits, {FLOOR_BITS:.0f} are asked for): "
            "take four or five random words, or add --weak to use it all the same."
        )
    if found < GOOD_BITS:
        return f"the passphrase is easily guessed (about {found:.0f} bits); four or five random words are better."
    return ""


def _without_runs(text: str) -> str:
    """Let a run like aaaa, 1234, fedc or qwerty count as its first three characters."""
    steps = [_step(first, second) for first, second in pairwise(text)]
    runs = [steps[at] is not None and steps[at] == steps[at - 1] == steps[at - 2] for at in range(2, len(steps))]
    return text[:3] + "".join(letter for letter, run in zip(text[3:], runs, strict=True) if not run)


def _step(first: str, second: str) -> int | None:
    first, second = first.lower(), second.lower()
    if first == second:
        return 0
    for row in _ROWS:
        here, there = row.find(first), row.find(second)
        if here >= 0 <= there and abs(there - here) == 1:
            return there - here
    return None


def _without_repeats(text: str) -> str:
    """Let a part of three characters or more that is said again count as one character."""
    before = ""
    while text != before:
        before, text = text, re.sub(r"(?i)(.{3,})(.*?)\1", lambda found: f"{found[1]}{found[2]}.", text)
    return text


def _without_known(text: str) -> str:
    """Let a passphrase that is a well-known password with little around it count as what is around it."""
    plain = text.lower().translate(_LEET)
    squeezed = re.sub(r"[^a-z]", "", plain)
    for known in sorted(_KNOWN, key=len, reverse=True):
        if known in squeezed and len(squeezed) - len(known) <= 2:
            return text[len(known) :]
    return text
