"""One exchange of ccxt with keys: made, sent to the sandbox where that is wanted, silenced, and closed.

ccxt never tries again by itself here, writes no log, waits for no limit of its own, and hands on numbers as text.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import ssl
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from investbot.adapters.venues.ccxt.failures import demand_json, failures
from investbot.adapters.venues.ccxt.loader import exchange_class, make_exchange
from investbot.adapters.venues.ccxt.market_list import MarketList
from investbot.adapters.venues.ccxt.secrecy import Keys
from investbot.domain.errors import AuthFailed, ConfigError, DataError

LONGEST_SILENCE_MS = 15_000
"""Milliseconds between two pings of a private stream; two that are missed end it."""
_NO_CONTENT = 204


async def trading_exchange(name: str, settings: Mapping[str, Any], keys: Keys, *, sandbox: bool) -> Any:
    """Make the exchange off the event loop; ConfigError for settings or a sandbox it has not, AuthFailed for keys."""
    exchange = await asyncio.to_thread(_make, name, settings, keys, sandbox=sandbox)
    if exchange.verify:
        exchange.ssl_context = await asyncio.to_thread(ssl.create_default_context, cafile=exchange.cafile)
    return exchange


async def load_trading_markets(exchange: Any, symbols: Iterable[str], listing: MarketList | None = None) -> None:
    """Load the markets of `symbols`, whole, for ccxt composes orders out of them; what ccxt raises passes.

    DataError for a symbol the venue lacks; VenueUnavailable for a list without markets.
    """
    wanted = set(symbols)
    found, _ = await (listing or MarketList(None, lambda: 0)).load(exchange, wanted)
    for symbol in sorted(wanted - {market["symbol"] for market in found}):
        raise DataError(f"{exchange.id} has no market {symbol}: see market.symbols.")
    exchange.set_markets(found)
    exchange.currencies = Currencies(exchange.currencies)


class Currencies(dict[str, Any]):
    """The currencies of the markets traded, and a plain entry for any other.

    News of the account name others too (a human's market, a fee in a third coin), and ccxt ends the socket's reader
    without a word over one that it does not know.
    """

    def __missing__(self, code: str) -> dict[str, Any]:
        return {"id": code, "code": code, "precision": None, "networks": {}}


def private_stream(exchange: Any) -> bool:
    """Tell whether the exchange tells own orders or trades by websocket."""
    return bool(exchange.has.get("watchOrders") or exchange.has.get("watchMyTrades"))


def _make(name: str, settings: Mapping[str, Any], keys: Keys, *, sandbox: bool) -> Any:
    own = {**settings, **keys.values(), "number": str, "enableRateLimit": False, "verbose": False}
    own["logger"] = _silence()
    try:
        streaming = stream_class(name)
        exchange = make_exchange(name, own, spot=True) if streaming is None else streaming(own)
        _only_spot(exchange, settings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        kind = type(error).__name__
        raise ConfigError(f"The settings in venue.ccxt are not what {name} takes ({keys.clean(kind)}).") from None
    exchange.options["maxRetriesOnFailure"] = 0
    exchange.streaming["keepAlive"] = min(exchange.streaming.get("keepAlive") or LONGEST_SILENCE_MS, LONGEST_SILENCE_MS)
    exchange.enableLastHttpResponse = False
    demand_json(exchange)
    _judge_emptiness(exchange)
    if sandbox:
        to_sandbox(exchange, settings)
    _check_keys(exchange, keys)
    return exchange


def stream_class(name: str) -> Any:
    """Load the one class of ccxt.pro, or None; it looks for its parents as attributes of `ccxt.async_support`."""
    base = exchange_class(name)
    for parent in base.__mro__:
        if parent.__module__.startswith("ccxt.async_support.") and ".base." not in parent.__module__:
            sys.modules["ccxt.async_support"].__dict__[parent.__name__] = parent
    if "ccxt.pro" not in sys.modules:
        package = importlib.util.find_spec("ccxt.pro")
        if package is None:
            return None
        sys.modules["ccxt.pro"] = importlib.util.module_from_spec(package)
        sys.modules["ccxt"].__dict__["pro"] = sys.modules["ccxt.pro"]
    module = f"ccxt.pro.{name}"
    return getattr(importlib.import_module(module), name) if importlib.util.find_spec(module) else None


def _only_spot(exchange: Any, settings: Mapping[str, Any]) -> None:
    exchange.has["fetchCurrencies"] = False
    if "fetchMargins" in exchange.options:
        exchange.options["fetchMargins"] = False
    asked = settings.get("options")
    kinds = exchange.options.get("fetchMarkets")
    if isinstance(kinds, dict) and "types" in kinds and not (isinstance(asked, dict) and "fetchMarkets" in asked):
        kinds["types"] = ["spot"]


def to_sandbox(exchange: Any, settings: Mapping[str, Any]) -> None:
    """Use the venue's sandbox; addresses the operator named himself stay as they are."""
    try:
        exchange.set_sandbox_mode(True)
    except failures() as error:
        kind = type(error).__name__
        raise ConfigError(f'{exchange.id} has no sandbox: set mode to "paper" or "live" ({kind}).') from None
    urls = settings.get("urls")
    if isinstance(urls, Mapping) and "api" in urls:
        exchange.urls["api"] = exchange.deep_extend(exchange.urls["api"], urls["api"])


def _check_keys(exchange: Any, keys: Keys) -> None:
    needed = [name for name, wanted in exchange.requiredCredentials.items() if wanted]
    missing = [name for name in needed if name not in set(keys)]
    if missing:
        raise AuthFailed(f"{exchange.id} needs {', '.join(missing)}: run investbot keys set.")


def _silence() -> logging.Logger:
    """Give ccxt a logger that tells nothing: its debug lines hold headers and bodies of signed requests."""
    silent = logging.Logger("ccxt", logging.CRITICAL + 1)  # noqa: LOG001 - must not be found and switched on by name
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return silent


def _judge_emptiness(exchange: Any) -> None:
    """Let 204 be an answer, for some venues say no more to a cancel; but not {}, which ccxt takes for an empty list."""
    strict = exchange.handle_http_status_code

    bad_response: type[Exception] = importlib.import_module("ccxt.base.errors").BadResponse

    def check_body(code: int, reason: str, url: str, method: str, body: str) -> None:
        if code != _NO_CONTENT:
            strict(code, reason, url, method, body)
            if "".join(body.split()) == "{}":
                raise bad_response(f"{code} with nothing in it")

    exchange.handle_http_status_code = check_body
