from __future__ import annotations

from dataclasses import replace

import pytest

from investbot.domain.states import InstanceState as State
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.lifecycle import Do, Life, Patience, RestartPolicy, Timer, Wait

POLICY = RestartPolicy(backoff_s=0.5, max_s=20.0, limit=3, window_s=600.0, stable_s=60.0)
PATIENCE = Patience()


def step(life: Life, event: lc.Event, now: float = 100.0, policy: RestartPolicy = POLICY) -> lc.Step:
    return lc.step(life, event, now, policy, PATIENCE)


def live(state: State, **more: object) -> Life:
    return replace(Life(state=state, since=50.0), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attempt", "chance", "seconds"),
    [(1, 0.5, 0.5), (2, 0.5, 1.0), (3, 0.5, 2.0), (1, 0.0, 0.375), (1, 1.0, 0.625), (7, 0.5, 20.0), (500, 1.0, 25.0)],
)
def test_the_delay_doubles_up_to_the_longest_and_is_spread(attempt: int, chance: float, seconds: float) -> None:
    assert POLICY.delay_s(attempt, chance) == pytest.approx(seconds)


@pytest.mark.parametrize("state", [State.STOPPED, State.EXITED, State.FATAL, State.BACKOFF])
def test_start_spawns_and_forgets_failures(state: State) -> None:
    life, actions = step(live(state, failures=(1.0, 2.0), attempts=2, error="Broken.", restarts=4), lc.StartAsked())
    assert (life.state, actions) == (State.STARTING, (Do.SPAWN,))
    assert (life.failures, life.attempts, life.error, life.restarts) == ((), 0, None, 4)


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING])
def test_start_of_what_runs_changes_nothing(state: State) -> None:
    before = live(state)
    assert step(before, lc.StartAsked()) == (before, ())


def test_start_while_stopping_comes_after_the_stop() -> None:
    life, actions = step(live(State.STOPPING), lc.StartAsked())
    assert (life.state, life.again, actions) == (State.STOPPING, True, ())
    life, actions = step(life, lc.Exited(-9))
    assert (life.state, life.restarts, actions) == (State.STARTING, 1, (Do.SPAWN,))


def test_a_stop_after_a_restart_wins() -> None:
    life, _ = step(live(State.RUNNING), lc.RestartAsked())
    life, actions = step(life, lc.StopAsked())
    assert actions == ()
    assert step(life, lc.Exited(0))[0].state is State.STOPPED


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING])
def test_stop_asks_and_then_kills(state: State) -> None:
    life, actions = step(live(state), lc.StopAsked())
    assert (life.state, actions) == (State.STOPPING, (Do.ASK_TO_STOP, Wait(Timer.KILL, 10.0)))
    assert step(life, lc.Elapsed(Timer.KILL)) == (life, (Do.KILL,))


@pytest.mark.parametrize("state", [State.BACKOFF, State.FATAL])
def test_stop_of_what_waits_or_is_parked_is_immediate(state: State) -> None:
    life, actions = step(live(state, error="Why.", failures=(99.0,)), lc.StopAsked())
    assert (life.state, life.error, life.failures, actions) == (State.STOPPED, "Why.", (), ())


@pytest.mark.parametrize("state", [State.STOPPED, State.EXITED])
def test_stop_of_what_stands_still_changes_nothing(state: State) -> None:
    before = live(state)
    assert step(before, lc.StopAsked()) == (before, ())


def test_ready_means_running_once() -> None:
    life, _ = step(live(State.STARTING, error="Old."), lc.Ready())
    assert (life.state, life.since, life.error) == (State.RUNNING, 100.0, None)
    assert step(life, lc.Ready(), 200.0) == (life, ())
    assert step(live(State.STARTING, hung=True), lc.Ready())[0].state is State.STARTING


def test_adoption_is_for_what_has_no_process() -> None:
    life, actions = step(live(State.BACKOFF, failures=(99.0,), attempts=1, error="Old."), lc.Adopted())
    assert (life.state, life.failures, life.attempts, life.error, actions) == (State.STARTING, (99.0,), 1, None, ())
    before = live(State.RUNNING)
    assert step(before, lc.Adopted()) == (before, ())


def test_silence_is_aborted_then_killed_and_counts_as_a_failure() -> None:
    life, actions = step(live(State.RUNNING), lc.HeartbeatLost(31.0))
    assert (life.state, life.hung, actions) == (State.RUNNING, True, (Do.ABORT, Wait(Timer.KILL, 5.0)))
    assert step(life, lc.HeartbeatLost(40.0)) == (life, ())
    assert step(life, lc.Elapsed(Timer.KILL)) == (life, (Do.KILL,))
    life, _ = step(life, lc.Exited(-6))
    assert (life.state, life.failures, life.hung) == (State.BACKOFF, (100.0,), False)
    assert life.error is not None
    assert "no sign of life for 31 s" in life.error


def test_silence_of_what_is_stopping_is_left_to_the_stop() -> None:
    before = live(State.STOPPING)
    assert step(before, lc.HeartbeatLost(31.0)) == (before, ())


def test_success_is_exited_at_any_age() -> None:
    for state in (State.STARTING, State.RUNNING):
        life, actions = step(live(state, failures=(99.0,), attempts=3), lc.Exited(0))
        assert (life.state, life.exit_code, life.failures, life.attempts, actions) == (State.EXITED, 0, (), 0, ())


@pytest.mark.parametrize("code", [77, 78])
def test_what_an_operator_must_cure_is_parked(code: int) -> None:
    life, actions = step(live(State.RUNNING), lc.Exited(code, "Edit it."))
    assert (life.state, life.error, life.exit_code, actions) == (State.FATAL, "Edit it.", code, ())


def test_try_again_is_not_counted_but_waits_longer_each_time() -> None:
    life = live(State.STARTING)
    delays = []
    for _ in range(10):
        life, actions = step(life, lc.Exited(75, "Busy."))
        assert life.state is State.BACKOFF
        assert life.failures == ()
        (wait,) = actions
        assert isinstance(wait, Wait)
        delays.append(wait.seconds)
        life, actions = step(life, lc.Elapsed(Timer.BACKOFF))
        assert actions == (Do.SPAWN,)
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert life.restarts == 10


def test_too_many_failures_within_the_window_park() -> None:
    life = live(State.RUNNING)
    for now in (100.0, 101.0):
        life, _ = step(life, lc.Exited(1, "Broken."), now)
        life, _ = step(life, lc.Elapsed(Timer.BACKOFF), now)
    life, actions = step(life, lc.Exited(1, "Broken."), 102.0)
    assert (life.state, actions) == (State.FATAL, ())
    assert life.error == "Parked after 3 failures in 600 s, the last: Broken."


def test_failures_outside_the_window_are_forgotten() -> None:
    life = live(State.RUNNING, failures=(100.0, 101.0))
    life, _ = step(life, lc.Exited(1), 701.0)
    assert (life.state, life.failures) == (State.BACKOFF, (701.0,))


def test_running_long_enough_resets_the_delay() -> None:
    life, actions = step(live(State.RUNNING, attempts=5), lc.Exited(1), 50.0 + 60.0)
    assert (life.attempts, actions) == (1, (Wait(Timer.BACKOFF, 0.5),))
    life, _ = step(live(State.RUNNING, attempts=5), lc.Exited(1), 50.0 + 59.9)
    assert life.attempts == 6
    life, _ = step(live(State.STARTING, attempts=5), lc.Exited(1), 50.0 + 600.0)
    assert life.attempts == 6


@pytest.mark.parametrize(
    ("code", "words"), [(None, "without a word"), (-9, "ended by signal 9"), (3, "ended with exit code 3")]
)
def test_a_crash_without_a_sentence_is_given_one(code: int | None, words: str) -> None:
    life, _ = step(live(State.RUNNING), lc.Exited(code))
    assert life.error is not None
    assert words in life.error


@pytest.mark.parametrize("state", [State.STOPPED, State.EXITED, State.FATAL, State.BACKOFF])
def test_events_of_a_process_mean_nothing_without_one(state: State) -> None:
    before = live(state)
    for event in (lc.Exited(1), lc.Ready(), lc.HeartbeatLost(99.0), lc.Elapsed(Timer.KILL)):
        assert step(before, event) == (before, ())
    if state is not State.BACKOFF:
        assert step(before, lc.Elapsed(Timer.BACKOFF)) == (before, ())


def test_restart_of_what_stands_still_is_a_start() -> None:
    assert step(live(State.FATAL), lc.RestartAsked())[1] == (Do.SPAWN,)
    life, actions = step(live(State.RUNNING), lc.RestartAsked())
    assert (life.state, life.again, life.wanted) == (State.STOPPING, True, True)
    assert actions == (Do.ASK_TO_STOP, Wait(Timer.KILL, 10.0))


@pytest.mark.parametrize(("code", "error"), [(0, None), (-15, None), (None, None), (-9, "signal 9"), (74, "No room.")])
def test_a_stop_that_was_asked_for_is_no_error(code: int | None, error: str | None) -> None:
    message = "No room." if code == 74 else "It was stopped." if code == 0 else None
    life, actions = step(live(State.STOPPING), lc.Exited(code, message))
    assert (life.state, life.exit_code, actions) == (State.STOPPED, code, ())
    assert life.error is None if error is None else error in (life.error or "")
