"""Highs and lows in turn: the swings with the lesser of two neighbours on one side left out."""

from __future__ import annotations

from collections import deque

from investbot.analysis.structure.swings import Swing


class ZigZag:
    """The last `most` turns, oldest first, highs and lows alternating.

    A swing on the side of the last turn replaces it when it is further out and is left out when it is not: so the last
    turn may still move, those before it never do.
    """

    __slots__ = ("turns",)

    def __init__(self, most: int) -> None:
        """Begin without any."""
        self.turns: deque[Swing] = deque(maxlen=most)

    def add(self, swing: Swing) -> bool:
        """Take the next swing; tell whether it changed the turns."""
        turns = self.turns
        if turns and turns[-1].side is swing.side:
            if (swing.price - turns[-1].price) * swing.side <= 0.0:
                return False
            turns.pop()
        turns.append(swing)
        return True
