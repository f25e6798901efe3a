"""The life of an instance process as a pure table: one state and one event in, the next state and the actions out.

The states are supervisord's (supervisord.org/subprocess.html). Moments and durations are seconds of a monotonic clock
that the caller reads; random numbers are passed in. Nothing here waits, forks or looks at a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import assert_never

from investbot.domain.states import InstanceState

PARKS = frozenset({77, 78})
"""Exit codes that only an operator can cure: a key or a file must change first."""
UNCOUNTED = 75
"""The exit code of an instance that asks to be tried again; it never parks."""
INVARIANT = 70
_AS_ASKED = frozenset({0, -15, None})
"""How a process ends that was told to: in order, or by SIGTERM before it could listen; an adopted one may not tell."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The `[restart]` table of a profile: delays and window in seconds, `jitter` a fraction of the delay.

    `limit` failures within `window_s` park the instance; running for `stable_s` resets the delay.
    """

    backoff_s: float = 0.5
    max_s: float = 20.0
    limit: int = 10
    window_s: float = 600.0
    jitter: float = 0.25
    stable_s: float = 60.0

    def delay_s(self, attempt: int, chance: float) -> float:
        """Seconds to wait before the `attempt`-th restart in a row (from 1); `chance` in [0, 1] spreads by ±jitter."""
        doublings = min(attempt - 1, 32)
        return min(self.backoff_s * 2.0**doublings, self.max_s) * (1 + self.jitter * (2 * chance - 1))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits, in seconds: for a stop, after SIGABRT, for the first frame and between frames."""

    stop_s: float = 10.0
    abort_s: float = 5.0
    start_s: float = 120.0
    heartbeat_s: float = 30.0


class Timer(StrEnum):
    """What a waiting time is for; an instance has at most one running."""

    BACKOFF = "backoff"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one instance process; `since` and `failures` are monotonic seconds.

    `attempts` counts restarts in a row, `restarts` all of them; `again` means start anew once the process is gone;
    `hung` that it was sent SIGABRT; `error` is the sentence for the operator.
    """

    state: InstanceState = InstanceState.STOPPED
    since: float = 0.0
    failures: tuple[float, ...] = ()
    attempts: int = 0
    restarts: int = 0
    again: bool = False
    hung: bool = False
    exit_code: int | None = None
    error: str | None = None

    @property
    def alive(self) -> bool:
        """Tell whether a process stands behind this state."""
        return self.state in {InstanceState.STARTING, InstanceState.RUNNING, InstanceState.STOPPING}

    @property
    def wanted(self) -> bool:
        """Tell whether the instance should be running if the supervisor were to begin anew."""
        if self.state is InstanceState.STOPPING:
            return self.again
        return self.state in {InstanceState.STARTING, InstanceState.RUNNING, InstanceState.BACKOFF}


@dataclass(frozen=True, slots=True)
class StartAsked:
    """An operator wants it to run; forgets earlier failures."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """An operator wants it to stand still."""


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """An operator wants it to stop and to start again."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It has recovered and acts on candles."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A process that this supervisor did not start holds the instance's lock and is watched from now on."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The process is gone. `code` is negative for a signal, None when nobody can tell; `chance` in [0, 1]."""

    code: int | None
    message: str | None = None
    chance: float = 0.5


@dataclass(frozen=True, slots=True)
class HeartbeatLost:
    """It has said nothing for `silent_s` seconds."""

    silent_s: float


@dataclass(frozen=True, slots=True)
class Elapsed:
    """A waiting time is over."""

    timer: Timer


Event = StartAsked | StopAsked | RestartAsked | Ready | Adopted | Exited | HeartbeatLost | Elapsed


class Do(Enum):
    """What the keeper of an instance has to do."""

    SPAWN = "spawn"
    ASK_TO_STOP = "ask to stop"
    ABORT = "abort"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Wait:
    """Start the one timer anew: send `Elapsed(timer)` after `seconds`."""

    timer: Timer
    seconds: float


Action = Do | Wait
Step = tuple[Life, tuple[Action, ...]]


def step(life: Life, event: Event, now: float, policy: RestartPolicy, patience: Patience) -> Step:
    """Decide what `event` at `now` makes of `life`; an event that means nothing in this state changes nothing."""
    match event:
        case StartAsked():
            return _start(life, now)
        case StopAsked():
            return _stop(life, now, patience, again=False)
        case RestartAsked():
            return _stop(life, now, patience, again=True) if life.alive else _start(life, now)
        case Ready():
            ready = life.state is InstanceState.STARTING and not life.hung
            return (replace(life, state=InstanceState.RUNNING, since=now, error=None), ()) if ready else (life, ())
        case Adopted():
            found = replace(life, state=InstanceState.STARTING, since=now, error=None, exit_code=None)
            return (life, ()) if life.alive else (found, ())
        case HeartbeatLost(silent_s):
            return _abort(life, silent_s, patience)
        case Exited():
            return _exited(life, event, now, policy) if life.alive else (life, ())
        case Elapsed(timer):
            return _elapsed(life, timer, now)
        case _:
            assert_never(event)


def _fresh(life: Life, state: InstanceState, now: float) -> Life:
    return Life(state=state, since=now, restarts=life.restarts)


def _start(life: Life, now: float) -> Step:
    if life.state is InstanceState.STOPPING:
        return replace(life, again=True), ()
    if life.alive:
        return life, ()
    return _fresh(life, InstanceState.STARTING, now), (Do.SPAWN,)


def _stop(life: Life, now: float, patience: Patience, *, again: bool) -> Step:
    if life.state is InstanceState.STOPPING:
        return replace(life, again=again), ()
    if life.alive:
        stopping = replace(life, state=InstanceState.STOPPING, since=now, again=again, failures=(), attempts=0)
        return stopping, (Do.ASK_TO_STOP, Wait(Timer.KILL, patience.stop_s))
    if life.state in {InstanceState.BACKOFF, InstanceState.FATAL}:
        return replace(_fresh(life, InstanceState.STOPPED, now), error=life.error, exit_code=life.exit_code), ()
    return life, ()


def _abort(life: Life, silent_s: float, patience: Patience) -> Step:
    if life.state not in {InstanceState.STARTING, InstanceState.RUNNING} or life.hung:
        return life, ()
    error = f"It gave no sign of life for {silent_s:.0f} s and is being ended; see its log for where it hung."
    return replace(life, hung=True, error=error), (Do.ABORT, Wait(Timer.KILL, patience.abort_s))


def _elapsed(life: Life, timer: Timer, now: float) -> Step:
    if timer is Timer.KILL:
        return (life, (Do.KILL,)) if life.state is InstanceState.STOPPING or (life.alive and life.hung) else (life, ())
    if life.state is not InstanceState.BACKOFF:
        return life, ()
    again = replace(life, state=InstanceState.STARTING, since=now, restarts=life.restarts + 1)
    return again, (Do.SPAWN,)


def _exited(life: Life, event: Exited, now: float, policy: RestartPolicy) -> Step:
    gone = replace(life, since=now, exit_code=event.code, error=event.message, hung=False, again=False)
    if life.state is InstanceState.STOPPING:
        if life.again:
            return replace(_fresh(life, InstanceState.STARTING, now), restarts=life.restarts + 1), (Do.SPAWN,)
        told = None if event.code in _AS_ASKED else event.message or _cause(event.code)
        return replace(gone, state=InstanceState.STOPPED, error=told), ()
    if event.code == 0:
        return replace(gone, state=InstanceState.EXITED, error=None, failures=(), attempts=0), ()
    error = (life.error if life.hung else None) or event.message or _cause(event.code)
    if event.code in PARKS:
        return replace(gone, state=InstanceState.FATAL, error=error), ()
    stable = life.state is InstanceState.RUNNING and now - life.since >= policy.stable_s
    attempts = 1 if stable else life.attempts + 1
    failures = tuple(moment for moment in life.failures if now - moment < policy.window_s)
    if event.code != UNCOUNTED:
        failures = (*failures, now)
        if len(failures) >= policy.limit:
            parked = f"Parked after {len(failures)} failures in {policy.window_s:.0f} s, the last: {error}"
            return replace(gone, state=InstanceState.FATAL, error=parked, failures=failures, attempts=attempts), ()
    waiting = replace(gone, state=InstanceState.BACKOFF, error=error, failures=failures, attempts=attempts)
    return waiting, (Wait(Timer.BACKOFF, policy.delay_s(attempts, event.chance)),)


def _cause(code: int | None) -> str:
    if code is None:
        return "The process ended without a word."
    if code < 0:
        return f"The process was ended by signal {-code}."
    return f"The process ended with exit code {code}."
