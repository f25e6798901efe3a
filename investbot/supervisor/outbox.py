"""Notices that wait to go out, on disk: what was put in is there after kill -9, until it is known to have arrived.

`run/outbox.jsonl` holds one change a line, each a whole: notices put in together with how far the ledgers had been
read for them, or the numbers of those that arrived. Lines are appended and synced; now and then the whole state is
written beside as one line and renamed. A torn last line never happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from investbot.domain.market import MINUTE, Millis
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor.life_notices import Told
from investbot.supervisor.outbox_lines import Change, State, read_changes, write_change

LOG = logging.getLogger(__name__)
MOST = 500
"""Notices that may wait; beyond that the oldest of the least weight are dropped, and one notice says how many."""
WINDOW: Millis = 10 * MINUTE
OFTEN = 3
"""So many notices of one topic go out within WINDOW; further ones are counted into one that goes out at its end."""
_LINES = 1000
"""Changes after which the file is written anew."""
_TOPICS = 500


class Outbox:
    """The waiting notices of a home, and what their makers have to remember; calls must not overlap."""

    def __init__(self, path: Path, *, most: int = MOST) -> None:
        """Read `path`, which is made when it is not there; what cannot be read is left out, never fatal."""
        self._path = path
        self._most = most
        self._state = State()
        try:
            for change in read_changes(path):
                self._state.apply(change)
        except OSError as error:
            LOG.error("outbox_lost", extra={"fields": {"error": str(error)}})
        self._lines = 0
        self._save()

    @property
    def died(self) -> bool:
        """Tell whether the last supervisor ended without going down."""
        return self._state.up

    @property
    def day(self) -> int | None:
        """The last UTC day (days since the epoch) that was summed up; None before the first."""
        return self._state.day

    @property
    def dropped(self) -> int:
        """How many notices have been dropped since this file was begun."""
        return self._state.dropped

    def cursor(self, name: str) -> int | None:
        """Up to which seq the ledger of an instance was told; None when it never was looked at."""
        return self._state.cursors.get(name)

    def told(self, name: str) -> Told | None:
        """What people were last told of an instance's process."""
        return self._state.lives.get(name)

    def told_names(self) -> list[str]:
        """Name the instances whose process people were told something of."""
        return sorted(self._state.lives)

    def add(
        self,
        notices: Sequence[Notice],
        now: Millis,
        *,
        cursors: Mapping[str, int] | None = None,
        lives: Mapping[str, Told] | None = None,
        day: int | None = None,
        up: bool | None = None,
    ) -> None:
        """Put notices in, and remember what goes with them, in one change that is on the disk when this returns.

        One that tells of an event which waits already, or which the cursor is beyond, is left out. A disk that does
        not take it is logged: then it counts for as long as this process lives.
        """
        change = Change(cursors=dict(cursors or {}), lives=dict(lives or {}), day=day, up=up)
        waiting = {notice.key for notice in self._state.waiting.values() if notice.key}
        for notice in notices:
            if notice.key and (notice.key in waiting or self._is_behind(notice)):
                continue
            waiting.add(notice.key)
            self._damped(change, notice, now)
        self._make_room(change, now)
        self._commit(change)

    def due(self, now: Millis, mine: Callable[[Notice], bool]) -> list[tuple[int, Notice]]:
        """Give those that wait and are `mine`, with their numbers: the weightiest first, then the oldest."""
        found = [(number, each) for number, each in self._state.waiting.items() if each.due <= now and mine(each)]
        return sorted(found, key=lambda pair: (-pair[1].weight, pair[0]))

    def waiting(self, mine: Callable[[Notice], bool] = lambda _: True) -> int:
        """Count those that wait and are `mine`."""
        return sum(mine(each) for each in self._state.waiting.values())

    def all_but(self, kept: Callable[[Notice], bool]) -> list[tuple[int, Notice]]:
        """Give those that wait and are not to be kept, due or not, with their numbers."""
        return [(number, each) for number, each in self._state.waiting.items() if not kept(each)]

    def gone(self, numbers: Iterable[int]) -> None:
        """Forget notices that arrived, or that never will be taken."""
        self._commit(Change(gone=list(numbers)))

    def forget(self, names: Iterable[str]) -> None:
        """Forget how far ledgers were told and what was said of processes; what waits still goes out."""
        self._commit(Change(forgotten=list(names)))

    # ---- how ---------------------------------------------------------------------------------------------------

    def _is_behind(self, notice: Notice) -> bool:
        cursor = self._state.cursors.get(notice.name)
        return cursor is not None and int(notice.key.rpartition("#")[2]) <= cursor

    def _damped(self, change: Change, notice: Notice, now: Millis) -> None:
        """Put one notice in: as it is, or counted with others of its topic once these come too often."""
        if not notice.topic:
            self._put(change, notice)
            return
        recent = self._recent(change, notice.topic, now)
        if len(recent) < OFTEN:
            change.recent[notice.topic] = (*recent, now)
            self._put(change, notice)
            return
        held = {**self._state.waiting, **change.put}
        for number, waiting in held.items():
            if waiting.topic == notice.topic and waiting.due > now:
                change.put[number] = replace(notice, count=waiting.count + 1, due=waiting.due)
                return
        self._put(change, replace(notice, due=recent[0] + WINDOW))

    def _recent(self, change: Change, topic: str, now: Millis) -> tuple[Millis, ...]:
        known = change.recent.get(topic, self._state.recent.get(topic, ()))
        return tuple(at for at in known if 0 <= now - at < WINDOW)

    def _put(self, change: Change, notice: Notice) -> None:
        number = max(self._state.next, change.next or 0)
        change.put[number] = notice
        change.next = number + 1

    def _make_room(self, change: Change, now: Millis) -> None:
        """Drop what is too much, and keep one notice that says how many."""
        after = {**self._state.waiting, **change.put}
        over = len(after) - self._most
        if over <= 0:
            return
        about = next((number for number, each in after.items() if each.topic == _DROPPED), None)
        if about is None:
            over += 1
        others = sorted((each.weight, number) for number, each in after.items() if number != about)
        for _, number in others[:over]:
            change.put.pop(number, None)
            change.gone.append(number)
        self._tell_dropped(change, after.get(about) if about is not None else None, about, over, now)

    def _tell_dropped(self, change: Change, before: Notice | None, number: int | None, count: int, now: Millis) -> None:
        change.dropped += count
        total = count + (int(before.fields[0][1]) if before is not None else 0)
        title = f"{total} notices were dropped"
        text = f"They could not be sent in time, and only {self._most} are kept; the ledgers hold all that happened."
        notice = Notice(
            now,
            Kind.ERRORS,
            title,
            text=text,
            fields=(("Dropped", str(total)),),
            weight=Weight.GRAVE,
            tone=Tone.WARNING,
            topic=_DROPPED,
        )
        if number is None:
            self._put(change, notice)
        else:
            change.put[number] = notice

    def _commit(self, change: Change) -> None:
        if change.is_empty:
            return
        self._state.apply(change)
        if self._lines >= _LINES:
            self._save()
            return
        try:
            write_change(self._path, change)
            self._lines += 1
        except OSError as error:
            self._lines = _LINES
            LOG.error("outbox_lost", extra={"fields": {"error": str(error)}})

    def _save(self) -> None:
        """Write the whole state as one line, beside, and rename."""
        if len(self._state.recent) > _TOPICS:
            self._state.recent = dict(sorted(self._state.recent.items(), key=lambda pair: pair[1][-1])[-_TOPICS:])
        beside = self._path.with_suffix(".new")
        try:
            beside.unlink(missing_ok=True)
            write_change(beside, self._state.whole())
            beside.replace(self._path)
            self._lines = 0
        except OSError as error:
            self._lines = _LINES
            LOG.error("outbox_lost", extra={"fields": {"error": str(error)}})


_DROPPED = ":dropped"
