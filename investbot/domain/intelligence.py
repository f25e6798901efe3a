"""What the world outside thinks of a market: items with a bias, how sure they are, and for how long they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from investbot.domain.errors import DataError, UsageError
from investbot.domain.market import DAY, MINUTE, Millis
from investbot.domain.times import parse_rfc3339

EVERYWHERE = "*"
"""The symbol of an item that is about the whole market."""
LONGEST_LIFE: Millis = 30 * DAY
AHEAD: Millis = MINUTE
"""How far the clock of a source may be ahead of ours; what is published later than that is refused."""
LONGEST_NAME, LONGEST_TEXT = 64, 200
_LAST: Millis = 253_402_300_799_999
"""The end of the year 9999, after which RFC 3339 knows no moment."""
_KEYS = ("source", "symbol", "bias", "confidence", "published_at", "expires_at", "id", "text")


@dataclass(frozen=True, slots=True)
class IntelligenceItem:
    """One opinion of the world outside about a symbol (`*`: about all); made by `checked`, which knows what can be.

    `bias` from -1 (falls) to 1 (rises), `confidence` 0..1, moments in milliseconds UTC. `item_id` tells it from all
    others of its source; `text` is what a human reads.
    """

    source: str
    symbol: str
    bias: float
    confidence: float
    published_at: Millis
    expires_at: Millis
    item_id: str
    text: str = ""

    def weight(self, at: Millis) -> float:
        """Say what it weighs at a moment: its confidence when published, falling evenly to 0 at its end."""
        left = (self.expires_at - at) / (self.expires_at - self.published_at)
        return self.confidence * min(1.0, max(0.0, left))

    def concerns(self, symbol: str) -> bool:
        """Tell whether it is about `symbol`."""
        return self.symbol in {symbol, EVERYWHERE}


@dataclass(frozen=True, slots=True)
class IntelligenceHeard:
    """An item of the world outside became known, at the moment it was received."""

    at: Millis
    item: IntelligenceItem


@dataclass(frozen=True, slots=True)
class IntelligenceRefused:
    """A source of intelligence gave something that changes nothing, and why."""

    at: Millis
    source: str
    reason: str


def unfit(item: IntelligenceItem) -> str | None:
    """Say in a sentence why a value is no item; None where it is one."""
    texts = (("source", item.source, LONGEST_NAME), ("symbol", item.symbol, LONGEST_NAME))
    for name, text, longest in (*texts, ("id", item.item_id, LONGEST_TEXT)):
        if not text or len(text) > longest or not text.isprintable():
            return f"The {name} of an item is 1 to {longest} printable characters."
    if not (isfinite(item.bias) and -1.0 <= item.bias <= 1.0):
        return f"The bias of an item lies within -1 and 1, not at {item.bias!r}."
    if not (isfinite(item.confidence) and 0.0 <= item.confidence <= 1.0):
        return f"The confidence of an item lies within 0 and 1, not at {item.confidence!r}."
    if not 0 <= item.published_at < item.expires_at <= min(item.published_at + LONGEST_LIFE, _LAST):
        return "An item expires after it was published, and within 30 days."
    return None if item.text == clean(item.text) else f"The text of an item is one line of {LONGEST_TEXT} characters."


def checked(item: IntelligenceItem) -> IntelligenceItem:
    """Give an item that is one; DataError, in one sentence, for a value that is none."""
    flaw = unfit(item)
    if flaw is not None:
        raise DataError(flaw)
    return item


def made_id(published_at: Millis, bias: float, text: str) -> str:
    """Name an item whose source gave it no name: the same content has the same one."""
    return f"{published_at}/{bias:g}/{clean(text)}"[:LONGEST_TEXT]


def clean(text: str) -> str:
    """Make one short printable line of somebody's text."""
    return " ".join("".join(each if each.isprintable() else " " for each in text[: 10 * LONGEST_TEXT]).split())[
        :LONGEST_TEXT
    ]


def timely(item: IntelligenceItem, at: Millis) -> str | None:
    """Say why an item is none at a moment (milliseconds UTC): of the future, or over; None where it counts."""
    if item.published_at > at + AHEAD:
        return f"An item of {item.source} is published in the future."
    if item.expires_at <= at:
        return f"An item of {item.source} has expired."
    return None


def read_item(values: object, source: str = "", life: Millis | None = None) -> IntelligenceItem:
    """Read an item as JSON has it; moments as RFC 3339 text or milliseconds UTC.

    `source` is whose it is where it does not say, `life` (milliseconds) how long it counts where it does not say.
    DataError, in one sentence, for anything else.
    """
    if not isinstance(values, Mapping):
        raise DataError("An item is a JSON object with source, symbol, bias, confidence, published_at and expires_at.")
    unknown = [str(key)[:32] for key in values if key not in _KEYS]
    if unknown:
        raise DataError(f"An item has no {unknown[0]!r}; it has {', '.join(_KEYS)}.")
    published_at = read_moment(values.get("published_at"), "published_at")
    ends = values.get("expires_at")
    expires_at = published_at + life if ends is None and life is not None else read_moment(ends, "expires_at")
    bias = read_number(values.get("bias"), "bias")
    text = clean(_text(values.get("text", ""), "text"))
    item = IntelligenceItem(
        source=_text(values.get("source", source), "source"),
        symbol=_text(values.get("symbol", EVERYWHERE), "symbol"),
        bias=bias,
        confidence=read_number(values.get("confidence"), "confidence"),
        published_at=published_at,
        expires_at=expires_at,
        item_id=_text(values.get("id", ""), "id") or made_id(published_at, bias, text),
        text=text,
    )
    return checked(item)


def read_number(value: Any, name: str) -> float:
    """Read a finite number, or a text that is one; DataError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise DataError(f"The {name} of an item is a number.")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number):
        raise DataError(f"The {name} of an item is a number.")
    return number


def read_moment(value: Any, name: str) -> Millis:
    """Read RFC 3339 text or whole milliseconds UTC; DataError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_rfc3339(_text(value, name))
    except UsageError:
        raise DataError(f"The {name} of an item is a moment such as 2026-01-02T03:04:05Z.") from None


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"The {name} of an item is a text.")
    return value
