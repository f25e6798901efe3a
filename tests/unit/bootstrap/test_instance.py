"""An instance run in the foreground of this very process: parts put together, log, last word."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap import instance
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.instance import flatten_stopped, run_foreground
from investbot.domain.errors import TryAgain, UnknownInstance
from investbot.instance.lock import InstanceLock
from tests.integration.instance_homes import (
    KEY,
    ending,
    events,
    log_lines,
    make_home,
    make_instance,
    replaying,
    write_candles,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


@pytest.fixture
def alpha(home: Home, tmp_path: Path) -> InstanceHome:
    return replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 300))


def test_it_runs_to_the_end_and_leaves_the_process_as_it_was(home: Home, alpha: InstanceHome) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), logging.getLogger("investbot").level)
    ended = run_foreground(home.path, "alpha", KEY)
    assert (ended.exit_code, ended.message) == (0, "alpha has worked through all its candles.")
    assert ending(alpha)["code"] == 0
    assert log_lines(alpha)[0]["event"] == "started"
    assert events(alpha)[-1]["kind"] in {"SourceFinished", "PositionClosed", "OrderChanged", "PeakRaised"}
    assert (list(root.handlers), logging.getLogger("investbot").level) == before


def test_configuration_comes_before_the_store_and_the_store_before_the_venue(
    home: Home, alpha: InstanceHome, tmp_path: Path
) -> None:
    (tmp_path / "candles.csv").unlink()
    alpha.ledger.rename(tmp_path / "ledger.db")
    good = alpha.settings.read_text()
    alpha.settings.write_text(good.replace("[risk]", "[rsik]"))
    assert run_foreground(home.path, "alpha", KEY).exit_code == 78
    alpha.settings.write_text(good)
    assert run_foreground(home.path, "alpha", KEY).exit_code == 74
    (tmp_path / "ledger.db").rename(alpha.ledger)
    assert run_foreground(home.path, "alpha", KEY).exit_code == 65
    assert [line["exit_code"] for line in log_lines(alpha) if line["event"] == "failed"] == [78, 74, 65]


def test_the_log_is_put_aside_as_the_profile_says(home: Home, tmp_path: Path) -> None:
    file = write_candles(tmp_path / "candles.csv", 1500)
    beta = replaying(home, "beta", file, "logging.max_bytes=20000", "logging.total_bytes=60000")
    run_foreground(home.path, "beta", KEY)
    sizes = [path.stat().st_size for path in beta.log_files()]
    assert len(sizes) > 2
    assert max(sizes) <= 20_000
    assert sum(sizes) <= 60_000


def test_a_last_word_that_cannot_be_written_changes_nothing(
    home: Home, alpha: InstanceHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(instance, "write_beside", refuse)
    assert run_foreground(home.path, "alpha", KEY).exit_code == 0
    assert not alpha.exit.exists()
    last: dict[str, Any] = log_lines(alpha)[-1]
    assert (last["event"], last["why"]) == ("exit_not_written", "No space left on device")


def test_a_home_that_is_held_is_left_alone(home: Home, alpha: InstanceHome) -> None:
    alpha.exit.write_text(json.dumps({"code": 7}))
    with InstanceLock(alpha.lock, "alpha"):
        with pytest.raises(TryAgain, match="already running"):
            run_foreground(home.path, "alpha", KEY)
        with pytest.raises(TryAgain, match="already running"):
            flatten_stopped(home.path, "alpha", KEY)
    assert ending(alpha) == {"code": 7}
    with pytest.raises(UnknownInstance):
        run_foreground(home.path, "nobody", KEY)


def test_flattening_keeps_the_log_of_the_caller_apart(home: Home, alpha: InstanceHome) -> None:
    run_foreground(home.path, "alpha", KEY)
    count = len(log_lines(alpha))
    logging.getLogger("investbot.supervisor").warning("elsewhere")
    assert flatten_stopped(home.path, "alpha", KEY, "ana")["flat"] is True
    assert "elsewhere" not in alpha.log.read_text()
    assert len(log_lines(alpha)) == count + 1  # the operator's pause


def test_a_synthetic_instance_needs_no_file(home: Home) -> None:
    gamma = make_instance(
        home, "gamma", "venue.name=synthetic", "venue.synthetic.candles=400", "venue.synthetic.speed=0"
    )
    assert run_foreground(home.path, "gamma", KEY).exit_code == 0
    assert events(gamma)[0]["kind"] == "CapitalAllocated"
