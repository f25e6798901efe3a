"""The fleet: one row an instance."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable, Footer, Input

from investbot.tui import figures as fig
from investbot.tui.columns import BY_LETTER, COLUMNS, Order, arranged
from investbot.tui.figures import Cell, Tone
from investbot.tui.model import Row, Snapshot
from investbot.tui.screens.operating import OperatingScreen
from investbot.tui.widgets.grid import Grid, Head
from investbot.tui.widgets.line import Line
from investbot.tui.widgets.top_line import TopLine

_HEADS = tuple(Head(column.title, column.width, column.right) for column in COLUMNS)


class FleetScreen(OperatingScreen):
    """The table, the words it is filtered by, and the row under the cursor in full."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("space", "mark", "mark"),
        Binding("l", "open('log')", "log", show=False),
        Binding("escape", "clear", "clear", show=False),
        *(
            Binding(letter, f"sort('{letter}')", f"sort by {BY_LETTER[letter].title}", show=False)
            for letter in BY_LETTER
        ),
    ]

    class Opened(Message):
        """An instance is to be looked at."""

        def __init__(self, name: str, panel: str = "orders") -> None:
            """Carry its name and the panel to begin with."""
            super().__init__()
            self.name = name
            self.panel = panel

    def __init__(self, *, read_only: bool) -> None:
        """Begin sorted by name, with nothing marked."""
        super().__init__(read_only=read_only)
        self.order = Order()
        self.words = ""
        self.marked: set[str] = set()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield TopLine(id="top")
        yield Grid(_HEADS, empty="no instance here; `investbot create` makes one", fixed=2, id="fleet")
        yield Line(id="under")
        yield Input(placeholder="words that rows must hold; enter keeps them, esc drops them", id="filter")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        self.query_one("#filter", Input).display = False
        self.query_one(Grid).focus()
        self._repaint()

    def paint(self, snapshot: Snapshot, now: float) -> None:
        """Bring a snapshot to the screen."""
        self.marked &= {row.name for row in snapshot.rows}
        self.query_one(TopLine).show_fleet(snapshot, now, read_only=self.read_only)
        rows = arranged(snapshot.rows, self.words, self.order)
        grid = self.query_one(Grid)
        grid.show([(row.name, self._cells(row, snapshot, now)) for row in rows])
        grid.caption(above=self._title(len(rows), len(snapshot.rows)))
        self._paint_under()

    def chosen(self) -> list[Row]:
        """Give the marked rows, or the one under the cursor."""
        if self.snapshot is None:
            return []
        current = self.query_one(Grid).current
        names = self.marked or ({current} if current else set())
        return [row for row in self.snapshot.rows if row.name in names]

    def action_filter(self) -> None:
        """Ask for the words."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_clear(self) -> None:
        """Drop the filter and the marks."""
        self.marked.clear()
        self.query_one("#filter", Input).value = ""
        self._leave_filter()

    def action_open(self, panel: str) -> None:
        """Open the instance under the cursor with one of its panels."""
        current = self.query_one(Grid).current
        if current is not None:
            self.post_message(self.Opened(current, panel))

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away."""
        current = self.query_one(Grid).current
        if current is not None:
            self.marked ^= {current}
            self._repaint()

    def action_sort(self, letter: str) -> None:
        """Sort by a column, the other way round when it is the one already."""
        self.order = self.order.pressed(letter)
        self._repaint()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the words are typed."""
        self.words = event.value
        self._repaint()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Keep the filter."""
        self._leave_filter()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Open the instance under the cursor."""
        self.action_open("orders")

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Tell more about the row under the cursor."""
        self._paint_under()

    def _leave_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self.query_one(Grid).focus()
        self._repaint()

    def _repaint(self) -> None:
        if self.snapshot is not None:
            self.paint(self.snapshot, self.seen_at)

    def _cells(self, row: Row, snapshot: Snapshot, now: float) -> tuple[Cell, ...]:
        cells = [column.cell(row, snapshot, now) for column in COLUMNS]
        if row.name in self.marked:
            cells[0] = Cell(f"●{row.name}", Tone.WARN)
        if fig.is_stale(row, snapshot, now):
            cells = [
                cell if cell.tone == Tone.BAD or " on " in cell.tone else Cell(cell.text, Tone.DIM) for cell in cells
            ]
        return tuple(cells)

    def _title(self, shown: int, every: int) -> str:
        arrow = "↓" if self.order.descending else "↑"
        parts = [f"fleet {shown}" if shown == every else f"fleet {shown} of {every}"]
        if self.words:
            parts.append(f"/{self.words}")
        if self.marked:
            parts.append(f"{len(self.marked)} marked")
        return "  ".join([*parts, f"{BY_LETTER[self.order.letter].title.lower()} {arrow}"])

    def _paint_under(self) -> None:
        current = self.query_one(Grid).current
        row = self.snapshot.row(current) if self.snapshot and current else None
        text = Text(no_wrap=True, overflow="ellipsis")
        if row is not None:
            where = " ".join(part for part in (row.venue, *row.symbols, row.timeframe, row.strategy) if part)
            memory = "" if row.rss_mb is None else f"  {row.rss_mb:.0f} MB"
            text.append(row.name, Tone.STRONG.value).append(f"  {where}  up {fig.uptime(row.uptime_s)}{memory}\n")
            text.append(f"signal  {fig.signal_text(row)}\n")
            text.append(f"error   {row.error}" if row.error else "", Tone.BAD.value)
        self.query_one("#under", Line).show(text)
