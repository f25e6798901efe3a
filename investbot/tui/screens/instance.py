"""One instance: its figures with their age, what it holds, its orders, trades, opinions and log."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher, Footer

from investbot.tui import figures as fig
from investbot.tui import holdings
from investbot.tui.figures import Cell, Tone
from investbot.tui.model import Detail, Row, Snapshot
from investbot.tui.screens.operating import OperatingScreen
from investbot.tui.verbs import CLOSE, Wish, Wished
from investbot.tui.widgets.grid import Grid
from investbot.tui.widgets.line import Line
from investbot.tui.widgets.top_line import TopLine

PANELS = ("orders", "fills", "trips", "signals", "log")


class InstanceScreen(OperatingScreen):
    """Reads nothing itself: the application shows it snapshots and details."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "back"),
        Binding("x", "close_position", "close"),
        *(Binding(str(number), f"panel('{name}')", name, show=False) for number, name in enumerate(PANELS, 1)),
        Binding("l", "panel('log')", "log", show=False),
    ]

    def __init__(self, name: str, *, read_only: bool, panel: str = PANELS[0]) -> None:
        """Show the instance `name`, beginning with `panel`."""
        super().__init__(read_only=read_only)
        self.instance = name
        self._panel = panel
        self._detail: Detail | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield TopLine(id="top")
        yield Line(id="figures")
        yield Grid(holdings.POSITIONS, empty="nothing is held", fixed=1, id="positions")
        yield Line(id="panels")
        with ContentSwitcher(initial=self._panel):
            yield Grid(holdings.ORDERS, empty="no orders yet", id="orders")
            yield Grid(holdings.FILLS, empty="no fills yet", id="fills")
            yield Grid(holdings.TRIPS, empty="no round trips yet", id="trips")
            yield Grid(holdings.SIGNALS, empty="no signals yet", id="signals")
            yield Grid(holdings.LOG, empty="the log is empty", id="log")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show what is known already."""
        self.action_panel(self._panel)
        if self.snapshot is not None:
            self.paint(self.snapshot, self.seen_at)

    def paint(self, snapshot: Snapshot, now: float) -> None:
        """Bring the head and the figures to the screen."""
        row = snapshot.row(self.instance)
        if row is None:
            gone = Text(f"{self.instance} is not there any more; esc goes back.", Tone.BAD.value)
            self.query_one(TopLine).show(gone)
            return
        self.query_one(TopLine).show_instance(row, snapshot, now, read_only=self.read_only)
        self.query_one("#figures", Line).show(figures(row, snapshot, now))
        self._paint_detail()

    def show_detail(self, detail: Detail) -> None:
        """Take in what was read of the instance."""
        self._detail = detail
        if self.is_mounted:
            self._paint_detail()

    def chosen(self) -> list[Row]:
        """Give the row of this instance."""
        row = self.snapshot.row(self.instance) if self.snapshot else None
        return [row] if row else []

    def action_panel(self, name: str) -> None:
        """Bring one of the panels to the front."""
        self._panel = name
        self.query_one(ContentSwitcher).current = name
        self.query_one(f"#{name}", Grid).focus()
        text = Text(no_wrap=True, overflow="ellipsis")
        for number, panel in enumerate(PANELS, 1):
            text.append(f" {number} {panel} ", "reverse" if panel == name else "").append(" ")
        self.query_one("#panels", Line).show(text)
        self._paint_detail()

    def action_close_position(self) -> None:
        """Sell one position, after a question: the one under the cursor of the positions."""
        symbol = self.query_one("#positions", Grid).current
        if symbol is None:
            self.notify("Nothing is held.", severity="warning")
            return
        self.post_message(Wished(Wish(CLOSE, (), {"name": self.instance, "symbol": symbol})))

    def _paint_detail(self) -> None:
        detail = self._detail
        if detail is None:
            return
        row = self.snapshot.row(self.instance) if self.snapshot else None
        held = self.query_one("#positions", Grid)
        held.show(holdings.positions(detail, row), detail.why)
        read = "not read" if detail.at is None else f"read {fig.duration(max(0.0, self.seen_at - detail.at))} ago"
        held.caption(f"positions, {read}")
        self.query_one(f"#{self._panel}", Grid).show(self._rows(detail, row))

    def _rows(self, detail: Detail, row: Row | None) -> holdings.Cells:
        match self._panel:
            case "fills":
                return holdings.fills(detail)
            case "trips":
                return holdings.trips(detail)
            case "signals":
                return holdings.signals(detail)
            case "log":
                return holdings.log(detail)
            case _:
                return holdings.orders(detail, row)


def figures(row: Row, snapshot: Snapshot, now: float) -> Text:
    """Write the figures of an instance with their age; stale ones are dim and say so."""
    stale = fig.is_stale(row, snapshot, now)
    text = Text(no_wrap=True, overflow="ellipsis")

    def put(name: str, cell: Cell) -> None:
        text.append(f"{name} ", Tone.DIM.value)
        text.append(cell.text, Tone.DIM.value if stale else cell.tone.value).append("   ")

    put("equity", Cell(f"{fig.money(row.equity)} {row.quote}", Tone.STRONG))
    put("cash", Cell(fig.money(row.cash)))
    put("day", fig.gain(row.day_pnl))
    put("total", fig.gain(row.total_pnl))
    put("of", Cell(fig.money(row.capital)))
    text.append("\n")
    put("trading", fig.trading_cell(row))
    if row.paused:
        put("by", Cell(", ".join(row.paused), Tone.WARN))
    put("win rate", Cell(fig.percent(row.win_rate)))
    put("profit factor", Cell(fig.NONE if row.profit_factor is None else f"{row.profit_factor:.2f}"))
    put("drawdown", Cell(fig.percent(row.drawdown, 2)))
    text.append("\n")
    age = fig.duration(fig.age_s(row, snapshot, now))
    put("figures", Cell(f"{age} old", Tone.BAD if stale else Tone.PLAIN))
    if stale:
        text.append("STALE  ", Tone.BAD.value)
    put("last candle", Cell(fig.candle_text(row, snapshot, now)))
    put("up", Cell(fig.uptime(row.uptime_s)))
    text.append("\n")
    put("on", Cell(" ".join(part for part in (row.venue, *row.symbols, row.timeframe, row.strategy) if part)))
    put("restarts", Cell(fig.NONE if row.restarts is None else str(row.restarts)))
    text.append("\n")
    if row.error:
        text.append(f"error {row.error}", Tone.BAD.value)
    else:
        put("signal", Cell(fig.signal_text(row)))
    return text
