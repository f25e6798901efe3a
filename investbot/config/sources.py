"""`[[market.sources]]`: where candles come from while the venue itself shows none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from investbot.config.tables import open_table

_KEYS = ("venue", "symbols", "ccxt")
_ID = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Source:
    """Another exchange by its id in ccxt, our symbols as it calls them (the same where left out), its settings."""

    venue: str
    symbols: Mapping[str, str]
    ccxt: Mapping[str, Any]

    def data(self) -> dict[str, Any]:
        """Give what is not left out, as TOML writes it."""
        told = {"venue": self.venue, "symbols": dict(self.symbols), "ccxt": dict(self.ccxt)}
        return {name: value for name, value in told.items() if value}


def _sources(value: object) -> tuple[Source, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError('write each as a table [[market.sources]], such as venue = "kraken".')  # noqa: TRY004
    return tuple(map(_source, value))


def _source(value: object) -> Source:
    if isinstance(value, Source):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("venue"), str):
        raise ValueError('a source needs the id of an exchange, such as venue = "kraken".')  # noqa: TRY004
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        raise ValueError(f"a source has no key {unknown[0]}; it has {', '.join(_KEYS)}.")
    if not _ID.fullmatch(value["venue"]) or value["venue"] in {"replay", "synthetic"}:
        raise ValueError(f"{value['venue']!r} is not the id of an exchange, such as kraken.")
    symbols = value.get("symbols", {})
    if not isinstance(symbols, Mapping) or not all(isinstance(name, str) and "/" in name for name in symbols.values()):
        raise ValueError('write symbols as { "BTC/USDT" = "BTC/USD" }: ours, and what the source calls it.')
    return Source(value["venue"], dict(symbols), open_table(value.get("ccxt", {})))


Sources = Annotated[
    tuple[Source, ...], PlainValidator(_sources), PlainSerializer(lambda sources: [each.data() for each in sources])
]
"""In the order in which they are asked."""
