"""One or a few lines of text that are painted only when they have changed."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static


class Line(Static):
    """A text; showing the same one again costs nothing."""

    def __init__(self, text: str = "", *, id: str | None = None) -> None:  # noqa: A002
        """Begin with `text`."""
        super().__init__(text, id=id, markup=False)
        self._now: Text | None = None

    def show(self, text: Text) -> None:
        """Show `text` in place of what is there."""
        if self._now is not None and self._now.markup == text.markup:
            return
        self._now = text
        self.update(text)
