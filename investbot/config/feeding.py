"""`[feed]` of investbot.toml: whether there is a feed, and what it keeps in the market cache by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from investbot.config.fields import Flag
from investbot.config.sections import Section
from investbot.domain.errors import UsageError
from investbot.domain.market import Timeframe

_PULL = re.compile(r"([a-z0-9_]+)\s+(\S+/\S+)\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Pull:
    """Candles of one venue (an exchange of ccxt), symbol and timeframe that are wanted even if nobody trades."""

    venue: str
    symbol: str
    timeframe: Timeframe

    def __str__(self) -> str:
        """Write it as an operator does."""
        return f"{self.venue} {self.symbol} {self.timeframe}"


def _pulls(value: object) -> tuple[Pull, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError('write a list, such as ["binance BTC/USDT 1h"].')  # noqa: TRY004  a ValueError is what the reader collects
    return tuple(dict.fromkeys(_pull(item) for item in value))


def _pull(item: object) -> Pull:
    if isinstance(item, Pull):
        return item
    match = _PULL.fullmatch(item.strip()) if isinstance(item, str) else None
    if match is None:
        raise ValueError(f"{item!r} is not a venue, a symbol and a timeframe, such as binance BTC/USDT 1h.")
    try:
        return Pull(match[1], match[2], Timeframe.parse(match[3]))
    except UsageError as error:
        raise ValueError(str(error)) from None


class FeedPart(Section):
    """`[feed]`: one process follows public candles for all instances; `pulls` are kept beside what they trade."""

    enabled: Flag = True
    pulls: Annotated[
        tuple[Pull, ...], PlainValidator(_pulls), PlainSerializer(lambda pulls: [str(pull) for pull in pulls])
    ] = ()
