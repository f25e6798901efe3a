"""Prices between two closes, for those who hold something that they sell by themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

from investbot.domain.facts import Tick

HearPrice = Callable[[Tick], None]
"""Takes the newest price of a symbol; it must not wait."""


@runtime_checkable
class Prices(Protocol):
    """A market that tells prices while somebody wants them; one that nobody follows costs nothing."""

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        """Tell `heard` the prices of just these symbols from now on, of none at first and with none.

        At most one a second and symbol by the wall, the newest: what a sale would bring (the bid) where it is known,
        else the last one paid, on the symbol's tick. A price that cannot be, or is old, is not told. A symbol that was
        not opened is not followed. Nothing is promised: a market out of reach tells nothing.
        """
        ...
