"""One conversation with a feed: the subscription, what it tells, what is asked again. It ends at the first silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from investbot.control import codec
from investbot.control.connection import Connection
from investbot.control.feed_messages import candle_of
from investbot.control.feed_mirror import Mirror
from investbot.control.feed_prices import PriceMirror
from investbot.domain.errors import DataError
from investbot.domain.market import Candle, Instrument, Millis, Timeframe

SILENCE_S = 7.0
"""Seconds without a word after which a feed counts as gone: it speaks every other second."""
ANSWER_S = 30.0
"""Seconds that an answer may take."""
_JUNK = (ArithmeticError, LookupError, TypeError, ValueError)
"""What reading a line of another version of the program may raise."""


@dataclass(slots=True)
class Told:
    """One stream as the feed tells it: its number there, what is traded, and why there is no news, if so."""

    symbol: str
    number: int
    instrument: Instrument
    first_at: Millis
    mirror: Mirror
    trouble: str = ""


class FeedCall:
    """Talks over one open connection; `woken` is called at every piece of news."""

    def __init__(
        self,
        connection: Connection,
        timeframe: Timeframe,
        woken: Callable[[], None],
        silence_s: float,
        prices: PriceMirror,
    ) -> None:
        """Take over an open connection; `listen` has to run for anything to be heard."""
        self.streams: dict[str, Told] = {}
        self.clock: tuple[float, float, float] | None = None
        self._connection = connection
        self._timeframe = timeframe
        self._woken = woken
        self._silence_s = silence_s
        self._prices = prices
        self._numbered: dict[int, Told] = {}
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0
        self._over = False

    async def subscribe(self, args: Mapping[str, Any]) -> Mapping[str, Instrument] | None:
        """Ask for the streams and give their instruments; None when the feed has gone; what it refuses is raised."""
        if await self._ask("subscribe", args) is None:
            return None
        return {stream.symbol: stream.instrument for stream in self.streams.values()}

    async def candles(self, stream: Told, since: Millis) -> Sequence[Candle] | None:
        """Give what opened at or after `since`: as it was told, or asked for where something was missed."""
        found = stream.mirror.take(since)
        if found is not None:
            return found
        asked: list[Candle] = []
        while (answer := await self._ask("candles", {"stream": stream.number, "since": since})) is not None:
            asked += [candle_of(row, stream.symbol, self._timeframe) for row in answer["rows"]]
            if not answer["more"]:
                return asked
            since = asked[-1].opened_at + 1
        return None

    async def follow(self, symbols: Collection[str]) -> None:
        """Ask for the prices of just these symbols; what the feed refuses is raised."""
        wanted = sorted(told.number for symbol, told in self.streams.items() if symbol in symbols)
        await self._ask("prices", {"streams": wanted})

    async def listen(self) -> None:
        """Take in lines until either side ends it or falls silent; before there are streams an answer may take long."""
        try:
            with contextlib.suppress(TimeoutError, DataError, ConnectionError, *_JUNK):
                while True:
                    async with asyncio.timeout(self._silence_s if self.streams else ANSWER_S):
                        line = await self._connection.receive()
                    if line is None:
                        return
                    self._hear(line)
        finally:
            self._over = True
            for answer in self._answers.values():
                answer.cancel()

    def hang_up(self) -> None:
        """End it at once: nothing serves from here on."""
        self._over = True
        self.streams = {}
        self._connection.abort()

    def _hear(self, line: Mapping[str, Any]) -> None:
        if "candle" in line:
            number, seq, _had_at, *row = line["candle"]
            stream = self._numbered.get(number)
            if stream is not None:
                stream.mirror.hear(seq, candle_of(row, stream.symbol, self._timeframe))
                self._woken()
        elif "beat" in line:
            number, seq, at, told, rate, trouble = line["beat"]
            stream = self._numbered.get(number)
            if stream is not None:
                self.clock = (float(at), float(told), float(rate))
                changed, stream.trouble = stream.trouble != trouble, str(trouble)
                if stream.mirror.told(seq) or changed:
                    self._woken()
        elif "price" in line:
            number, seq, had_at, told_at, price = line["price"]
            self._prices.hear(int(number), int(seq), float(had_at), int(told_at), Decimal(price))
        elif (future := self._answers.pop(line["id"], None)) is not None and not future.done():
            self._answered(future, line)

    def _answered(self, future: asyncio.Future[dict[str, Any]], line: Mapping[str, Any]) -> None:
        """Hand an answer on; what it says of streams counts from this line on, for the next may be a candle."""
        if line["ok"] is not True:
            future.set_exception(codec.error_for(int(line["exit_code"]), str(line["message"])))
            return
        result: dict[str, Any] = line["result"]
        if "streams" in result:
            self._begin(result)
        elif "prices" in result:
            self._prices.begin({line: (self._numbered[stream].symbol, seq) for stream, line, seq in result["prices"]})
        elif not result["more"]:
            self._numbered[result["stream"]].mirror.repaired(result["seq"], result["next_at"])
        future.set_result(result)

    def _begin(self, result: Mapping[str, Any]) -> None:
        at, told, rate = result["clock"]
        self.clock = (float(at), float(told), float(rate))
        for each in result["streams"]:
            steps = (Decimal(each[word]) for word in ("tick", "lot", "min_notional"))
            instrument = Instrument(each["symbol"], *steps)
            mirror = Mirror(each["seq"], each["next_at"])
            stream = Told(each["symbol"], each["stream"], instrument, each["first_at"], mirror)
            self._numbered[stream.number] = self.streams[stream.symbol] = stream

    async def _ask(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Ask and give the answer, None when the feed has gone; what the feed refuses is raised."""
        if self._over:
            return None
        self._asked += 1
        number = self._asked
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await self._connection.send({"id": number, "verb": verb, "args": dict(args)})
            async with asyncio.timeout(ANSWER_S):
                await asyncio.wait((answer,))
        except (ConnectionError, TimeoutError):
            self.hang_up()
            return None
        finally:
            self._answers.pop(number, None)
        return None if answer.cancelled() else answer.result()
