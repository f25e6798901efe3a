"""The lifecycle table under any order of events, driven as a keeper drives it, with a model of the world."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from investbot.domain.states import InstanceState as State
from investbot.supervisor.lifecycle import (
    UNCOUNTED,
    Adopted,
    Do,
    Elapsed,
    Event,
    Exited,
    HeartbeatLost,
    Life,
    Patience,
    Ready,
    RestartAsked,
    RestartPolicy,
    StartAsked,
    StopAsked,
    Timer,
    Wait,
    step,
)

POLICY = RestartPolicy(backoff_s=1.0, max_s=8.0, limit=4, window_s=100.0, stable_s=30.0)
PATIENCE = Patience()


class World(RuleBasedStateMachine):
    """A process is there or not; the table must never make a second one, nor undo a manual stop."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.now = 1000.0
        self.process = False
        self.timer: tuple[Timer, float] | None = None
        self.stopped_by_hand = False
        self.failures: list[float] = []

    def tell(self, event: Event) -> None:
        before = self.life
        self.life, actions = step(before, event, self.now, POLICY, PATIENCE)
        for action in actions:
            match action:
                case Wait(timer, seconds):
                    assert seconds > 0
                    self.timer = (timer, self.now + seconds)
                case Do.SPAWN:
                    assert not self.process, "a second process"
                    assert not self.stopped_by_hand, "a manual stop was undone"
                    self.process = True
                case Do.ASK_TO_STOP | Do.ABORT | Do.KILL:
                    assert self.process
        if self.life.state is State.BACKOFF and before.state is not State.BACKOFF:
            assert self.timer is not None
            assert self.timer[0] is Timer.BACKOFF
            delay = self.timer[1] - self.now
            assert POLICY.backoff_s * 0.75 - 1e-9 <= delay <= POLICY.max_s * 1.25 + 1e-9

    @rule(seconds=st.floats(0.1, 200.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def start(self) -> None:
        self.stopped_by_hand = False
        self.tell(StartAsked())
        assert self.life.wanted

    @rule()
    def restart(self) -> None:
        self.stopped_by_hand = False
        self.tell(RestartAsked())
        assert self.life.wanted

    @rule()
    def stop(self) -> None:
        self.stopped_by_hand = True
        self.tell(StopAsked())
        assert not self.life.wanted

    @precondition(lambda self: self.process)
    @rule()
    def ready(self) -> None:
        self.tell(Ready())

    @precondition(lambda self: self.process)
    @rule(code=st.sampled_from([0, 1, 70, 75, 77, 78, -9, -6, None]), chance=st.floats(0, 1))
    def process_ends(self, code: int | None, chance: float) -> None:
        before = self.life.state
        self.process = False
        self.timer = None
        self.tell(Exited(code, "It ended.", chance))
        after = self.life.state
        if before is State.STOPPING:
            assert after in {State.STOPPED, State.STARTING}
        elif code == 0:
            assert after is State.EXITED
        elif code in {77, 78}:
            assert after is State.FATAL
        elif code == UNCOUNTED:
            assert after is State.BACKOFF
        else:
            assert after is (State.FATAL if len(self.life.failures) >= POLICY.limit else State.BACKOFF)
        assert (after is State.FATAL) <= bool(self.life.error)

    @precondition(lambda self: self.process)
    @rule()
    def it_falls_silent(self) -> None:
        self.tell(HeartbeatLost(31.0))

    @precondition(lambda self: self.timer is not None)
    @rule()
    def timer_elapses(self) -> None:
        assert self.timer is not None
        timer, at = self.timer
        self.now = max(self.now, at)
        self.timer = None
        self.tell(Elapsed(timer))

    @rule(timer=st.sampled_from(list(Timer)))
    def a_stale_timer_elapses(self, timer: Timer) -> None:
        if self.timer is None and self.life.state is not State.BACKOFF:
            self.tell(Elapsed(timer))

    @precondition(lambda self: not self.process)
    @rule()
    def a_stranger_is_found(self) -> None:
        self.process = True
        self.stopped_by_hand = False
        self.tell(Adopted())

    @invariant()
    def state_and_process_agree(self) -> None:
        assert self.life.alive is self.process

    @invariant()
    def a_life_in_backoff_has_a_way_out(self) -> None:
        if self.life.state is State.BACKOFF:
            assert self.timer is not None

    @invariant()
    def what_stops_is_killed_in_the_end(self) -> None:
        if self.life.state is State.STOPPING or (self.life.alive and self.life.hung):
            assert self.timer is None or self.timer[0] is Timer.KILL


TestLifecycle = World.TestCase
