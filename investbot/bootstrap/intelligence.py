"""From `[intelligence]` of a profile to what an instance asks, and to the engine's veto."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from investbot.bootstrap.home import InstanceHome
from investbot.config.instance import InstanceConfig
from investbot.config.intelligence import IntelligenceSection, SourcePart
from investbot.ports.intelligence import IntelligenceSource

if TYPE_CHECKING:
    from investbot.engine.intelligence import Veto

_KEY = "intelligence."
"""What the names of sources' keys begin with in an instance's own store."""


def key_name(source: str) -> str:
    """Name the key of a source in an instance's own store."""
    return f"{_KEY}{source}"


def source_keys(folder: InstanceHome, key: bytes) -> dict[str, str]:
    """Read the keys of sources out of an instance's own store, by the names of the sources; VaultError, LedgerError."""
    from investbot.adapters.storage.secrets import get_secrets

    stored = get_secrets(folder.ledger, key)
    return {name.removeprefix(_KEY): value for name, value in stored.items() if name.startswith(_KEY)}


def asked_by(
    config: InstanceConfig, folder: InstanceHome, key: bytes, hide: Callable[[str], None]
) -> Sequence[IntelligenceSource]:
    """Make what an instance asks, with their keys, which `hide` keeps out of the log; VaultError, LedgerError."""
    if not config.intelligence.sources:
        return ()
    keys = source_keys(folder, key)
    for value in keys.values():
        hide(value)
    return sources_of(config, keys)


def veto_of(told: IntelligenceSection) -> Veto:
    """Give the veto in the engine's words; numbers of arrays are imported here and not before a process is isolated."""
    from investbot.engine.intelligence import Veto

    below, above = told.veto_below, told.veto_above
    return Veto(None if below is None else float(below), None if above is None else float(above))


def ports_of(told: IntelligenceSection) -> set[int]:
    """Name the TCP ports that sources are asked at."""
    return {source.port for source in told.sources if source.port is not None}


def files_of(told: IntelligenceSection) -> Iterator[Path]:
    """Name the files that are sources."""
    return (Path(source.file) for source in told.sources if source.file)


def sources_of(config: InstanceConfig, keys: Mapping[str, str]) -> Sequence[IntelligenceSource]:
    """Make what an instance asks; `keys` by the names of the sources."""
    symbols = config.market.symbols
    return [_source(part, symbols, keys.get(part.name, "")) for part in config.intelligence.sources]


def _source(part: SourcePart, symbols: Sequence[str], key: str) -> IntelligenceSource:
    from investbot.adapters.intelligence.terms import Terms

    terms = Terms(
        name=part.name,
        symbols=part.symbols,
        confidence=float(part.confidence),
        life=part.expires_after,
        every_s=part.every / 1000,
        timeout_s=part.timeout / 1000,
        max_bytes=part.max_bytes,
    )
    if part.kind == "file":
        from investbot.adapters.intelligence.file_source import FileSource

        return FileSource(terms, Path(part.file or ""))
    from investbot.adapters.intelligence.fetching import Fetcher

    headers = {part.key_header: f"{part.key_prefix}{key}"} if part.key_header and key else {}
    fetcher = Fetcher(part.url or "", terms.timeout_s, terms.max_bytes, headers)
    if part.kind == "feed":
        from investbot.adapters.intelligence.feed_source import FeedSource, WordLists

        return FeedSource(terms, WordLists(part.bullish, part.bearish, part.mentions), fetcher)
    from investbot.adapters.intelligence.json_source import JsonSource, Paths

    low, high = map(float, part.bias_range)
    paths = Paths(
        items=part.items,
        bias=part.bias,
        low=low,
        high=high,
        published_at=part.published_at,
        symbol=part.symbol,
        confidence=part.confidence_at,
        name=part.id,
        text=part.text,
        markets=_markets(symbols),
    )
    return JsonSource(terms, paths, fetcher)


def _markets(symbols: Sequence[str]) -> dict[str, str]:
    """Say which symbol a source means by what name: BTC/USDT, BTCUSDT, BTC-USDT, BTC; `*` is the whole market."""
    named = {"*": "*"}
    for symbol in symbols:
        base, _, quote = symbol.upper().partition("/")
        for name in (base, f"{base}{quote}", f"{base}-{quote}", f"{base}_{quote}", f"{base}/{quote}"):
            named.setdefault(name, symbol)
    return named
