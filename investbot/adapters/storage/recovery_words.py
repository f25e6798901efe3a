"""A recovery key as 24 words that a hand can copy: each says itself when it was written wrongly.

The 256 bits and the first byte of their SHA-256 make 24 times 11 bits. A word is five letters, consonants and vowels in
turn, and holds 16 bits (proquints: D. S. Wilkerson, arXiv:0901.4016): 11 of the key, and 5 to check them, CRC-5 with
x⁵+x²+1 combined with the word's place. One wrong letter and a word in another word's place are therefore always found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from investbot.domain.errors import DataError

WORDS = 24
KEY_BYTES = 32
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_BITS, _CHECK_BITS, _POLYNOMIAL = 11, 5, 0b100101


def to_words(key: bytes) -> list[str]:
    """Write a key of 32 bytes as 24 words."""
    number = int.from_bytes(key + hashlib.sha256(key).digest()[:1], "big")
    parts = [number >> _BITS * (WORDS - 1 - place) & (1 << _BITS) - 1 for place in range(WORDS)]
    return [_word(part << _CHECK_BITS | _check(part, place)) for place, part in enumerate(parts)]


def from_words(words: Sequence[str]) -> bytes:
    """Read 24 words; DataError, which names a wrong word by its number only."""
    if len(words) != WORDS:
        raise DataError(f"A recovery key has {WORDS} words, and here are {len(words)}.")
    wrong = [str(place + 1) for place, word in enumerate(words) if not _fits(word.lower(), place)]
    if wrong:
        told = f"Word {wrong[0]} is" if len(wrong) == 1 else f"The words {', '.join(wrong)} are"
        raise DataError(f"{told} mistyped or in the wrong place; look at what you wrote down.")
    number = 0
    for word in words:
        number = number << _BITS | _value(word.lower()) >> _CHECK_BITS
    raw = number.to_bytes(KEY_BYTES + 1, "big")
    if hashlib.sha256(raw[:KEY_BYTES]).digest()[:1] != raw[KEY_BYTES:]:
        raise DataError("These words do not belong together; look at what you wrote down.")
    return raw[:KEY_BYTES]


def _word(value: int) -> str:
    letters = (_CONSONANTS[value >> 12], _VOWELS[value >> 10 & 3], _CONSONANTS[value >> 6 & 15])
    return "".join((*letters, _VOWELS[value >> 4 & 3], _CONSONANTS[value & 15]))


def _value(word: str) -> int:
    c, v = _CONSONANTS.index, _VOWELS.index
    return c(word[0]) << 12 | v(word[1]) << 10 | c(word[2]) << 6 | v(word[3]) << 4 | c(word[4])


def _fits(word: str, place: int) -> bool:
    kinds = (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _CONSONANTS)
    if len(word) != len(kinds) or any(letter not in kind for letter, kind in zip(word, kinds, strict=True)):
        return False
    value = _value(word)
    return value & (1 << _CHECK_BITS) - 1 == _check(value >> _CHECK_BITS, place)


def _check(part: int, place: int) -> int:
    """Divide in GF(2): a degree-5 polynomial with a constant term leaves no burst of up to 5 bits unseen."""
    rest = part << _CHECK_BITS
    for bit in reversed(range(_CHECK_BITS, _BITS + _CHECK_BITS)):
        if rest >> bit & 1:
            rest ^= _POLYNOMIAL << bit - _CHECK_BITS
    return rest ^ place
