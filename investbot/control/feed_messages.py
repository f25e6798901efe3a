"""The messages of the feed's socket, strict like those of the control socket; a market's settings hold no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from investbot.control.messages import Message, NoArgs, Request, parse
from investbot.domain.errors import UsageError
from investbot.domain.market import Bar, Candle, Millis, Timeframe

Symbol = Annotated[str, StringConstraints(min_length=3, max_length=64)]
Frame = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}[smhdw]$")]
MOST_SYMBOLS = 64
"""Symbols one subscription may name."""
_LONGEST_SETTINGS = 1 << 14
_SECRET = re.compile(r"secret|apikey|passw|passphrase|privatekey|authorization|cookie|twofa|^token$|^login$|^uid$")
_USERINFO = re.compile(r"://[^/\s]*@")


class Market(Message):
    """A public market as ccxt is told of it; two that differ in any setting are two markets."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    settings: dict[str, Any] = Field(default_factory=dict)
    sandbox: bool = False

    def key(self) -> str:
        """Write it as one text that tells markets apart."""
        return json.dumps([self.name, self.sandbox, self.settings], sort_keys=True, separators=(",", ":"))

    @staticmethod
    def named(key: str) -> str:
        """Tell the venue's name out of such a text, and that it is a sandbox."""
        name, sandbox, _ = json.loads(key)
        return f"{name} (sandbox)" if sandbox else str(name)


class SubscribeArgs(NoArgs):
    """Which candles are wanted as they close; `also` are timeframes to keep in the cache without telling them."""

    market: Market
    symbols: list[Symbol] = Field(min_length=1, max_length=MOST_SYMBOLS)
    timeframe: Frame
    also: list[Frame] = Field(default_factory=list, max_length=8)


class CandlesArgs(NoArgs):
    """The candles of one stream that opened at or after `since`, milliseconds UTC."""

    stream: int = Field(ge=0)
    since: int


class PricesArgs(NoArgs):
    """The streams whose symbols' prices are wanted from now on, and no others; none of them: no prices."""

    streams: list[Annotated[int, Field(ge=0)]] = Field(max_length=MOST_SYMBOLS)


FEED_VERBS: dict[str, type[NoArgs]] = {
    "ping": NoArgs,
    "state": NoArgs,
    "subscribe": SubscribeArgs,
    "candles": CandlesArgs,
    "prices": PricesArgs,
}
"""Every verb of the feed with the shape of its arguments."""


def parse_feed_args(request: Request) -> NoArgs:
    """Read the arguments of a request; UsageError for an unknown verb, wrong arguments, or a secret among them."""
    model = FEED_VERBS.get(request.verb)
    if model is None:
        raise UsageError(f"The feed knows no verb {request.verb!r}; it knows {', '.join(FEED_VERBS)}.")
    args = parse(model, request.args)
    if isinstance(args, SubscribeArgs):
        demand_public(args.market.settings)
    return args


def demand_public(settings: Mapping[str, Any]) -> None:
    """Refuse settings that hold what could be a secret, or are too long to be honest; UsageError."""
    named = _secret_in(settings)
    if named is not None:
        raise UsageError(f"The feed takes no secret, and {named} looks like one; it is for the instance alone.")
    try:
        length = len(json.dumps(settings, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise UsageError("The settings of a market must be plain values.") from None
    if length > _LONGEST_SETTINGS:
        raise UsageError(f"The settings of a market are longer than the {_LONGEST_SETTINGS} bytes allowed.")


def _secret_in(value: object, name: str = "it") -> str | None:
    """Name the first key that could be a secret, or whose address has a user's name in it; None where there is none."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            plain = str(key).lower().replace("_", "").replace("-", "")
            found = str(key) if _SECRET.search(plain) else _secret_in(item, str(key))
            if found is not None:
                return found
        return None
    if isinstance(value, list | tuple):
        return next((found for item in value if (found := _secret_in(item, name)) is not None), None)
    return name if isinstance(value, str) and _USERINFO.search(value) else None


def row_of(candle: Candle) -> list[Any]:
    """Write a candle: opening time (ms UTC), four prices as decimal text (quote per base), volume (base)."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    return [candle.opened_at, *(format(price, "f") for price in prices), candle.bar.volume]


def candle_of(row: list[Any], symbol: str, timeframe: Timeframe) -> Candle:
    """Read what `row_of` wrote."""
    at, *told, volume = row
    opened_at: Millis = int(at)
    opened, high, low, close = (Decimal(price) for price in told)
    bar = Bar(float(opened), float(high), float(low), float(close), float(volume))
    return Candle(symbol, timeframe, opened_at, opened, high, low, close, bar)
