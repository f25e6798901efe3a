"""Dangerous verbs have a cool-down that all faces share: a hand that slips twice does no double harm."""

from __future__ import annotations

from investbot.domain.errors import TryAgain


class Cooldown:
    """Remembers when a verb last went out for an instance; `seconds` must pass before it does again."""

    def __init__(self, seconds: float = 5.0) -> None:
        """Begin with nothing asked."""
        self._seconds = seconds
        self._last: dict[tuple[str, str], float] = {}

    def take(self, verb: str, name: str, now: float) -> None:
        """Note the verb at `now` (monotonic seconds); TryAgain when it came less than the cool-down ago."""
        last = self._last.get((verb, name))
        if last is not None and now - last < self._seconds:
            left = self._seconds - (now - last)
            what = f"{verb} of {name}" if name else verb
            raise TryAgain(f"A {what} was asked for just now; it can be asked for again in {left:.1f} s.")
        self._last[verb, name] = now

    def give_back(self, verb: str, name: str) -> None:
        """Forget the last time: nothing came of it."""
        self._last.pop((verb, name), None)
