"""What an exchange can do and by which words ccxt is told so: data out of capabilities.toml, no subclasses."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from investbot.domain.errors import ConfigError
from investbot.domain.market import Millis
from investbot.ports.trading import Capabilities

CLIENT, SCAN = "client", "scan"
PRICE_STREAMS = ("", "watch_ticker", "watch_bids_asks", "watch_trades")
"""By which methods of ccxt prices may come by websocket; "" where they are asked for."""


@dataclass(frozen=True, slots=True)
class Oddities:
    """One exchange as capabilities.toml tells it: what each word means stands there beside its default."""

    client_ids: bool
    client_id_length: int
    client_id_param: str
    stop_market: bool
    stop_limit: bool
    stop_param: str
    stop_client_id_param: str
    order_types: str
    stop_market_word: str
    stop_limit_word: str
    stops_apart: bool
    stop_child: str
    oco: bool
    ioc: bool
    market_buy: bool
    stop_limit_band: Decimal
    read_lag_ms: Millis
    window_ms: Millis
    lookup: str
    lookup_param: str
    lookup_lists: tuple[str, ...]
    cancel_param: str
    fills_from: str
    fills_newest_first: bool
    fills_page: int
    stream_by_symbol: bool
    nonces: bool
    candle_keys: bool
    candle_stream: bool
    candle_final: tuple[str, ...]
    price_stream: str
    price_params: Mapping[str, Any]
    revoked: tuple[str, ...]
    weight_per_minute: int
    weight_header: str
    weights: Mapping[str, int]

    @property
    def capabilities(self) -> Capabilities:
        """What of it the rest of the house has to know."""
        return Capabilities(
            client_ids=self.client_ids,
            client_id_length=self.client_id_length,
            stop_market=self.stop_market,
            stop_limit=self.stop_limit,
            oco=self.oco,
            ioc=self.ioc,
            stop_limit_band=self.stop_limit_band,
            read_lag_ms=self.read_lag_ms,
            window_ms=self.window_ms,
        )

    def on_market(self, info: object) -> Oddities:
        """Narrow it to one market, where that lists the kinds of order it takes."""
        kinds = info.get(self.order_types) if self.order_types and isinstance(info, Mapping) else None
        if not isinstance(kinds, list):
            return self
        return replace(
            self,
            stop_market=self.stop_market and self.stop_market_word in kinds,
            stop_limit=self.stop_limit and self.stop_limit_word in kinds,
        )

    def weight(self, asked: str) -> int:
        """Tell what one question costs, in the venue's units of its request limit."""
        return self.weights.get(asked, self.weights["default"])


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("capabilities.toml").read_text(encoding="utf-8"))


def known_exchanges() -> tuple[str, ...]:
    """Name the exchanges that have a table of their own."""
    return tuple(name for name in _tables() if name != "default")


def told_by_operator(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Find what an operator says that the venue can or cannot do: `options.capabilities` of `venue.ccxt`."""
    options = settings.get("options")
    told = options.get("capabilities") if isinstance(options, Mapping) else None
    return dict(told) if isinstance(told, Mapping) else {}


def oddities(name: str, **changes: Any) -> Oddities:
    """Tell what an exchange can do; `changes` (an operator's or a test's) win; ConfigError for a word not known."""
    unknown = sorted(changes.keys() - _tables()["default"].keys())
    if unknown:
        raise ConfigError(f"venue.ccxt.options.capabilities has no {unknown[0]}; take it out of the instance's file.")
    told = {**_tables()["default"], **_tables().get(name, {}), **changes}
    if "price_stream" in changes and "price_params" not in changes:
        told["price_params"] = {}  # those of the table are for its own method
    if told["price_stream"] not in PRICE_STREAMS:
        raise ConfigError(
            f"venue.ccxt.options.capabilities.price_stream is one of {', '.join(PRICE_STREAMS[1:])} or empty."
        )
    told["stop_limit_band"] = Decimal(str(told["stop_limit_band"]))
    for word in ("lookup_lists", "revoked", "candle_final"):
        told[word] = tuple(told[word])
    return Oddities(**told)
