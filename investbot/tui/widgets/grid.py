"""A table that paints only the cells that have changed: over SSH a whole repaint a second is what makes it slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.text import Text
from textual.coordinate import Coordinate
from textual.geometry import Region
from textual.widgets import DataTable

from investbot.tui.figures import Cell


@dataclass(frozen=True, slots=True)
class Head:
    """The title of a column and its width in characters."""

    title: str
    width: int
    right: bool = False


class Grid(DataTable[Text]):
    """Rows are told apart by an id of the caller's; the cursor stays on its id when the order changes."""

    _holding = False

    def __init__(self, heads: Sequence[Head], *, empty: str, fixed: int = 0, id: str | None = None) -> None:  # noqa: A002
        """Show `heads`, the first `fixed` of them always, and `empty` where there are no rows."""
        super().__init__(id=id, cursor_type="row", cell_padding=0, fixed_columns=fixed, zebra_stripes=False)
        self._heads = tuple(heads)
        self._empty = empty
        self._ids: list[str] = []
        self._captions = ["", ""]
        self._shown: list[tuple[Cell, ...]] = []

    def on_mount(self) -> None:
        """Make the columns."""
        for head in self._heads:
            label = Text(head.title.rjust(head.width) if head.right else head.title, no_wrap=True)
            self.add_column(label, width=head.width + 1, key=head.title)

    @property
    def current(self) -> str | None:
        """The id under the cursor."""
        return self._ids[self.cursor_row] if self.cursor_row < len(self._ids) else None

    def show(self, rows: Sequence[tuple[str, tuple[Cell, ...]]], note: str = "") -> None:
        """Show these rows, and `note` below; nothing that is already on the screen is painted again."""
        before = self.current
        ids = [row_id for row_id, _ in rows]
        while self.row_count > len(ids):
            self.remove_row(str(self.row_count - 1))
            self._shown.pop()
        for index, (_, cells) in enumerate(rows):
            if index == self.row_count:
                self.add_row(*(self._text(column, cell) for column, cell in enumerate(cells)), key=str(index))
                self._shown.append(cells)
            else:
                self._change(index, cells)
        self._ids = ids
        if before is not None and before != self.current and before in ids:
            self.move_cursor(row=ids.index(before))
        self.caption(below=note or ("" if ids else self._empty))

    def caption(self, above: str | None = None, below: str | None = None) -> None:
        """Write into the border; the same words again are not painted again, as the library would."""
        if above is not None and above != self._captions[0]:
            self._captions[0] = above
            self.border_title = Text(above)
        if below is not None and below != self._captions[1]:
            self._captions[1] = below
            self.border_subtitle = Text(below)

    def _change(self, index: int, cells: tuple[Cell, ...]) -> None:
        shown = self._shown[index]
        for column, cell in enumerate(cells):
            if cell != shown[column]:
                where = Coordinate(index, column)
                self._holding = True
                self.update_cell_at(where, self._text(column, cell))
                self._holding = False
                self.refresh_coordinate(where)
        self._shown[index] = cells

    def _text(self, column: int, cell: Cell) -> Text:
        head = self._heads[column]
        text = cell.text if len(cell.text) <= head.width else f"{cell.text[: head.width - 1]}…"
        badge = " on " in cell.tone
        shown = f" {text} " if badge and len(text) + 2 <= head.width else text
        return Text(shown.rjust(head.width) if head.right else shown, style=cell.tone.value, no_wrap=True, end="")

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Leave the screen alone while a cell changes: `_change` paints that cell, the library would paint them all."""
        if self._holding:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
