"""What a restore brings back: which archive, which segments behind it, up to which moment; and what that changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from investbot.backup.chain import EventRow, Segment, SegmentName, Step
from investbot.domain.errors import ConfigError, DataError, UsageError
from investbot.domain.market import Millis
from investbot.domain.times import parse_rfc3339, rfc3339
from investbot.ports.backups import Manifest


@dataclass(frozen=True, slots=True)
class Point:
    """A point in time: up to an event's number, or a moment (milliseconds UTC), both included; neither: the end."""

    seq: int | None = None
    at: Millis | None = None

    @property
    def is_end(self) -> bool:
        """Whether all there is is wanted."""
        return self.seq is None and self.at is None

    def __str__(self) -> str:
        """Name it as the operator did."""
        return "the end" if self.is_end else rfc3339(self.at) if self.at is not None else f"event {self.seq}"

    def admits(self, seq: int, at: Millis) -> bool:
        """Tell whether an event lies before this point or on it."""
        return (self.seq is None or seq <= self.seq) and (self.at is None or at <= self.at)


def parse_point(text: str) -> Point:
    """Read the number of an event, or a moment as RFC 3339; UsageError."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return Point(seq=int(text))
    try:
        return Point(at=parse_rfc3339(text))
    except UsageError:
        raise UsageError(
            f"{text!r} is neither the number of an event nor a moment; write --at 812 or --at 2026-01-31T14:05:00Z."
        ) from None


def chain_for(names: Iterable[SegmentName], point: Point) -> list[SegmentName]:
    """Give the segments of the newest chain that reaches a point; of the newest at all where none does."""
    chains: dict[int, list[SegmentName]] = {}
    for name in sorted(names):
        chains.setdefault(name.chain, []).append(name)
    newest_first = [chains[chain] for chain in sorted(chains, reverse=True)]
    seq = point.seq
    reaching = newest_first if seq is None else [each for each in newest_first if each[-1].last >= seq]
    return next(iter(reaching or newest_first), [])


def lies_before(manifest: Manifest, point: Point) -> bool:
    """Tell whether all of an archive's ledger lies before a point or on it."""
    return manifest.last_event_at is None or point.admits(manifest.last_seq, manifest.last_event_at)


def grown(last: int, segments: Iterable[Segment], point: Point) -> tuple[list[EventRow], Step | None]:
    """Collect the events behind `last` up to a point, and the step they end with.

    Only whole steps are taken: between two of them a candle is half worked on. None when not one step fits.
    """
    rows: list[EventRow] = []
    best: tuple[int, Step | None] = (0, None)
    for segment in segments:
        steps = {step.seq: step for step in segment.steps}
        for row in segment.rows:
            if not point.admits(row[0], row[1]):
                return rows[: best[0]], best[1]
            if row[0] > last:
                rows.append(row)
                if row[0] in steps:
                    best = (len(rows), steps[row[0]])
    return rows[: best[0]], best[1]


def last_step(name: str, rows: Iterable[EventRow], steps: Iterable[Step], point: Point) -> Step:
    """Give the last step of a ledger that lies before a point or on it; DataError where none is known."""
    known = {step.seq: step for step in steps}
    found: Step | None = None
    for seq, at, _, _ in rows:
        if not point.admits(seq, at):
            break
        found = known.get(seq, found)
    if found is None:
        first = f"; the first is event {min(known)}" if known else ""
        raise DataError(f"No backup of {name} has a moment at or before {point}{first}.")
    return found


def demand_reached(name: str, point: Point, last: int) -> None:
    """Refuse a point that lies behind all that is known; DataError."""
    if point.seq is not None and last < point.seq and point.at is None:
        raise DataError(f"The backups of {name} end with event {last}, before {point}.")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a ledger says of its instance: the last event, what is held (`0.5 BTC/USDT`), open orders, trips, cash.

    `settings` is the version in force. Moments in milliseconds UTC, cash in quote as decimal text.
    """

    last_seq: int
    last_event_at: Millis | None
    events: Mapping[str, int] = field(default_factory=dict)
    positions: Sequence[str] = ()
    orders: Sequence[str] = ()
    cash: str = "0"
    settings: str = ""


def older(name: str, live: Standing | None, restored: Standing) -> list[str]:
    """Say, where it is so, that a restore would put an older ledger in the place of a newer one."""
    if live is None or restored.last_seq >= live.last_seq:
        return []
    counts = f"The ledger of {name} has {live.last_seq} events and the backup only {restored.last_seq}"
    return [f"{counts}; add --allow-older to go back, or --as NEWNAME to have it beside."]


def demand_not_older(name: str, live: Standing | None, restored: Standing) -> None:
    """Refuse to put an older ledger in the place of a newer one; ConfigError."""
    for sentence in older(name, live, restored):
        raise ConfigError(sentence)


def changes(live: Standing | None, restored: Standing) -> list[dict[str, str | None]]:
    """List what a restore changes: each with `what`, `now` (None: nothing that can be read) and `then`."""
    before = None if live is None else _told(live)
    return [
        {"what": what, "now": None if before is None else before[what], "then": then}
        for what, then in _told(restored).items()
        if before is None or before[what] != then
    ]


def _told(standing: Standing) -> dict[str, str]:
    return {
        "last event": str(standing.last_seq),
        "at": "never" if standing.last_event_at is None else rfc3339(standing.last_event_at),
        "trips": str(standing.events.get("trips", 0)),
        "fills": str(standing.events.get("fills", 0)),
        "positions": ", ".join(standing.positions) or "none",
        "open orders": ", ".join(standing.orders) or "none",
        "cash": standing.cash,
        "settings": standing.settings,
    }
