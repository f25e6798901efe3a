"""What every source is told: whose items they are, whom they concern, how sure they are and how long they count."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from investbot.domain.errors import DataError
from investbot.domain.intelligence import (
    EVERYWHERE,
    LONGEST_TEXT,
    IntelligenceItem,
    checked,
    clean,
    made_id,
    read_moment,
    timely,
)
from investbot.domain.market import Millis
from investbot.ports.intelligence import Answer

MOST_ITEMS = 200
"""Items of one answer that are looked at, the first ones."""
_SECONDS_UNTIL = 100_000_000_000
"""A moment below this number is in seconds (until the year 5138), one above in milliseconds."""
_NUMBER = re.compile(r"\d{1,16}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one source: `confidence` 0..1, `life` in milliseconds, `max_bytes` bounds an answer, unfolded."""

    name: str
    symbols: tuple[str, ...] = (EVERYWHERE,)
    confidence: float = 0.5
    life: Millis = 86_400_000
    every_s: float = 900.0
    timeout_s: float = 10.0
    max_bytes: int = 1 << 20

    def item(
        self,
        symbol: str,
        bias: float,
        published_at: Millis | None,
        now: Millis,
        *,
        confidence: float | None = None,
        name: str = "",
        text: str = "",
    ) -> IntelligenceItem:
        """Make an item; one without a moment of its own counts from `now` on, and once while it lasts. DataError."""
        at = now if published_at is None else published_at
        line = clean(text)
        given = clean(name) or (f"-/{bias:g}/{line}"[:LONGEST_TEXT] if published_at is None else "")
        item = IntelligenceItem(
            source=self.name,
            symbol=symbol,
            bias=bias,
            confidence=self.confidence if confidence is None else confidence,
            published_at=at,
            expires_at=at + self.life,
            item_id=given or made_id(at, bias, line),
            text=line,
        )
        return checked(item)


def collected(
    rows: Sequence[Any], now: Millis, read: Callable[[Any], Iterable[IntelligenceItem]], most: int = MOST_ITEMS
) -> Answer:
    """Read the rows of an answer one by one: those that cannot be used are told of, those that are over left out."""
    items: list[IntelligenceItem] = []
    left_out: list[str] = []
    for row in rows[:most]:
        try:
            found = list(read(row))
        except DataError as error:
            left_out.append(str(error))
            continue
        for item in found:
            late = timely(item, now)
            if late is None:
                items.append(item)
            elif item.expires_at > now:
                left_out.append(late)
    return Answer(tuple(items), tuple(left_out))


def moment_of(value: Any) -> Millis:
    """Read RFC 3339 text, or seconds or milliseconds since the epoch as a number or a text; DataError."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        text = float(text)
    if isinstance(text, float | int) and not isinstance(text, bool) and math.isfinite(text):
        return int(text * 1000 if abs(text) < _SECONDS_UNTIL else text)
    return read_moment(text, "moment")
