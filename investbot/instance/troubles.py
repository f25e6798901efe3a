"""What is wrong with the private side of a venue: told once, kept for the operator, and no entries meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable

from investbot.domain.errors import AuthFailed, RateLimited, VenueError
from investbot.domain.facts import Fact, VenueFound, VenueLost
from investbot.domain.market import Millis
from investbot.engine.state import EngineState

_LOG = logging.getLogger("investbot.instance")
CAUSE = "venue"
"""The cause of a pause that troubles lead to."""


class Troubles:
    """Counts failures in a row; a key that is refused counts at once, the rest after `lost_s` seconds."""

    def __init__(
        self,
        state: EngineState,
        tell: Callable[[Fact], None],
        now: Callable[[], Millis],
        monotonic: Callable[[], float],
        lost_s: float,
    ) -> None:
        self._state = state
        self._tell = tell
        self._now = now
        self._monotonic = monotonic
        self._lost_s = lost_s
        self._since: float | None = None
        self._told = False
        self.reason = ""
        """Why the venue cannot be asked now; empty when it can."""
        self.refused = False
        """Whether it does not accept the key."""

    def met(self, error: VenueError) -> None:
        """Note a failure; entries pause once it is grave or lasts."""
        now_s = self._monotonic()
        first, self._since = self._since is None, now_s if self._since is None else self._since
        self.reason = str(error)
        if isinstance(error, AuthFailed):
            if not self.refused:
                self.refused = True
                _LOG.critical("key_refused", extra={"fields": {"message": self.reason, "held": self._held()}})
        elif first:
            _LOG.warning("venue_trouble", extra={"fields": {"message": self.reason}})
        lasting = now_s - self._since >= self._lost_s and not isinstance(error, RateLimited)
        if (self.refused or lasting) and not (self._told or CAUSE in self._state.paused):
            self._told = True
            self._tell(VenueLost(self._now(), self.reason))

    def over(self) -> None:
        """Note that the venue has answered."""
        if self._since is not None:
            _LOG.warning("venue_answers_again", extra={"fields": {"after_s": self._monotonic() - self._since}})
            self._since = None
            self.reason = ""
            self.refused = False
        if self._told or CAUSE in self._state.paused:
            self._told = False
            self._tell(VenueFound(self._now()))

    def bug(self, order_id: str, error: BaseException) -> None:
        """Note an error that nobody foresaw; the work it broke off is taken up again."""
        _LOG.critical("order_work_broke", exc_info=error, extra={"fields": {"order_id": order_id}})

    def _held(self) -> list[str]:
        return [holding.plan.symbol for holding in self._state.holdings.values() if holding.quantity]
