"""The list of an exchange's markets, fetched once a day for everybody on this host; few of them stay in memory.

One line a market: its symbol, a tab, and what ccxt made of it as JSON. So a process reads thousands of lines and
understands but those it wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
from collections.abc import Callable, Collection, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from investbot.domain.errors import VenueUnavailable
from investbot.domain.market import DAY, Millis

FRESH: Millis = DAY
"""How old the list may be, milliseconds."""
PATIENCE_S = 20.0
"""Seconds in which another process may fetch it, before it is fetched here too."""
_LOOK_S = 0.05


class MarketList:
    """The markets of one exchange out of `folder`, or out of its own answer; `now` is wall time, milliseconds UTC."""

    def __init__(self, folder: Path | None, now: Callable[[], Millis]) -> None:
        self._folder = folder
        self._now = now

    async def load(self, exchange: Any, wanted: Collection[str]) -> tuple[list[dict[str, Any]], list[str]]:
        """Give the markets that are wanted, and all symbols there are; what ccxt raises passes, VenueUnavailable."""
        if self._folder is None:
            return await self._ask(exchange, wanted, None)
        # numbers are text on the private side and floats on the public one
        path = self._folder / f"markets-{exchange.number.__name__}.jsonl"
        known = await asyncio.to_thread(self._read, path, wanted)
        if known is not None:
            return known
        lock = await self._locked(path.with_suffix(".lock"))
        try:
            known = await asyncio.to_thread(self._read, path, wanted)
            return known if known is not None else await self._ask(exchange, wanted, path)
        finally:
            if lock is not None:
                os.close(lock)

    async def _ask(
        self, exchange: Any, wanted: Collection[str], path: Path | None
    ) -> tuple[list[dict[str, Any]], list[str]]:
        markets = await exchange.fetch_markets({})
        if not isinstance(markets, list) or not markets:
            raise VenueUnavailable(f"{exchange.id} gives no usable answer (its list of markets is empty).")
        if path is not None:
            await asyncio.to_thread(self._write, path, markets)
        symbols = [str(market["symbol"]) for market in markets]
        found = [market for market in markets if market["symbol"] in wanted]
        del markets
        trim()
        return found, symbols

    async def _locked(self, path: Path) -> int | None:
        """Wait until nobody else fetches the list; None where no lock can be had."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        for _ in range(round(PATIENCE_S / _LOOK_S)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(_LOOK_S)
            else:
                return descriptor
        os.close(descriptor)
        return None

    def _read(self, path: Path, wanted: Collection[str]) -> tuple[list[dict[str, Any]], list[str]] | None:
        """Read what is wanted out of a fresh file; None where that is not there, is old or lacks something."""
        found: list[dict[str, Any]] = []
        symbols: list[str] = []
        try:
            with path.open(encoding="utf-8") as lines:
                at = int(next(lines, "0"))
                if not self._now() - FRESH < at <= self._now():
                    return None
                for line in lines:
                    symbol, _, body = line.partition("\t")
                    symbols.append(symbol)
                    if symbol in wanted:
                        found.append(json.loads(body))
        except (OSError, ValueError):
            return None
        return (found, symbols) if {market["symbol"] for market in found} == set(wanted) else None

    def _write(self, path: Path, markets: list[dict[str, Any]]) -> None:
        """Put the list into its place in one step; a disk that takes none is no reason not to trade."""
        beside = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                out.write(f"{self._now()}\n")
                out.writelines(f"{market['symbol']}\t{json.dumps(market, default=str)}\n" for market in markets)
            beside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()


def market_folder(root: Path, name: str, settings: Mapping[str, Any], *, sandbox: bool) -> Path:
    """Name the folder of what is public at one exchange: its sandbox and each address that was named have their own."""
    named = {key: settings[key] for key in ("urls", "hostname") if key in settings}
    mark = f"-{sha256(json.dumps(named, sort_keys=True, default=str).encode()).hexdigest()[:12]}" if named else ""
    return root / f"{name}{'-sandbox' if sandbox else ''}{mark}"


def trim() -> None:
    """Give the memory of thousands of markets back to the system, where the C library can (glibc)."""
    release = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if release is not None:
        partial(release, 0)()
