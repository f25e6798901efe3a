"""From ledgers and processes into the outbox: what is new is read, put into words and made durable.

The ledgers are the truth: an event that arrives over a link only says that it is time to look. So whatever was missed,
because no supervisor was there or a link lost something, is found by the next look.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from investbot.domain.errors import InvestBotError, UnknownInstance
from investbot.domain.events import PositionOpened
from investbot.domain.market import DAY, SECOND, Millis
from investbot.domain.states import InstanceState
from investbot.ports.ledger import Recorded
from investbot.ports.notifier import Kind, Notice, Weight
from investbot.supervisor import life_notices as lives
from investbot.supervisor import notices, summaries
from investbot.supervisor.entry_notice import AROUND, BEFORE
from investbot.supervisor.lifecycle import Life
from investbot.supervisor.news import News, Route
from investbot.supervisor.outbox import Outbox

LOG = logging.getLogger(__name__)
PAGE = 500
"""Events that one look takes from a ledger at most."""
ROLL: Millis = 30 * SECOND
"""So long after midnight a day is summed up: by then its end is booked in the ledgers."""
_FAR = 500
"""So many events without news may be read again after a crash; only then is it written down how far a look came."""


@dataclass(frozen=True, slots=True)
class Move:
    """An instance came to another state at `at` (milliseconds UTC); `pid` is its process, if it has one."""

    name: str
    life: Life
    pid: int | None
    at: Millis

    def told(self) -> lives.Told:
        """Give what people know once they are told of it."""
        return lives.Told(self.life.state.value, self.pid if self.life.state is InstanceState.RUNNING else None)


class Mailroom:
    """Blocking work, done in one thread; what cannot be read now is logged and looked at again later."""

    def __init__(self, path: Path, news: News) -> None:
        """Keep the outbox in `path`."""
        self.outbox = Outbox(path)
        self._news = news
        self._routes: Mapping[str, Route] = {}
        self._reached: dict[str, int] = {}

    def reload(self, now: Millis) -> Mapping[str, Route]:
        """Read addresses and names anew; begin with instances that are new, forget what is about those that are gone.

        What waits without any way out is thrown away.
        """
        try:
            self._routes = self._news.routes()
        except InvestBotError as error:  # a vault that cannot be read: the addresses known so far are as good
            LOG.error("routes_not_read", extra={"fields": {"error": str(error)}})
        names = self._news.names()
        gone = [name for name in {*self.outbox.told_names(), *self._reached} if name not in names]
        if gone:
            self.outbox.forget(gone)
            self._reached = {name: seq for name, seq in self._reached.items() if name in names}
        self.outbox.gone(number for number, _ in self.outbox.all_but(lambda notice: self.route_of(notice) is not None))
        for name in names:
            self.look(name, now)
        return self._routes

    def route_of(self, notice: Notice) -> str | None:
        """Name the route of a notice: the instance's own, else the fleet's; None when there is neither."""
        return next((each for each in (notice.name, "") if each in self._routes), None)

    def look(self, name: str, now: Millis) -> bool:
        """Tell what is new in a ledger; True when there is more to look at."""
        if not self._is_routed(name):
            return False
        try:
            return self._look(name, now)
        except UnknownInstance:  # a companion, or one that was removed a moment ago
            return False
        except InvestBotError as error:
            LOG.warning("notices_not_read", extra={"fields": {"instance": name, "error": str(error)}})
            return False

    def moved(self, move: Move) -> None:
        """Tell of a process that came to another state."""
        if not self._is_routed(move.name):
            return
        try:
            subject = self._subject(move.name)
        except UnknownInstance:
            self._companion(move)
            return
        before = self.outbox.told(move.name)
        notice = lives.of_life(move.name, subject.mode, move.life, move.told(), before, move.at)
        if notice is not None:
            told = [notice] if notices.chosen(notice, subject.kinds) else []
            self.outbox.add(told, move.at, lives={move.name: move.told()})

    def compare(self, found: Sequence[Move], now: Millis) -> None:
        """Tell what became of the instances while nobody watched, and that somebody does again."""
        if not self._routes:
            return
        adopted = []
        for move in found:
            before = self.outbox.told(move.name)
            if before is None or before.state != InstanceState.RUNNING.value:
                continue
            if move.pid is not None and move.pid == before.pid:
                adopted.append(move.name)
            elif move.life.state in {InstanceState.STOPPED, InstanceState.EXITED, InstanceState.FATAL}:
                self.moved(move)
            else:
                self._ended_unseen(move, now)
        back = self.outbox.died
        self._fleet(lives.supervisor_back(now, adopted) if back else lives.supervisor_up(now), now, up=True)

    def goes_down(self, now: Millis) -> None:
        """Tell that the supervisor goes, in order."""
        if self._routes:
            self._fleet(lives.supervisor_down(now), now, up=False)

    def fleet_notice(self, notice: Notice, now: Millis) -> None:
        """Tell something of the whole fleet."""
        self._fleet(notice, now)

    def midnight(self, now: Millis) -> None:
        """Sum up the last whole UTC day, once, and on Mondays the week; of days that were missed only the last."""
        day = (now - ROLL) // DAY - 1
        before = self.outbox.day
        if not self._routes or (before is not None and day <= before):
            return
        told: list[Notice] = []
        if before is not None:
            told += self._summaries(Kind.DAILY, day, day, now)
            if summaries.is_monday(day + 1):
                told += self._summaries(Kind.WEEKLY, day + 1 - summaries.WEEK_DAYS, day, now)
        self.outbox.add(told, now, day=day)

    # ---- how ---------------------------------------------------------------------------------------------------

    def _is_routed(self, name: str) -> bool:
        return name in self._routes or "" in self._routes

    def _look(self, name: str, now: Millis) -> bool:
        last, cursor = self._news.last_seq(name), self.outbox.cursor(name)
        if cursor is None or last < cursor:  # seen for the first time; or another ledger, or an older copy of it
            self._reached[name] = last
            self.outbox.add([], now, cursors={name: last})
            return False
        after = max(cursor, self._reached.get(name, 0))
        if last <= after:
            self._reached[name] = last
            return False
        subject = self._news.subject(name)
        kinds = notices.wanted(subject.kinds)
        events = self._news.events(name, after, kinds, PAGE) if kinds else []
        more = len(events) == PAGE
        reached = events[-1].seq if more else max(last, events[-1].seq if events else 0)
        told = notices.of_events(subject, events, self._around(name, events))
        if told or reached - cursor >= _FAR:
            self.outbox.add(told, now, cursors={name: reached})
        self._reached[name] = reached
        return more

    def _around(self, name: str, events: Sequence[Recorded]) -> list[Recorded]:
        """Read what the entries among these events are about."""
        opened = [each.seq for each in events if isinstance(each.event, PositionOpened)]
        if len(opened) > notices.CROWD:
            return []
        found: dict[int, Recorded] = {}
        for seq in opened:
            found |= {each.seq: each for each in self._news.events(name, max(0, seq - BEFORE), AROUND, BEFORE + 50)}
        return [found[seq] for seq in sorted(found)]

    def _subject(self, name: str) -> notices.Subject:
        try:
            return self._news.subject(name)
        except UnknownInstance:
            raise
        except InvestBotError:  # its settings are broken, which may be what there is to tell
            return notices.Subject(name, "", frozenset({Kind.LIFECYCLE}))

    def _companion(self, move: Move) -> None:
        """Tell of a process that serves all instances, such as the feed, only when it fails."""
        notice = lives.of_life(move.name, "", move.life, move.told(), None, move.at)
        if notice is not None and notice.weight is not Weight.LIGHT:
            self._fleet(replace(notice, name="", text=move.life.error or ""), move.at)

    def _ended_unseen(self, move: Move, now: Millis) -> None:
        subject = self._subject(move.name)
        notice = lives.ended_unseen(move.name, subject.mode, now, again=move.life.wanted)
        told = [notice] if notices.chosen(notice, subject.kinds) else []
        state = InstanceState.BACKOFF if move.life.wanted else InstanceState.STOPPED
        self.outbox.add(told, now, lives={move.name: lives.Told(state.value)})

    def _fleet(self, notice: Notice, now: Millis, *, up: bool | None = None) -> None:
        """Tell the fleet; where it has no way of its own, each instance that has one."""
        mine = [notice] if "" in self._routes else [replace(notice, name=name) for name in self._routes]
        told = mine if notices.chosen(notice, self._fleet_kinds()) else []
        self.outbox.add(told, now, up=up)

    def _fleet_kinds(self) -> frozenset[Kind]:
        try:
            return self._news.fleet_kinds()
        except InvestBotError:  # a broken file keeps nobody from hearing what matters
            return frozenset(Kind)

    def _summaries(self, kind: Kind, first: int, last: int, now: Millis) -> list[Notice]:
        told, results = [], dict[str, summaries.Result]()
        for name in self._news.names():
            try:
                result, subject = self._news.result(name, first, last), self._news.subject(name)
            except InvestBotError as error:
                LOG.warning("notices_not_read", extra={"fields": {"instance": name, "error": str(error)}})
                continue
            if result is not None:
                results[name] = result
                if kind in subject.kinds and self._is_routed(name):
                    told.append(summaries.of_instance(kind, name, first, last, result, now))
        if results and kind in self._fleet_kinds() and "" in self._routes:
            told.append(summaries.of_fleet(kind, first, last, results, now))
        return told
