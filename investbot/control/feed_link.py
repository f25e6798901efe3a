"""The instance's end of the feed's socket: dials for ever, and nobody waits for a feed that is not there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from investbot.control import codec
from investbot.control.address import connect, feed_path
from investbot.control.connection import Connection
from investbot.control.feed_call import SILENCE_S, FeedCall
from investbot.control.feed_messages import Market
from investbot.control.feed_prices import PriceMirror
from investbot.domain.errors import ConfigError, DataError, InvestBotError
from investbot.domain.market import Candle, Instrument, Millis, Timeframe
from investbot.ports.prices import HearPrice

FIRST_S, LONGEST_S = 0.2, 5.0
"""The shortest and the longest wait between two attempts to dial, in seconds."""
_NEVER: Millis = 1 << 62


class FeedLink:
    """One instance's way to the feed of a home: `ports.feed.CandleFeed`.

    `also` are timeframes that the feed is to keep in the cache without telling them.
    """

    def __init__(
        self,
        home: Path,
        market: Market,
        timeframe: Timeframe,
        monotonic: Callable[[], float],
        *,
        also: Sequence[str] = (),
        silence_s: float = SILENCE_S,
        waits_s: tuple[float, float] = (FIRST_S, LONGEST_S),
    ) -> None:
        """Make the link; nothing is dialled before `open`."""
        self._path = feed_path(home)
        self._args: dict[str, Any] = {"market": market.model_dump(), "timeframe": timeframe.text, "also": list(also)}
        self._timeframe = timeframe
        self._monotonic = monotonic
        self._silence_s = silence_s
        self._waits_s = waits_s
        self._woken: Callable[[], None] = lambda: None
        self._call: FeedCall | None = None
        self._clock: tuple[float, float, float] | None = None
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[Mapping[str, Instrument] | None] | None = None
        self._calls = 0
        self._repaired = 0
        self._refusal = ""
        self._prices = PriceMirror(monotonic, lambda _tick: None)
        self._wanted: frozenset[str] = frozenset()
        self._wish = asyncio.Event()
        self.tells_prices = True
        """Whether the feed has not refused to tell prices since it came."""

    @property
    def up(self) -> bool:
        """Tell whether a feed serves every symbol now."""
        return self._call is not None and bool(self._call.streams)

    @property
    def trouble(self) -> str:
        """Why the feed has no news of the venue now."""
        streams = () if self._call is None else self._call.streams.values()
        return next((stream.trouble for stream in streams if stream.trouble), "")

    async def open(self, symbols: Sequence[str], woken: Callable[[], None]) -> Mapping[str, Instrument] | None:
        """Dial once and go on dialling; see the port."""
        self._args["symbols"], self._woken = list(symbols), woken
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())
        return await self._first

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        """Ask the feed for the prices of just these symbols, now and whenever it comes back."""
        self._prices.heard = heard
        if self._wanted != frozenset(symbols):
            self._wanted = frozenset(symbols)
            self._wish.set()

    def first_at(self, symbol: str) -> Millis:
        """The opening time from which on the feed has every candle; milliseconds UTC, never where there is none."""
        stream = None if self._call is None else self._call.streams.get(symbol)
        return _NEVER if stream is None else stream.first_at

    async def candles(self, symbol: str, since: Millis) -> Sequence[Candle] | None:
        """Give the candles that opened at or after `since`; None when the feed is gone or does not go back so far."""
        call = self._call
        stream = None if call is None else call.streams.get(symbol)
        if call is None or stream is None or since < stream.first_at:
            return None
        try:
            return await call.candles(stream, since)
        except InvestBotError as error:
            self._refusal = str(error)
            call.hang_up()
            return None

    def now(self) -> Millis | None:
        """The venue's time in milliseconds UTC, by the feed's last word and the machine's monotonic clock."""
        clock = self._clock if self._call is None or self._call.clock is None else self._call.clock
        if clock is None:
            return None
        at, told, rate = self._clock = clock
        return round(told + (self._monotonic() - at) * 1000.0 * rate)

    def health(self) -> Mapping[str, str]:
        """Tell whether the feed is there, how often it came, and how many candles were missed and asked for again."""
        told = {"feed": "serves" if self.up else "away", "feed_calls": str(self._calls)}
        missed = self._repaired + self._missed()
        told |= {"feed_repaired": str(missed)} if missed else {}
        told |= {"feed_trouble": self.trouble} if self.trouble else {}
        told |= {"feed_prices_lost": str(self._prices.lost)} if self._prices.lost else {}
        return told | ({"feed_refuses": self._refusal} if self._refusal else {})

    async def close(self) -> None:
        """Hang up; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
            if not task.cancelled():
                task.result()  # tells what broke it

    def _missed(self) -> int:
        return 0 if self._call is None else sum(stream.mirror.lost for stream in self._call.streams.values())

    async def _run(self) -> None:
        """Dial, talk and dial again until cancelled; each wait doubles up to the longest."""
        wait_s, longest_s = self._waits_s
        try:
            while True:
                calls = self._calls
                connection = await self._dial()
                if connection is not None:
                    await self._talk(self._new_call(connection))
                self._settle(None)
                wait_s = self._waits_s[0] if self._calls > calls else wait_s
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, longest_s)
        finally:
            self._settle(None)

    async def _dial(self) -> Connection | None:
        try:
            opened = connect(self._path, 0)
        except OSError:
            return None
        reader, writer = await asyncio.open_unix_connection(sock=opened, limit=codec.MAX_LINE)
        connection = Connection(reader, writer)
        if connection.peer.uid == os.getuid():
            return connection
        connection.abort()
        return None

    def _new_call(self, connection: Connection) -> FeedCall:
        self.tells_prices = True
        self._prices.begin({})
        return FeedCall(connection, self._timeframe, self._woken, self._silence_s, self._prices)

    async def _talk(self, call: FeedCall) -> None:
        """Subscribe and listen until either side ends it."""
        self._call = call
        subscribing = asyncio.create_task(self._subscribe(call))
        try:
            await call.listen()
        finally:
            self._repaired += self._missed()
            self._clock = call.clock or self._clock
            self._call = None
            call.hang_up()
            subscribing.cancel()
            await asyncio.wait((subscribing,))
            self._woken()

    async def _subscribe(self, call: FeedCall) -> None:
        try:
            instruments = await call.subscribe(self._args)
        except InvestBotError as error:
            self._refusal = str(error)
            self._settle(error if isinstance(error, DataError | ConfigError) else None)
            call.hang_up()
            return
        if instruments is not None:
            self._calls += 1
            self._refusal = ""
            self._settle(instruments)
            self._woken()
            await self._keep_prices(call)

    async def _keep_prices(self, call: FeedCall) -> None:
        """Tell a feed what prices are wanted, whenever that changes; nothing is said while none ever were."""
        if self._wanted:
            self._wish.set()
        try:
            while await self._wish.wait():
                self._wish.clear()
                await call.follow(self._wanted)
        except InvestBotError as error:
            self._refusal, self.tells_prices = str(error), False
            self._woken()

    def _settle(self, outcome: Mapping[str, Instrument] | InvestBotError | None) -> None:
        """Tell whoever opens how the first attempt went."""
        first = self._first
        if first is None or first.done():
            return
        if isinstance(outcome, InvestBotError):
            first.set_exception(outcome)
        else:
            first.set_result(outcome)


def feed_state(home: Path, timeout_s: float = 2.0) -> dict[str, Any] | None:
    """Ask the feed of a home how it is; None when none answers within `timeout_s` seconds."""
    try:
        with connect(feed_path(home), timeout_s) as opened:
            opened.sendall(codec.encode({"id": 1, "verb": "state"}))
            with opened.makefile("rb") as answers:
                answer = codec.decode(answers.readline(codec.MAX_LINE + 1))
    except (OSError, DataError):
        return None
    result = answer.get("result")
    return result if isinstance(result, dict) else None
