"""All streams of a host: who wants which, one follower each, a beat a second, and an end once nobody wants them."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from investbot.control import codec
from investbot.control.feed_messages import Market, PricesArgs, SubscribeArgs
from investbot.domain.errors import TryAgain, UsageError
from investbot.domain.market import Candle, Millis, Timeframe
from investbot.feed.follower import Follower
from investbot.feed.prices import PriceBoard, PriceReader
from investbot.feed.stream import Stream, Subscriber
from investbot.ports.venue import Venue

_LOG = logging.getLogger("investbot.feed")
BEAT_S = 2.0
"""Seconds between two words on a stream that has nothing else to say."""
GRACE_S = 60.0
"""Seconds that a stream goes on after the last who wanted it has gone."""
READY_S = 25.0
"""Seconds that a subscriber waits for the past of his streams."""
MOST_STREAMS = 1000
"""Streams that one feed follows."""
PAGE = 500
"""Candles in one answer."""

MakeVenue = Callable[[Market, Timeframe], Venue]
"""Builds a venue that gives the candles of a market, unopened."""
KeptTo = Callable[[Market, str, Timeframe], Millis | None]
"""Tells up to which opening time (ms UTC) the cache has a series, None where it has nothing; may touch the disk."""
Admits = Callable[[Market], bool]
"""Tells whether anybody may ask for a market; may touch the disk."""
Key = tuple[str, str, str]
"""Market, symbol and timeframe as texts."""


@dataclass(slots=True)
class Followed:
    """One stream with whoever follows it; `keepers` count those who want it kept without being told."""

    key: Key
    stream: Stream
    follower: Follower
    task: asyncio.Task[None]
    keepers: set[object] = field(default_factory=set)
    unwanted_since: float | None = None

    @property
    def wanted(self) -> bool:
        """Tell whether anybody wants it."""
        return bool(self.stream.subscribers or self.keepers)


class Feed:
    """Follows what is wanted; `watch` has to run. `monotonic` tells seconds of the machine, the same in all processes.

    `beat_s`, `grace_s` and `poll_s` are the seconds between two beats, until an unwanted stream ends, and between two
    looks at the venues.
    """

    def __init__(
        self,
        make_venue: MakeVenue,
        monotonic: Callable[[], float],
        *,
        kept_to: KeptTo = lambda _market, _symbol, _frame: None,
        admits: Admits = lambda _market: True,
        beat_s: float = BEAT_S,
        grace_s: float = GRACE_S,
        poll_s: float = 0.2,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._make_venue = make_venue
        self._kept_to = kept_to
        self._admits = admits
        self._monotonic = monotonic
        self._beat_s = beat_s
        self._grace_s = grace_s
        self._poll_s = poll_s
        self._sleep = sleep
        self._jitter = jitter
        self._followed: dict[Key, Followed] = {}
        self._numbers = 0
        self._board = PriceBoard(monotonic)
        self._beaten = self._busy = monotonic()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def idle_s(self) -> float:
        """Tell for how many seconds there has been no subscriber."""
        return self._monotonic() - self._busy

    async def subscribe(self, subscriber: Subscriber, args: SubscribeArgs) -> dict[str, Any]:
        """Let a subscriber hear of some streams from now on; give where each stands.

        Whatever is told after this has returned follows what it returned. UsageError for a market that no instance
        trades at, DataError, ConfigError, TryAgain.
        """
        if not await asyncio.to_thread(self._admits, args.market):
            raise UsageError(f"No instance of this home is set to {args.market.name} with these settings.")
        frame = Timeframe.parse(args.timeframe)
        for text in args.also:
            for symbol in args.symbols:
                self._wanted(args.market, symbol, Timeframe.parse(text)).keepers.add(subscriber)
        wanted = [self._wanted(args.market, symbol, frame) for symbol in args.symbols]
        for each in wanted:
            each.keepers.add(subscriber)
        await self._until_ready(wanted)
        for each in wanted:
            each.stream.subscribers.add(subscriber)
        at, told, rate = wanted[0].follower.clock()
        return {"clock": [at, told, rate], "streams": [_standing(each) for each in wanted]}

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        for each in self._followed.values():
            each.stream.subscribers.discard(subscriber)
            each.keepers.discard(subscriber)
        self._board.leave(subscriber)

    def prices(self, reader: PriceReader, args: PricesArgs) -> dict[str, Any]:
        """Tell a reader the prices of just these of his streams from now on; UsageError for one that is not his."""
        his = {each.stream.number: each for each in self._followed.values() if reader in each.stream.subscribers}
        strange = [number for number in args.streams if number not in his]
        if strange:
            raise UsageError(f"Prices are told to those who follow a stream, and {strange[0]} is not followed here.")
        lines = self._board.want(reader, [his[number].key[:2] for number in args.streams])
        told = zip(args.streams, lines, strict=True)
        return {"prices": [[number, line.number, line.seq] for number, line in told]}

    def price_lines(self) -> list[dict[str, Any]]:
        """Tell every line of prices: what it follows, for how many, how far it is."""
        return self._board.figures()

    def keep(self, market: Market, symbol: str, frame: Timeframe) -> None:
        """Follow a stream for ever, told to nobody: its candles go to the cache."""
        self._wanted(market, symbol, frame).keepers.add(self)

    def candles(self, number: int, since: Millis) -> dict[str, Any]:
        """Give a page of the candles of a stream that opened at or after `since`; UsageError."""
        found = next((each.stream for each in self._followed.values() if each.stream.number == number), None)
        if found is None:
            raise UsageError(f"The feed has no stream {number}.")
        if since < found.first_at:
            raise UsageError(f"The feed no longer has the candles of {found.symbol} from so long ago.")
        rows, more = found.since(since, PAGE)
        return {"stream": number, "rows": rows, "more": more, "seq": found.seq, "next_at": found.next_at}

    def state(self) -> list[dict[str, Any]]:
        """Tell every stream: what it follows, for how many, up to where, and its trouble."""
        return [
            {
                "venue": Market.named(each.key[0]),
                "symbol": each.stream.symbol,
                "timeframe": each.stream.timeframe.text,
                "subscribers": len(each.stream.subscribers),
                "candles": each.stream.seq,
                "next_at": each.stream.next_at,
                "left_out": each.stream.left_out,
                "trouble": each.follower.trouble,
            }
            for each in self._followed.values()
        ]

    async def watch(self) -> None:
        """Poll, beat and clear away until cancelled; what breaks a follower is raised here."""
        polls: dict[Key, asyncio.Task[None]] = {}
        try:
            while not self._broken.done():
                for key, each in self._followed.items():
                    if key not in polls or polls[key].done():
                        polls[key] = asyncio.create_task(each.follower.poll())
                        polls[key].add_done_callback(self._look_at)
                self._board.look((each.key[:2], each.follower) for each in self._followed.values())
                if self._monotonic() - self._beaten >= self._beat_s:
                    self._beat()
                    await self._clear(polls)
                await self._sleep(self._poll_s)
            self._broken.result()
        finally:
            await _end([*polls.values(), *(each.task for each in self._followed.values())])

    def _wanted(self, market: Market, symbol: str, frame: Timeframe) -> Followed:
        key = (market.key(), symbol, frame.text)
        found = self._followed.get(key)
        if found is None:
            if len(self._followed) >= MOST_STREAMS:
                raise TryAgain(f"The feed follows {MOST_STREAMS} streams already, and no more.")
            stream = Stream(self._numbers, symbol, frame)
            self._numbers += 1
            make = functools.partial(self._make_venue, market, frame)
            kept = functools.partial(self._kept_to, market, symbol, frame)
            follower = Follower(stream, make, self._tell, kept, self._monotonic, self._jitter, self._sleep)
            task = asyncio.create_task(follower.run())
            task.add_done_callback(self._look_at)
            found = self._followed[key] = Followed(key, stream, follower, task)
            _LOG.info("followed", extra={"fields": {"venue": market.name, "symbol": symbol, "timeframe": frame.text}})
        return found

    async def _until_ready(self, wanted: Sequence[Followed]) -> None:
        """Wait for the past of some streams; what their venue refuses is raised, and the stream forgotten."""
        try:
            async with asyncio.timeout(READY_S):
                for each in wanted:
                    await each.follower.ready()
        except TimeoutError:
            trouble = next((each.follower.trouble for each in wanted if each.follower.trouble), "its past is long")
            raise TryAgain(f"The feed has no candles yet: {trouble.rstrip('.')}.") from None
        refused = [each for each in wanted if each.follower.refusal is not None]
        for each in refused:
            self._followed.pop(each.key, None)
        for each in refused:
            if each.follower.refusal is not None:
                raise each.follower.refusal

    def _tell(self, stream: Stream, candle: Candle) -> None:
        had_at = self._monotonic()
        row = stream.add(candle)
        if row is not None and stream.subscribers:
            stream.tell(codec.encode({"candle": [stream.number, stream.seq, had_at, *row]}))

    def _beat(self) -> None:
        self._beaten = self._monotonic()
        for each in self._followed.values():
            stream, follower = each.stream, each.follower
            if stream.subscribers:
                self._busy = self._beaten
                line = {"beat": [stream.number, stream.seq, *follower.clock(), follower.trouble]}
                stream.tell(codec.encode(line))

    async def _clear(self, polls: dict[Key, asyncio.Task[None]]) -> None:
        """End the streams that nobody has wanted for long, and those that their venue refuses."""
        now, ending = self._monotonic(), []
        for each in list(self._followed.values()):
            if each.wanted and each.follower.refusal is None:
                each.unwanted_since = None
                continue
            each.unwanted_since = now if each.unwanted_since is None else each.unwanted_since
            if now - each.unwanted_since >= self._grace_s:
                del self._followed[each.key]
                _LOG.info("left", extra={"fields": {"symbol": each.stream.symbol}})
                ending += [each.task, *([polls.pop(each.key)] if each.key in polls else [])]
        await _end(ending)

    def _look_at(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._broken.done():
            self._broken.set_exception(error)


def _standing(each: Followed) -> dict[str, Any]:
    stream, instrument = each.stream, each.follower.instrument
    if instrument is None:
        raise TryAgain(f"The feed has no candles yet: {each.follower.trouble.rstrip('.')}.")
    return {
        "symbol": stream.symbol,
        "stream": stream.number,
        "seq": stream.seq,
        "first_at": stream.first_at,
        "next_at": stream.next_at,
        "tick": format(instrument.tick, "f"),
        "lot": format(instrument.lot, "f"),
        "min_notional": format(instrument.min_notional, "f"),
    }


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
