"""Questions before what cannot be undone: one key for a single instance, two keys for all of them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

PANIC_S = 5.0
"""Seconds in which the second panic key must follow the first."""


class Confirm(ModalScreen[bool]):
    """A question; only `y` is a yes, enter is not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "yes"),
        Binding("n,escape,q", "dismiss(False)", "no"),
    ]

    def __init__(self, question: str) -> None:
        """Ask `question`."""
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        with Vertical(classes="dialog"):
            yield Static(self._question, id="question", markup=False)
            yield Static("y yes   n no", classes="keys", markup=False)


class Panic(ModalScreen[bool]):
    """The first panic key opens it, the second within `PANIC_S` seconds is the order; anything else is not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "dismiss(True)", "flatten everything"),
        Binding("escape,n,q", "dismiss(False)", "no"),
    ]

    def __init__(self, names: tuple[str, ...], *, live: int) -> None:
        """Name what would be sold; `live` of the instances trade real money."""
        super().__init__()
        self._names = names
        self._live = live

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        money = f"{self._live} with REAL money" if self._live else "none with real money"
        with Vertical(classes="dialog panic"):
            yield Static(
                f"PANIC: cancel all orders and sell everything of EVERY instance "
                f"({len(self._names)}, {money}): {', '.join(self._names)}",
                id="question",
                markup=False,
            )
            yield Static(
                f"! again within {PANIC_S:.0f} s does it   esc leaves all as it is", classes="keys", markup=False
            )

    def on_mount(self) -> None:
        """Let the first key grow cold."""
        self.set_timer(PANIC_S, self._too_late)

    async def _too_late(self) -> None:
        if self.is_current:
            await self.action_dismiss(result=False)
