"""The keys of an operator, the same on every screen that shows instances."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from investbot.tui.model import Row, Snapshot
from investbot.tui.verbs import FLATTEN, STOP, Wish, Wished, named, to_pause, to_start


class OperatingScreen(Screen[None]):
    """Shows snapshots and turns keys into wishes, which the application grants or refuses."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stop", "stop"),
        Binding("r", "restart", "restart"),
        Binding("p", "pause", "pause"),
        Binding("f", "flatten", "flatten"),
    ]

    def __init__(self, *, read_only: bool) -> None:
        """`read_only` is said in the head; the application refuses what it forbids."""
        super().__init__()
        self.read_only = read_only
        self.snapshot: Snapshot | None = None
        self.seen_at = 0.0

    def show(self, snapshot: Snapshot, now: float) -> None:
        """Take a snapshot in; `now` in the seconds of the snapshot's clock."""
        self.snapshot = snapshot
        self.seen_at = now
        if self.is_mounted:
            self.paint(snapshot, now)

    def paint(self, snapshot: Snapshot, now: float) -> None:
        """Bring the figures to the screen; a screen without figures has nothing to do."""

    def chosen(self) -> list[Row]:
        """Give the rows that a verb is for; none where no instance is shown."""
        return []

    def action_stop(self) -> None:
        """Stop what is chosen."""
        self._wish(named(STOP, self.chosen()))

    def action_restart(self) -> None:
        """Restart what runs, start what does not."""
        self._wish(to_start(self.chosen()))

    def action_pause(self) -> None:
        """Pause entries, or resume them where they are paused."""
        self._wish(to_pause(self.chosen()))

    def action_flatten(self) -> None:
        """Sell everything of what is chosen, after a question."""
        self._wish(named(FLATTEN, self.chosen()))

    def _wish(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            self.post_message(Wished(wish))
