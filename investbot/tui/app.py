"""`investbot dash`: the dashboard of one fleet in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen

from investbot.tui.control_reader import ControlReader
from investbot.tui.model import Reader, Snapshot
from investbot.tui.palette import commands
from investbot.tui.screens.dialogs import Confirm, Panic
from investbot.tui.screens.fleet import FleetScreen
from investbot.tui.screens.help import Help
from investbot.tui.screens.instance import InstanceScreen
from investbot.tui.screens.operating import OperatingScreen
from investbot.tui.terminal import leave_politely
from investbot.tui.verbs import PANIC, Wish, Wished

EVERY_S = 0.5
"""Seconds between two looks at the reader; only what has changed is painted."""


class Dash(App[None]):
    """Looks at the reader, shows its screens what it sees, and does what they wish unless it is read-only."""

    CSS = Path(__file__).with_name("theme.tcss").read_text(encoding="utf-8")
    TITLE = "InvestBot"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "panic", "PANIC", key_display="!"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(
        self, reader: Reader, *, read_only: bool, now: Callable[[], float] = time.monotonic, every_s: float = EVERY_S
    ) -> None:
        """Show what `reader` tells, by the clock `now` in seconds, looking every `every_s` seconds."""
        super().__init__()
        self._reader = reader
        self._read_only = read_only
        self._now = now
        self._every_s = every_s
        self._polling = False
        self._snapshot: Snapshot | None = None

    async def on_mount(self) -> None:
        """Open the fleet and begin to look."""
        leave_politely(self)
        await self.push_screen(FleetScreen(read_only=self._read_only))
        self.set_interval(self._every_s, self.look)
        self.look()

    def look(self) -> None:
        """Ask the reader unless the last question is still open; meanwhile the figures on the screen grow old."""
        self._show()
        if not self._polling:
            self._polling = True
            self.run_worker(self.poll(), group="poll")

    async def poll(self) -> None:
        """Read the fleet and the instance on the screen, and show them."""
        try:
            self._snapshot = await self._reader.fleet()
            self._show()
            for screen in self.screen_stack:
                if isinstance(screen, InstanceScreen):
                    screen.show_detail(await self._reader.instance(screen.instance))
        except Exception as error:  # noqa: BLE001 - a bug must not take the screen away from an operator
            self._say(f"The dashboard could not read: {type(error).__name__}: {error}", "error")
        finally:
            self._polling = False

    async def on_fleet_screen_opened(self, opened: FleetScreen.Opened) -> None:
        """Show one instance."""
        await self.push_screen(InstanceScreen(opened.name, read_only=self._read_only, panel=opened.panel))
        self.look()

    async def on_wished(self, wished: Wished) -> None:
        """Do what a screen wishes, after its question if it has one."""
        wish = wished.wish
        if not self._refused() and wish.question:
            await self.push_screen(Confirm(wish.question), lambda yes: self._do(wish) if yes else None)
        elif not self._read_only:
            self._do(wish)

    async def action_panic(self) -> None:
        """Take the first of the two panic keys."""
        rows = self._snapshot.rows if self._snapshot else ()
        if self._refused():
            return
        if not rows:
            self._say("There is no instance to flatten.", "warning")
            return
        dialog = Panic(tuple(row.name for row in rows), live=sum(row.mode == "live" for row in rows))
        await self.push_screen(dialog, lambda yes: self._do(Wish(PANIC, ())) if yes else None)

    async def action_help(self) -> None:
        """Show every key."""
        await self.push_screen(Help())

    async def action_back(self) -> None:
        """Leave an instance."""
        await self.pop_screen()
        self._show()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer the keys by name in the palette, without the framework's own screenshots and themes."""
        return commands(self, screen)

    async def on_unmount(self) -> None:
        """Hang up."""
        await self._reader.close()

    def _show(self) -> None:
        if self._snapshot is not None:
            for screen in self.screen_stack:
                if isinstance(screen, OperatingScreen):
                    screen.show(self._snapshot, self._now())

    def _refused(self) -> bool:
        if self._read_only:
            self._say("This dashboard is read-only; start it without --read-only to act.", "warning")
        return self._read_only

    def _say(self, sentence: str, severity: SeverityLevel = "information") -> None:
        self.notify(sentence, severity=severity, timeout=12 if severity == "error" else 5, markup=False)

    def _do(self, wish: Wish) -> None:
        self.run_worker(self._act(wish), group="act")

    async def _act(self, wish: Wish) -> None:
        self.notify(f"{wish.verb.name} {', '.join(wish.names)} …", timeout=1.5, markup=False)
        try:
            for result in await self._reader.act(wish.verb.name, wish.names, wish.args):
                self._say(f"{result.name}: {result.message}", "information" if result.ok else "error")
        except Exception as error:  # noqa: BLE001 - a bug must not take the screen away from an operator
            self._say(f"{wish.verb.name} failed: {type(error).__name__}: {error}", "error")


def run(socket_path: Path, *, read_only: bool, offline: Callable[[], list[dict[str, Any]]] | None = None) -> int:
    """Show the fleet behind a control socket until the operator quits, and give the exit code."""
    (dash := Dash(ControlReader(socket_path, offline), read_only=read_only)).run()
    return dash.return_code or 0
