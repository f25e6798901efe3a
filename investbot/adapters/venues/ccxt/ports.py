"""On which TCP ports an exchange is reached: what its class and the operator's settings name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from investbot.adapters.venues.ccxt.loader import exchange_class
from investbot.adapters.venues.ccxt.session import stream_class

_ADDRESS = re.compile(r"(?i)\b(https?|wss?|socks[45]h?)://(?:[^\s/@]*@)?(?:\[[^\]]*\]|[^\s/:@]+)(?::(\d{1,5}))?")
_USUAL = {"https": 443, "wss": 443, "http": 80, "ws": 80, "socks4": 1080, "socks5": 1080, "socks5h": 1080}
_ASKED = ("api", "test")
"""Which addresses of a class are ever called: the others lead to pages for people."""


def venue_ports(name: str, settings: Mapping[str, Any]) -> frozenset[int]:
    """Give every port that exchange `name` may be called on with these settings; ConfigError for a name ccxt lacks."""
    classes = [each for each in (exchange_class(name), stream_class(name)) if each is not None]
    described = [each.describe(object.__new__(each)).get("urls", {}) for each in classes]
    own = [urls.get(part) for urls in described for part in _ASKED]
    return frozenset(_ports(_texts([*own, settings])))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, Iterable):
        for each in value:
            yield from _texts(each)


def _ports(texts: Iterable[str]) -> Iterator[int]:
    for text in texts:
        for scheme, port in _ADDRESS.findall(text):
            number = int(port) if port else _USUAL.get(scheme.lower(), 0)
            if 0 < number < 1 << 16:
                yield number
