"""How hard passphrases are to guess: what is refused, what is warned of, what passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.cli.strength import FLOOR_BITS, GOOD_BITS, bits, demand_strong
from investbot.domain.errors import VaultError


@pytest.mark.parametrize(
    ("passphrase", "expected"),
    [
        ("", 0),
        ("x", 4),
        ("kestrel", 16),
        ("kestrels", 18),
        ("two kestrels dive in", 36),
        ("two kestrels dive into", 38),
        ("Two kestrels dive in", 42),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", 8),
        ("12345678901234", 10),
        ("zyxwvutsrqponm", 8),
        ("poiuytrewq", 8),
        ("kestrelkestrel", 18),
        ("password", 0),
        ("Password1!", 6),
        ("P@ssw0rd", 0),
        ("investbot-1", 6),
    ],
)
def test_the_figure_of_the_standard_without_what_is_tried_first(passphrase: str, expected: float) -> None:
    assert bits(passphrase) == expected


@pytest.mark.parametrize("passphrase", ["", "test", "12345678", "qwertyuiop", "aaaaaaaaaaaaaaaaaaaa", "Password123"])
def test_what_is_tried_first_is_refused_unless_it_is_meant(passphrase: str) -> None:
    with pytest.raises(VaultError, match="--weak") as caught:
        demand_strong(passphrase, weak=False)
    assert passphrase == "" or passphrase not in str(caught.value)
    assert "easily guessed" in demand_strong(passphrase, weak=True)


def test_between_floor_and_good_there_is_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FLOOR_BITS <= bits("kestrels dive") < GOOD_BITS
    assert "four or five random words" in demand_strong("kestrels dive", weak=False)
    for good in ("two kestrels dive in", "9f86d081884c7d659a2feaa0c55ad015", "tangled otter violin harbour"):
        assert demand_strong(good, weak=False) == ""


def test_a_wide_letter_is_the_letter_that_the_vault_reads() -> None:
    assert bits("".join(chr(ord(letter) + 0xFEE0) for letter in "password")) == 0


@given(st.text(max_size=60))
def test_any_text_gets_a_figure_that_is_at_most_its_length_allows(text: str) -> None:
    assert bits("abc" * 1000) < FLOOR_BITS
    assert 0 <= bits(text) <= 2 * len(text) * 4 + 8
