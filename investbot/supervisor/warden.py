"""Holds the fleet to its limits: adds up what instances say of themselves, and asks for pauses and for their end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import InvestBotError
from investbot.domain.market import Millis
from investbot.ports.clock import Clock
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor import fleet_limits as fl
from investbot.supervisor.fleet import Fleet
from investbot.supervisor.rows import Rows

LOG = logging.getLogger(__name__)
LOOK_S = 2.0
"""Seconds between two looks."""
SETTLING = 15
"""Looks in which instances that outlived a supervisor dial the next one, and may bring its pauses along."""
_ANSWER_S = 5.0

Limits = Callable[[], fl.FleetLimits]
"""Reads the limits; blocking; ConfigError."""
Tell = Callable[[Millis, str, Sequence[str], str], None]
"""Told of each limit that is broken or over: when, which, whom it concerns, a sentence."""


def no_limits() -> fl.FleetLimits:
    """Give no limit at all."""
    return fl.FleetLimits()


class Warden:
    """Looks at the whole fleet while `watch` runs; what a supervisor before this one asked for is found in the rows."""

    def __init__(
        self, fleet: Fleet, rows: Rows, limits: Limits, clock: Clock, tell: Tell, *, look_s: float = LOOK_S
    ) -> None:
        """Watch `fleet`; `tell` is told of what changes."""
        self._fleet = fleet
        self._rows = rows
        self._read = limits
        self._clock = clock
        self._tell = tell
        self._look_s = look_s
        self._limits = fl.FleetLimits()
        self._broken: dict[tuple[str, str], fl.Breach] = {}
        self._is_unsure = True
        """Whether pauses may be left that nobody here knows of."""
        self._looks = 0

    async def watch(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """Compare the fleet with its limits once, and ask for what follows."""
        await self._read_limits()
        if not (self._limits.watches or self._broken or self._is_unsure):
            return
        rows = await self._rows.status(await self._fleet.names())
        broken = fl.breaches(rows, self._limits, self._clock.now())
        wishes = fl.wishes(rows, broken)
        asked = dict(zip(wishes, await asyncio.gather(*map(self._ask, wishes)), strict=True))
        done = {wish for wish, granted in asked.items() if granted}
        self._say(broken, done)
        self._looks += 1
        unheard = any(row.get("pid") is not None and row.get("heartbeat_age_s") is None for row in rows)
        self._is_unsure = len(done) < len(wishes) or unheard or self._looks < SETTLING

    async def admit(self, name: str, running: Sequence[str], *, is_live: bool) -> None:
        """Refuse one instance more than may run beside those that do; ConfigError."""
        await self._read_limits()
        if not (self._limits.running or self._limits.live):
            return
        outside = self._fleet.tools.outside
        recipes = await asyncio.gather(*(asyncio.to_thread(outside.recipe, other) for other in running))
        live = [other for other, recipe in zip(running, recipes, strict=True) if recipe.live]
        fl.admit(name, self._limits, running, live, is_live=is_live)

    async def _read_limits(self) -> None:
        try:
            self._limits = await asyncio.to_thread(self._read)
        except InvestBotError as error:  # a slip in the file must not lift a limit
            LOG.warning("limits_not_read", extra={"fields": {"error": str(error)}})

    async def _ask(self, wish: fl.Wish) -> bool:
        """Ask for one pause or its end; False when the instance cannot be asked now: the next look tries again."""
        by = wish.sentence or "the fleet: its limit is no longer broken"
        action = "resume" if wish.sentence is None else "pause"
        with contextlib.suppress(InvestBotError):
            request = InstanceRequest(action=action, by=by, cause=wish.cause)  # type: ignore[arg-type]
            await self._fleet.tools.hub.ask(wish.name, request, _ANSWER_S)
            return True
        return False

    def _say(self, broken: Sequence[fl.Breach], done: set[fl.Wish]) -> None:
        """Tell of limits that are newly broken, and of those that are over."""
        now = self._clock.now()
        paused = {(wish.name, wish.cause) for wish in done if wish.sentence is not None}
        after = {(breach.cause, breach.group): breach for breach in broken}
        for key, breach in after.items():
            if key not in self._broken and any((name, breach.cause) in paused for name in breach.names):
                self._tell(now, breach.cause, breach.names, f"Entries paused by a limit of {breach.sentence}.")
        for key, breach in self._broken.items():
            if key not in after:
                self._tell(now, breach.cause, breach.names, f"No longer broken ({breach.group}); entries go on.")
        self._broken = after


def limit_notice(at: Millis, cause: str, names: Sequence[str], sentence: str) -> Notice:
    """Put what a warden tells into a notice of the fleet."""
    what = cause.removeprefix(fl.CAUSE).replace("_", " ")
    over = sentence.startswith("No longer")
    fields = (("Instances", ", ".join(names)),)
    if over:
        return Notice(
            at,
            Kind.LIMITS,
            f"Limit of the fleet over: {what}",
            text=sentence,
            fields=fields,
            tone=Tone.GOOD,
            topic=cause,
        )
    return Notice(
        at,
        Kind.LIMITS,
        f"Limit of the fleet broken: {what}",
        text=sentence,
        fields=fields,
        weight=Weight.GRAVE,
        tone=Tone.WARNING,
        topic=cause,
    )
