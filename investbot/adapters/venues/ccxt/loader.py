"""Loads one exchange class out of ccxt's two hundred.

Importing `ccxt.async_support` imports them all, for about a second and 50 MB. Here the packages `ccxt` and
`ccxt.async_support` are put into place without running their own imports, so that only the one class is loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from threading import Lock
from typing import Any

from investbot.domain.errors import ConfigError

_PACKAGES = ("ccxt", "ccxt.async_support")
_lock = Lock()


def exchange_class(name: str) -> Any:
    """Load the asynchronous class of an exchange; ConfigError naming near ones when ccxt has none of that name."""
    with _lock:
        _lay_packages()
        module = None
        if re.fullmatch(r"[a-z][a-z0-9_]*", name) and name != "base":
            module = importlib.util.find_spec(f"ccxt.async_support.{name}")
        if module is None:
            raise ConfigError(f"There is no venue {name}{_near(name)}: see venue.name.")
        return getattr(importlib.import_module(f"ccxt.async_support.{name}"), name)


def make_exchange(name: str, settings: Mapping[str, Any], *, spot: bool, cls: Any = None) -> Any:
    """Make an exchange with `settings` handed to the class as they are; ConfigError where it refuses them.

    With `spot` only spot markets are asked for, where the exchange lets us choose; `cls` stands for the plain class.
    """
    cls = cls or exchange_class(name)
    try:
        exchange = cls({"enableRateLimit": True, "enableLastHttpResponse": False, **settings})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"The settings in venue.ccxt are not what {name} takes: {error}.") from error
    exchange.has["fetchCurrencies"] = False
    asked = settings.get("options")
    kinds = exchange.options.get("fetchMarkets")
    if (
        spot
        and isinstance(kinds, dict)
        and "types" in kinds
        and not (isinstance(asked, dict) and "fetchMarkets" in asked)
    ):
        kinds["types"] = ["spot"]
    return exchange


def _lay_packages() -> None:
    """Put the two packages into place, empty but for what ccxt's own modules import from them."""
    if "ccxt" in sys.modules:
        return
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ConfigError("The library ccxt is not installed: run scripts/setup again.")
        sys.modules[name] = importlib.util.module_from_spec(spec)
    package = sys.modules["ccxt"]
    package.__dict__["async_support"] = sys.modules["ccxt.async_support"]
    for name in ("errors", "decimal_to_precision", "exchange"):
        module = importlib.import_module(f"ccxt.base.{name}")
        package.__dict__.update({word: value for word, value in vars(module).items() if not word.startswith("_")})


def _near(name: str) -> str:
    folder = Path(str(importlib.import_module("ccxt.base.errors").__file__)).parents[1] / "async_support"
    near = get_close_matches(name, [file.stem for file in folder.glob("[a-z]*.py")], n=3)
    return f" (near: {', '.join(near)})" if near else ""
