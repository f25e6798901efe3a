"""Segments: what a ledger has gained, piece by piece, each bound to the one before: none can go or change unseen.

In plain a segment is text, one JSON value a line: its head, the steps (after which event which candle had been worked
on), one `[seq, at, kind, body]` for each event, and last an HMAC-SHA256 (RFC 2104) of every line above it. The head
repeats the file's name, names the HMAC of the segment before, and holds the digest of all history before the first
event, h(0) = 32 zero bytes, h(n) = SHA-256(h(n-1) + line of event n): so a segment fits one history and no other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from investbot.domain.errors import DataError
from investbot.domain.market import Millis

FORMAT = 1
SUFFIX = ".ibs"
BEGINNING = "0" * 64
"""The digest of no history, and what stands for the segment before the first one."""
_NAME = re.compile(r"(\d{10})-(\d{8})-(\d{10})-(\d{10})\.ibs")

EventRow = tuple[int, int, str, str]
"""seq, at (milliseconds UTC), kind, JSON body: an event as its ledger holds it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A moment at which a ledger was durable: its last event, and the last candle that was worked on by then."""

    seq: int
    symbol: str
    opened_at: Millis


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """What a file's name tells: which chain, the how manieth of it (from 1), its first and last event.

    Chains are numbered by the second (UTC) in which they began, or by one more than any there was.
    """

    chain: int
    number: int
    first: int
    last: int

    def __str__(self) -> str:
        """Write the file's name."""
        return f"{self.chain:010d}-{self.number:08d}-{self.first:010d}-{self.last:010d}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment in plain; `previous` is the HMAC of the one before, `history` the digest of all before it (hex)."""

    name: SegmentName
    instance: str
    shipped_at: Millis
    previous: str
    history: str
    steps: tuple[Step, ...]
    rows: tuple[EventRow, ...]


def parse(name: str) -> SegmentName | None:
    """Read a file's name; None for one that is no segment's."""
    match = _NAME.fullmatch(name)
    return None if match is None else SegmentName(*map(int, match.groups()))


def digest(history: str, rows: Iterable[EventRow]) -> str:
    """Go on with the digest of a history (hex) over the events that follow it."""
    now = bytes.fromhex(history)
    for row in rows:
        now = hashlib.sha256(now + _line(row)).digest()
    return now.hex()


def write(segment: Segment, seal: bytes) -> tuple[bytes, str]:
    """Give a segment as text, and its HMAC (hex), which the next one names; `seal` is the instance's 32-byte seal."""
    body = b"".join(_lines(segment))
    mac = _mac(body, seal)
    return body + _line({"hmac_sha256": mac}), mac


def read(text: bytes, name: SegmentName, instance: str, seals: Sequence[bytes]) -> tuple[Segment, str]:
    """Take a segment apart and give its HMAC too; DataError for one that is not what was shipped under that name."""
    body, _, last = text[:-1].rpartition(b"\n")
    body += b"\n"
    try:
        mac = json.loads(last)["hmac_sha256"]
        known = any(hmac.compare_digest(mac.encode(), _mac(body, seal).encode()) for seal in seals)
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known or text[-1:] != b"\n":
        raise DataError(f"The segment {name} of {instance} was altered, or comes from another vault or instance.")
    head, steps, *rows = map(json.loads, body.splitlines())
    if head["format"] != FORMAT:
        raise DataError(f"The segment {name} of {instance} has format {head['format']}; a newer InvestBot reads it.")
    claimed = SegmentName(head["chain"], head["number"], head["first"], head["last"])
    if (claimed, head["instance"]) != (name, instance):
        raise DataError(f"The segment {name} of {instance} is {claimed} of {head['instance']} under another name.")
    made = Segment(
        name=claimed,
        instance=instance,
        shipped_at=head["shipped_at"],
        previous=head["previous"],
        history=head["history"],
        steps=tuple(Step(*each) for each in steps),
        rows=tuple((seq, at, kind, body) for seq, at, kind, body in rows),
    )
    return made, mac


def needed(names: Iterable[SegmentName], instance: str, after: int, upto: int | None) -> list[SegmentName]:
    """Choose the segments of one chain that lead from event `after` to event `upto` (None: to its end), in order.

    DataError naming the first one that is missing.
    """
    ordered = sorted(names)
    chosen = [each for each in ordered if each.last > after and (upto is None or each.first <= upto)]
    expected, number = after + 1, None
    for each in chosen:
        if each.first > expected or (number is not None and (each.number != number or each.first != expected)):
            before = "" if number is None else f" (number {number} of chain {each.chain})"
            raise DataError(
                f"The segment of {instance} that begins with event {expected}{before} is missing; "
                f"the next one there is {each}."
            )
        expected, number = each.last + 1, each.number + 1
    if upto is not None and expected <= upto:
        raise DataError(f"The segment of {instance} that begins with event {expected} is missing, and none follows it.")
    return chosen


def linked(segments: Iterable[tuple[Segment, str]]) -> Iterator[Segment]:
    """Give segments that follow each other; DataError naming the first one that does not fit the one before."""
    before: tuple[Segment, str] | None = None
    for segment, mac in segments:
        if before is not None:
            last, last_mac = before
            if segment.previous != last_mac or segment.history != digest(last.history, last.rows):
                raise DataError(f"The segment {segment.name} of {segment.instance} does not follow {last.name}.")
        before = (segment, mac)
        yield segment


def joined(segment: Segment, last: int, history: str) -> bool:
    """Tell whether a ledger whose `last` event has the digest `history` is what a segment goes on from."""
    if not segment.name.first <= last + 1 <= segment.name.last + 1:
        return False
    return digest(segment.history, segment.rows[: last + 1 - segment.name.first]) == history


def _lines(segment: Segment) -> Iterator[bytes]:
    name = segment.name
    yield _line(
        {
            "format": FORMAT,
            "instance": segment.instance,
            "chain": name.chain,
            "number": name.number,
            "first": name.first,
            "last": name.last,
            "shipped_at": segment.shipped_at,
            "previous": segment.previous,
            "history": segment.history,
        }
    )
    yield _line([(each.seq, each.symbol, each.opened_at) for each in segment.steps])
    yield from map(_line, segment.rows)


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def _mac(body: bytes, seal: bytes) -> str:
    key = hmac.digest(seal, b"investbot-backup/1 segments", "sha256")
    return hmac.digest(key, body, "sha256").hex()
