"""What happens to processes, in words: started, stopped, crashed, parked, and what went on unseen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from investbot.domain.market import Millis
from investbot.domain.states import InstanceState
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor.lifecycle import UNCOUNTED, Life


@dataclass(frozen=True, slots=True)
class Told:
    """What people were last told of an instance's process: its state and, of one that runs, its process id."""

    state: str
    pid: int | None = None


def of_life(name: str, mode: str, life: Life, now: Told, before: Told | None, at: Millis) -> Notice | None:
    """Tell of a new state; None for one that only leads to another, or that was told already."""
    if now == before:
        return None
    again = life.attempts > 0 or (before is not None and before.state == InstanceState.BACKOFF.value)
    match life.state:
        case InstanceState.RUNNING:
            what = f"{name} is RUNNING again after a failure" if again else f"{name} is RUNNING"
            text = f"Restarted {life.restarts} times so far." if again else ""
            return _notice(at, name, mode, what, text, Tone.GOOD, topic=f"{name}:life" if again else "")
        case InstanceState.STOPPED:
            return _notice(at, name, mode, f"{name} was stopped", life.error or "", Tone.PLAIN)
        case InstanceState.EXITED:
            return _notice(at, name, mode, f"{name} has finished", "Its candles have come to an end.", Tone.PLAIN)
        case InstanceState.BACKOFF:
            what = "asks to be tried again" if life.exit_code == UNCOUNTED else "crashed"
            text = f"{life.error or 'It ended without a word.'}\n{_code(life.exit_code)} It is started again by itself."
            return _notice(at, name, mode, f"{name} {what}", text, Tone.WARNING, Weight.GRAVE, f"{name}:life")
        case InstanceState.FATAL:
            text = (
                f"{life.error or 'It ended without a word.'}\n{_code(life.exit_code)} It stays down until "
                f"`investbot start {name}`; `investbot logs {name}` tells more."
            )
            return _notice(at, name, mode, f"{name} is parked (FATAL)", text, Tone.ALARM, Weight.ALARM)
        case _:
            return None


def ended_unseen(name: str, mode: str, at: Millis, *, again: bool) -> Notice:
    """Tell that a process which was running had ended before this supervisor came."""
    text = "Nobody watched it then; its log tells how it ended. "
    text += "It is started again." if again else f"It stays down until `investbot start {name}`."
    weight = Weight.GRAVE if again else Weight.ALARM
    tone = Tone.WARNING if again else Tone.ALARM
    topic = f"{name}:life" if again else ""
    return _notice(at, name, mode, f"{name} ended while no supervisor watched", text, tone, weight, topic)


def disk_full(at: Millis, sentence: str) -> Notice:
    """Tell of trouble with the disk."""
    title = "The disk is in trouble"
    return Notice(at, Kind.ERRORS, title, text=sentence, weight=Weight.ALARM, tone=Tone.ALARM, topic=":disk")


def supervisor_back(at: Millis, adopted: Sequence[str]) -> Notice:
    """Tell that the last supervisor did not go down in order."""
    lived = f"{len(adopted)} instances lived on: {', '.join(adopted)}." if adopted else "No instance lived on."
    return _notice(at, "", "", "The supervisor is back after it died", lived, Tone.WARNING, Weight.GRAVE, ":back")


def supervisor_up(at: Millis) -> Notice:
    """Tell that a supervisor watches the fleet."""
    return _notice(at, "", "", "The supervisor is up", "", Tone.GOOD)


def supervisor_down(at: Millis) -> Notice:
    """Tell that nobody watches the fleet any more, as asked."""
    return _notice(at, "", "", "The supervisor goes down", "As it was asked to.", Tone.PLAIN)


def _notice(
    at: Millis,
    name: str,
    mode: str,
    title: str,
    text: str,
    tone: Tone,
    weight: Weight = Weight.LIGHT,
    topic: str = "",
) -> Notice:
    return Notice(at, Kind.LIFECYCLE, title, name=name, mode=mode, text=text, weight=weight, tone=tone, topic=topic)


def _code(code: int | None) -> str:
    if code is None:
        return "Nobody can tell its exit code."
    return f"Signal {-code}." if code < 0 else f"Exit code {code}."
