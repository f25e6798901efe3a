"""What an operator can ask for: the key, the words, and what is asked back first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from textual.message import Message

from investbot.tui.model import Row


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of the control socket; `asks` is the question before it, empty for one that may be undone."""

    name: str
    key: str
    summary: str
    asks: str = ""


STOP = Verb("stop", "s", "stop: finish the work in hand; positions stay as they are")
START = Verb("start", "r", "start an instance that stands still")
RESTART = Verb("restart", "r", "restart with the settings read anew; starts one that stands still")
PAUSE = Verb("pause", "p", "pause or resume entries; exits go on")
RESUME = Verb("resume", "p", "resume entries, also after a halt")
FLATTEN = Verb("flatten", "f", "flatten: cancel orders and sell to cash", "Cancel all orders and sell everything of")
CLOSE = Verb("close", "x", "close the position under the cursor", "Sell the whole position")
PANIC = Verb("panic", "!", "panic: press twice to flatten every instance", "EVERY instance")


@dataclass(frozen=True, slots=True)
class Wish:
    """A verb for instances (none named: all of them), with the rest of its arguments."""

    verb: Verb
    names: tuple[str, ...]
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What a dialog asks before this is done; empty when nothing needs asking."""
        if self.verb is START and self.args.get("yes"):
            return f"{', '.join(self.names)} trades REAL money. Start?"
        if self.verb is CLOSE:
            return f"Sell the whole position in {self.args['symbol']} of {self.args['name']}?"
        return f"{self.verb.asks} {', '.join(self.names)}?" if self.verb.asks else ""


class Wished(Message):
    """A screen would like something done."""

    def __init__(self, wish: Wish) -> None:
        """Carry the wish to the application."""
        super().__init__()
        self.wish = wish


def to_start(rows: Sequence[Row]) -> list[Wish]:
    """Restart what is alive and start what stands still; whatever trades real money is asked about apart."""
    alive = tuple(row.name for row in rows if row.alive)
    still = tuple(row.name for row in rows if not row.alive and row.mode != "live")
    live = tuple(row.name for row in rows if not row.alive and row.mode == "live")
    wishes = [Wish(RESTART, alive), Wish(START, still), Wish(START, live, {"yes": True})]
    return [wish for wish in wishes if wish.names]


def to_pause(rows: Sequence[Row]) -> list[Wish]:
    """Resume what an operator or a limit holds back, pause the rest."""
    held = tuple(row.name for row in rows if row.paused_by_operator)
    free = tuple(row.name for row in rows if not row.paused_by_operator)
    return [wish for wish in (Wish(RESUME, held), Wish(PAUSE, free)) if wish.names]


def named(verb: Verb, rows: Sequence[Row]) -> list[Wish]:
    """Wish a verb for all these rows at once."""
    names = tuple(row.name for row in rows)
    return [Wish(verb, names)] if names else []
