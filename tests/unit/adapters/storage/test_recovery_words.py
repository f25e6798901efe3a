"""A recovery key as words: the way there and back, and every slip of a hand seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.adapters.storage.recovery_words import WORDS, from_words, to_words
from investbot.domain.errors import DataError

KEY = bytes(range(32))
LETTERS = "bdfghjklmnprstvzaiou"


@given(st.binary(min_size=32, max_size=32))
def test_there_and_back(key: bytes) -> None:
    words = to_words(key)
    assert len(words) == WORDS
    assert {len(word) for word in words} == {5}
    assert from_words([word.upper() for word in words]) == key


def test_the_words_of_a_known_key_never_change() -> None:
    assert " ".join(to_words(KEY)) == (
        "babab bobak magag bobah jadum bavak fabuz fajis bosim kadol havih dumos "
        "bahad mohim hudaz mapur dimij rogaj binig gibuj ralap bupat lodud vudub"
    )


def test_every_wrong_letter_is_found_and_its_word_named() -> None:
    words, seen = to_words(KEY), 0
    for place, word in enumerate(words):
        for at, right in enumerate(word):
            for letter in set(LETTERS) - {right}:
                wrong = [*words[:place], word[:at] + letter + word[at + 1 :], *words[place + 1 :]]
                with pytest.raises(DataError, match=rf"^Word {place + 1} is mistyped"):
                    from_words(wrong)
                seen += 1
    assert seen == 24 * 5 * 19


def test_two_words_in_each_others_place_are_both_named() -> None:
    words = to_words(KEY)
    for first in range(WORDS):
        for second in range(first + 1, WORDS):
            wrong = words.copy()
            wrong[first], wrong[second] = wrong[second], wrong[first]
            with pytest.raises(DataError, match=rf"words {first + 1}, {second + 1} are mistyped or in the wrong"):
                from_words(wrong)


@pytest.mark.parametrize("count", [0, 1, 23, 25])
def test_too_few_or_too_many_words(count: int) -> None:
    with pytest.raises(DataError, match=f"has 24 words, and here are {count}"):
        from_words((to_words(KEY) * 2)[:count])


@pytest.mark.parametrize("word", ["", "baba", "babababa", "bäbab", "12345", "aaaaa"])
def test_what_is_no_word_is_named_by_number_and_not_repeated(word: str) -> None:
    with pytest.raises(DataError) as caught:
        from_words([*to_words(KEY)[:23], word])
    assert str(caught.value) == "Word 24 is mistyped or in the wrong place; look at what you wrote down."


def test_whole_words_of_another_key_do_not_mix() -> None:
    mine, other = to_words(KEY), to_words(KEY[::-1])
    refused = 0
    for place in range(WORDS):
        try:
            from_words([*mine[:place], other[place], *mine[place + 1 :]])
        except DataError as error:
            refused += "belong together" in str(error)
    assert refused >= 22  # the last check is eight bits wide; the vault's own seal is the one that decides
