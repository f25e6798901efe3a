"""How an instance ended: an exit code that says who acts, and one sentence for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from investbot.domain.errors import InvestBotError
from investbot.domain.market import Millis
from investbot.domain.times import rfc3339

BUG = 70


@dataclass(frozen=True, slots=True)
class Ending:
    """`exit_code` 0 for work that is done, else the code of the error; `message` is its sentence.

    `finished` says that there is nothing more to do, as after the last candle of a replay.
    """

    exit_code: int
    message: str
    finished: bool = False

    @classmethod
    def done(cls, message: str, *, finished: bool = False) -> Ending:
        """Work that came to its end or was stopped."""
        return cls(0, message, finished)

    @classmethod
    def failed(cls, name: str, error: BaseException) -> Ending:
        """Work that an error ended; one that nobody foresaw is a bug and shows no more than its kind."""
        if isinstance(error, InvestBotError):
            return cls(error.exit_code, str(error))
        return cls(
            BUG,
            f"{name} stopped on a bug ({type(error).__name__}); `investbot logs {name}` shows where.",
        )

    def record(self, at: Millis, pid: int, start_time: int | None) -> dict[str, Any]:
        """Tell the ending as exit.json does; `at` in milliseconds UTC, `start_time` in clock ticks since boot."""
        return {
            "at": rfc3339(at),
            "code": self.exit_code,
            "message": self.message,
            "finished": self.finished,
            "pid": pid,
            "start_time": start_time,
        }
