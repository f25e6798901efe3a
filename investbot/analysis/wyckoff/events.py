"""The words of the two schematics, and how sure a spring is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from investbot.domain.market import Millis

VOLUME = 1.5
"""Times the average of the 20 bars before from which on volume counts as high."""


class Schematic(StrEnum):
    """A range that ends a fall, or one that ends a rise."""

    ACCUMULATION = "accumulation"
    DISTRIBUTION = "distribution"


class Phase(StrEnum):
    """A stops the trend, B builds the cause, C tests, D shows who won, E leaves the range."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    NONE = "none"


class Name(StrEnum):
    """What happens in a schematic; the words of a fall's end, then those of a rise's end that differ."""

    PRELIMINARY_SUPPORT = "PS"
    SELLING_CLIMAX = "SC"
    AUTOMATIC_RALLY = "AR"
    SECONDARY_TEST = "ST"
    UPTHRUST = "UT"
    SHAKEOUT = "shakeout"
    SPRING = "spring"
    TEST = "test"
    SIGN_OF_STRENGTH = "SOS"
    LAST_POINT_OF_SUPPORT = "LPS"
    MARKUP = "markup"
    FAILURE = "failure"
    PRELIMINARY_SUPPLY = "PSY"
    BUYING_CLIMAX = "BC"
    AUTOMATIC_REACTION = "automatic reaction"
    MINOR_SIGN_OF_WEAKNESS = "mSOW"
    UPTHRUST_AFTER_DISTRIBUTION = "UTAD"
    SIGN_OF_WEAKNESS = "SOW"
    LAST_POINT_OF_SUPPLY = "LPSY"
    MARKDOWN = "markdown"


MIRRORED = {
    Name.PRELIMINARY_SUPPORT: Name.PRELIMINARY_SUPPLY,
    Name.SELLING_CLIMAX: Name.BUYING_CLIMAX,
    Name.AUTOMATIC_RALLY: Name.AUTOMATIC_REACTION,
    Name.SECONDARY_TEST: Name.SECONDARY_TEST,
    Name.UPTHRUST: Name.MINOR_SIGN_OF_WEAKNESS,
    Name.SHAKEOUT: Name.UPTHRUST,
    Name.SPRING: Name.UPTHRUST_AFTER_DISTRIBUTION,
    Name.TEST: Name.TEST,
    Name.SIGN_OF_STRENGTH: Name.SIGN_OF_WEAKNESS,
    Name.LAST_POINT_OF_SUPPORT: Name.LAST_POINT_OF_SUPPLY,
    Name.MARKUP: Name.MARKDOWN,
    Name.FAILURE: Name.FAILURE,
}
"""What an event of accumulation is called where prices are turned round."""


@dataclass(frozen=True, slots=True)
class WyckoffEvent:
    """One event: the `phase` after it, its `price` (quote per base), the bar's volume as a multiple of the average.

    `support` and `resistance` are the range so far (quote per base; NaN while unknown). `confidence` 0..1 is that the
    range ends the trend before it; `at` is the bar it happened at, `known_at` the bar by which it was certain.
    """

    schematic: Schematic
    name: Name
    phase: Phase
    price: float
    volume_ratio: float
    support: float
    resistance: float
    confidence: float
    at: Millis
    known_at: Millis


def spring_confidence(depth_atr: float, volume_ratio: float) -> float:
    """Say how sure a spring is before its test: 0.5..0.6, or 0.6..0.75 on more than 1.5 times the average volume.

    Within the band the shallower one is surer: full at no depth, the lower end from 2 ATR on.
    """
    shallow = 1.0 - min(1.0, max(0.0, depth_atr) / 2.0)
    return 0.6 + 0.15 * shallow if volume_ratio > VOLUME else 0.5 + 0.1 * shallow


def held_confidence(place: float) -> float:
    """Say how sure a spring is once a quiet test held above it: 0.9..1.0 by the test's place in the range, 0..1."""
    return 0.9 + 0.1 * min(1.0, max(0.0, place))
