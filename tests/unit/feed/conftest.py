"""A feed behind a real server on a real socket, on markets that tests move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from investbot.control.feed_link import FeedLink
from investbot.control.feed_messages import Market as MarketKey
from investbot.domain.market import Timeframe
from investbot.feed.feed import Feed
from investbot.feed.server import FeedServer
from tests.unit.feed.builders import ONE, Market, MarketVenue

PLAIN = MarketKey(name="binance")


class Hall:
    """A home whose feed can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.market = Market()
        self.feed: Feed | None = None
        self.server: FeedServer | None = None
        self.watching: asyncio.Task[None] | None = None
        self.links: list[FeedLink] = []

    async def start(self, *, owner_uid: int | None = None) -> None:
        self.feed = Feed(self._make, time.monotonic, beat_s=0.05, grace_s=0.2, poll_s=0.01)
        self.server = FeedServer(self.home, self.feed, owner_uid=owner_uid)
        self.watching = asyncio.create_task(self.feed.watch())
        await self.server.open()

    async def kill(self) -> None:
        """End the feed at once; what it had to say is lost."""
        if self.server is not None and self.watching is not None:
            await self.server.close()
            await self.server.close()
            self.watching.cancel()
            await asyncio.wait((self.watching,))
            self.server = None

    def link(self, market: MarketKey = PLAIN, *, silence_s: float = 5.0, also: tuple[str, ...] = ()) -> FeedLink:
        link = FeedLink(self.home, market, ONE, time.monotonic, also=also, silence_s=silence_s, waits_s=(0.01, 0.05))
        self.links.append(link)
        return link

    def _make(self, key: MarketKey, frame: Timeframe) -> MarketVenue:
        return self.market.venue()


@pytest.fixture
async def hall(tmp_path: Path, blockbuster: BlockBuster) -> AsyncIterator[Hall]:
    (tmp_path / "run").mkdir()
    hall = Hall(tmp_path)
    yield hall
    for link in hall.links:
        await link.close()
        await link.close()
    await hall.kill()
