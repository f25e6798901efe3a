"""One bucket of requests a host and venue account, shared by every instance of a home through a locked file."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from investbot.domain.errors import RateLimited

RESERVE = 0.2
"""Share of the bucket that only exits may draw on."""
PATIENCE_S = 10.0
"""Longest wait for room in the bucket; a longer one is RateLimited at once."""
LONGEST_PAUSE_S = 3 * 86_400.0
"""Seconds of the longest ban a venue is believed to mean."""
_RECORD = 160
"""Bytes of the file: it is written in place and never grows, so that a full disk cannot cut it short."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` left at the monotonic moment `at` (s); nobody sends before `paused_until`; the last `nonce` given."""

    tokens: float
    at: float
    paused_until: float = 0.0
    nonce: int = 0


Change = Callable[[Bucket], tuple[Bucket, float]]
"""Gives the bucket that is to be, and the seconds to wait."""


class RateLimiter:
    """A token bucket of `per_minute` units, refilled evenly, by the machine's monotonic clock.

    That clock is the same in every process of a host and starts anew with it, which a file of an earlier start betrays
    by lying in the future. Without a `path`, or where the file cannot be written, the bucket is this process's own.
    """

    def __init__(
        self,
        venue: str,
        path: Path | None,
        per_minute: int,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._venue = venue
        self._path = path
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60.0
        self._monotonic = monotonic
        self._sleep = sleep
        self._own = Bucket(self._capacity, monotonic())
        self._descriptor: int | None = None

    async def take(self, weight: int, *, urgent: bool) -> None:
        """Draw `weight` units, waiting for them; RateLimited when that would take too long, and nothing is drawn.

        What is not `urgent` leaves the reserve to exits. A pause the venue asked for holds for all.
        """
        while (wait := await self._change(lambda bucket: self._drawn(bucket, weight, urgent=urgent))) > 0:
            if wait > PATIENCE_S:
                raise RateLimited(f"{self._venue} is asked for nothing for another {wait:.0f} s: its limit.", wait)
            await self._sleep(wait)

    async def pause(self, seconds: float) -> None:
        """Let no instance send for so many seconds: the venue has said so."""

        def paused(bucket: Bucket) -> tuple[Bucket, float]:
            until = max(bucket.paused_until, self._monotonic() + min(max(seconds, 0.0), LONGEST_PAUSE_S))
            return replace(bucket, paused_until=until), 0.0

        await self._change(paused)

    async def used(self, weight: float) -> None:
        """Believe the venue's own count of units used in the running minute where it leaves less than ours."""

        def counted(bucket: Bucket) -> tuple[Bucket, float]:
            left = max(self._capacity - weight, 0.0)
            return replace(bucket, tokens=min(bucket.tokens, left)), 0.0

        await self._change(counted)

    def nonce(self, at_least: int) -> int:
        """Give a number larger than any that a process of this home gave for this account; at once, for a signature.

        Should another process be drawing just now, this waits for the microseconds that takes.
        """

        def drawn(bucket: Bucket) -> tuple[Bucket, float]:
            return replace(bucket, nonce=max(bucket.nonce + 1, at_least)), 0.0

        if self._path is not None:
            try:
                self._change_in_turn(self._path, drawn)
            except OSError:
                self._path = None
                self.close()
            else:
                return self._own.nonce
        self._own, _ = drawn(self._own)
        return self._own.nonce

    def level(self) -> float:
        """The share of the bucket that is left, 0 to 1, as this process saw it last."""
        return max(0.0, min(self._refilled(self._own).tokens / self._capacity, 1.0))

    def _drawn(self, bucket: Bucket, weight: int, *, urgent: bool) -> tuple[Bucket, float]:
        """Draw from a refilled bucket; the second value is the seconds to wait instead, 0 when it is done."""
        if bucket.paused_until > bucket.at:
            return bucket, bucket.paused_until - bucket.at
        floor = 0.0 if urgent else RESERVE * self._capacity
        wanted = min(float(weight), self._capacity - floor)
        short = wanted + floor - bucket.tokens
        if short > 0:
            return bucket, max(short / self._per_second, 0.001)
        return replace(bucket, tokens=bucket.tokens - wanted), 0.0

    def _refilled(self, bucket: Bucket) -> Bucket:
        now = self._monotonic()
        if bucket.at > now:
            return Bucket(self._capacity, now, nonce=bucket.nonce)
        tokens = min(bucket.tokens + (now - bucket.at) * self._per_second, self._capacity)
        return replace(bucket, tokens=tokens, at=now)

    def close(self) -> None:
        """Let go of the file; safe to call twice, and the next question opens it again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    async def _change(self, change: Change) -> float:
        """Change the bucket; at once where nobody else does, for a thread costs more than the change."""
        if self._path is not None:
            try:
                if self._descriptor is None:
                    self._descriptor = await asyncio.to_thread(_opened, self._path)
                wait = self._change_at_once(self._descriptor, change)
                return await asyncio.to_thread(self._change_in_turn, self._path, change) if wait is None else wait
            except OSError:
                self._path = None
                self.close()
        self._own, wait = change(self._refilled(self._own))
        return wait

    def _change_at_once(self, descriptor: int, change: Change) -> float | None:
        """Change the file's bucket unless another process does just now: None."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        try:
            return self._change_file(descriptor, change)
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _change_in_turn(self, path: Path, change: Change) -> float:
        """Wait for the file, in a thread and with a descriptor of its own: locks belong to descriptors."""
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            return self._change_file(descriptor, change)
        finally:
            os.close(descriptor)

    def _change_file(self, descriptor: int, change: Change) -> float:
        self._own, wait = change(self._refilled(self._read(os.pread(descriptor, _RECORD, 0))))
        os.pwrite(descriptor, json.dumps(asdict(self._own)).encode().ljust(_RECORD), 0)
        return wait

    def _read(self, record: bytes) -> Bucket:
        """Read the bucket of the file; one that nobody wrote yet, or that is no bucket, is full."""
        try:
            told = json.loads(record)
            tokens, at, until = float(told["tokens"]), float(told["at"]), float(told["paused_until"])
            return Bucket(tokens, at, until, int(told.get("nonce", 0)))
        except (ValueError, TypeError, KeyError):
            return Bucket(self._capacity, self._monotonic())


def public_limiter(
    venue: str,
    exchange: Any,
    folder: Path | None,
    monotonic: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> RateLimiter | None:
    """Limit what is asked without a key, by ccxt's own pace for the venue (`rateLimit`, ms); None where that is off.

    A venue counts it by address: all processes of a home share the file in `folder`, whatever they ask for.
    """
    if not exchange.enableRateLimit or not exchange.rateLimit:
        return None
    path = None if folder is None else folder / "requests.json"
    return RateLimiter(venue, path, max(1, round(60_000 / exchange.rateLimit)), monotonic, sleep)


def _opened(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def bucket_path(folder: Path, venue: str, keys: Mapping[str, str]) -> Path:
    """Name the file of one venue account: instances with the same key share it, and it does not tell the key."""
    account = hashlib.sha256(f"{venue}|{keys.get('apiKey') or keys.get('walletAddress') or ''}".encode()).hexdigest()
    return folder / f"{venue}-{account[:16]}.json"
