"""Moments as RFC 3339 text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.domain.errors import UsageError
from investbot.domain.times import parse_rfc3339, rfc3339


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
        (1_767_323_045_000, "2026-01-02T03:04:05Z"),
        (1_767_323_045_007, "2026-01-02T03:04:05.007Z"),
    ],
)
def test_a_moment_is_told_in_utc_without_empty_milliseconds(at: int, text: str) -> None:
    assert rfc3339(at) == text
    assert parse_rfc3339(text) == at


@given(st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999))
def test_every_moment_comes_back(at: int) -> None:
    assert parse_rfc3339(rfc3339(at)) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02", 1_767_312_000_000),
        ("2026-01-02T03:04:05", 1_767_323_045_000),
        ("2026-01-02T04:04:05+01:00", 1_767_323_045_000),
    ],
)
def test_dates_and_other_zones_are_read(text: str, at: int) -> None:
    assert parse_rfc3339(text) == at


def test_other_text_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="'yesterday' is not a moment"):
        parse_rfc3339("yesterday")
