"""Every key in one place."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from investbot.tui.columns import COLUMNS
from investbot.tui.verbs import CLOSE, FLATTEN, PANIC, PAUSE, RESTART, STOP

KEYS: tuple[tuple[str, str], ...] = (
    ("enter / esc", "into an instance, back out"),
    ("/", "filter: words that a row must hold; enter keeps, esc drops"),
    ("space", "mark rows: a verb is then for all marked ones"),
    *((verb.key, verb.summary) for verb in (STOP, RESTART, PAUSE, FLATTEN, CLOSE, PANIC)),
    ("1 … 5", "orders, fills, trips, signals, log of an instance"),
    ("l", "log of the instance under the cursor"),
    ("← →", "the columns further right"),
    (
        "shift+letter",
        "sort, again to turn round: " + ", ".join(f"{each.letter} {each.title.lower()}" for each in COLUMNS),
    ),
    ("ctrl+p", "palette: every command by name"),
    ("?", "this help"),
    ("q", "quit; instances go on"),
)

_WORDS = (
    "AGE is the age of all figures of a row; a red `!` marks figures that should be younger. "
    "LIVE is real money, PAPER simulated, SANDBOX a venue's test money. "
    "Sums are kept apart by mode and currency."
)


class Help(ModalScreen[None]):
    """The keys and what the words mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "dismiss", "back")]

    def compose(self) -> ComposeResult:
        """Lay the help out."""
        table = Table.grid(padding=(0, 2))
        for key, meaning in KEYS:
            table.add_row(key, meaning)
        with VerticalScroll(classes="dialog help"):
            yield Static(table)
            yield Static(_WORDS, classes="keys", markup=False)
