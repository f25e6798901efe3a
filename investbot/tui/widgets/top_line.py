"""The head of every screen: whose money, the supervisor, the sums, and that nothing can be changed when so asked."""

from __future__ import annotations

from collections import Counter

from rich.text import Text

from investbot.tui import figures as fig
from investbot.tui.columns import totals
from investbot.tui.figures import Tone
from investbot.tui.model import Link, Row, Snapshot
from investbot.tui.widgets.line import Line

_MODES = ("live", "sandbox", "paper")


class TopLine(Line):
    """Two lines: badges, link and states; sums of each mode and currency."""

    def show_fleet(self, snapshot: Snapshot, now: float, *, read_only: bool) -> None:
        """Show the fleet's head."""
        text = Text(no_wrap=True, overflow="ellipsis")
        modes = Counter(row.mode if row.mode in _MODES else "live" for row in snapshot.rows)
        for mode in _MODES:
            if modes[mode]:
                badge = fig.mode_badge(mode)
                text.append(f" {badge.text} {modes[mode]} ", badge.tone.value).append(" ")
        text.append_text(link(snapshot, now))
        if read_only:
            text.append("  ").append(" READ-ONLY ", "bold black on yellow")
        states = Counter(row.state for row in snapshot.rows)
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        known = "" if snapshot.link is Link.UP else "last known: "
        text.append(f"  {known}{counts}" if counts else "  no instances")
        text.append("\n")
        text.append(totals(snapshot.rows) or snapshot.why)
        self.show(text)

    def show_instance(self, row: Row, snapshot: Snapshot, now: float, *, read_only: bool) -> None:
        """Show the head of one instance in a line."""
        text = Text(no_wrap=True, overflow="ellipsis")
        badge, state = fig.mode_badge(row.mode), fig.state_cell(row.state)
        text.append(f" {badge.text} ", badge.tone.value)
        text.append(f" {row.name} ", Tone.STRONG.value)
        text.append(state.text, state.tone.value).append("  ")
        text.append_text(link(snapshot, now))
        if read_only:
            text.append("  ").append(" READ-ONLY ", "bold black on yellow")
        self.show(text)


def link(snapshot: Snapshot, now: float) -> Text:
    """Say where the figures come from and, when they are not fresh, how old they are."""
    age = now - snapshot.at
    if snapshot.link is Link.UP:
        if age <= fig.STALE_S:
            return Text(snapshot.link.value, Tone.GOOD.value)
        return Text(f" SUPERVISOR SILENT {fig.duration(age)} ", Tone.LIVE.value)
    if snapshot.link is Link.LOST:
        return Text(f" {snapshot.link.value}, figures {fig.duration(age)} old ", Tone.LIVE.value)
    return Text(f" {snapshot.link.value}, from the ledgers {fig.duration(age)} ago ", Tone.SANDBOX.value)
