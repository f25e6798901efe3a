"""An instance and whoever supervises it: heartbeats, events, requests, over a real Unix socket."""

from __future__ import annotations

import json
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.instance import flatten_stopped
from investbot.domain.errors import LedgerError, TryAgain, UnknownInstance
from tests.integration.instance_homes import (
    KEY,
    ending,
    events,
    is_ready,
    log_lines,
    make_home,
    replaying,
    run_to_end,
    running,
    wait_for,
    write_candles,
)

STATUS_KEYS = {
    *("name", "state", "mode", "venue", "symbols", "timeframe", "strategy", "profile", "capital", "equity", "cash"),
    *("open_positions", "day_pnl", "total_pnl", "uptime_s", "win_rate", "profit_factor", "drawdown", "trading_state"),
    *("last_candle_at", "last_signal", "heartbeat_age_s", "pid", "rss_mb", "pss_mb", "restarts", "error"),
}


class FakeSupervisor:
    """Listens where a supervisor would, keeps what instances say, asks what the test wants."""

    def __init__(self, path: Path) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._connection: socket.socket | None = None
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.hellos: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._server.accept()
            except OSError:
                return
            with self._connection, self._connection.makefile("rb") as lines:
                for line in lines:
                    self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        if "hello" in message:
            self.hellos.append(message["hello"])
        elif "status" in message:
            self.rows.append(message["status"])
        elif "event" in message:
            self.events.append(message["event"])
        else:
            self._answers.put(message)

    def ask(self, action: str, **more: Any) -> dict[str, Any]:
        assert self._connection is not None
        body = {"id": 1, "request": {"action": action, **more}}
        self._connection.sendall(json.dumps(body).encode() + b"\n")
        return self._answers.get(timeout=60)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)


@contextmanager
def supervising(home: Home) -> Iterator[FakeSupervisor]:
    fake = FakeSupervisor(home.run.socket)
    try:
        yield fake
    finally:
        fake.close()
        home.run.socket.unlink()


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("h"))


@pytest.fixture
def alpha(home: Home, tmp_path: Path) -> InstanceHome:
    return replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 6000), speed=400)


@pytest.fixture
def slow(home: Home, tmp_path: Path) -> InstanceHome:
    """An instance whose positions live for a second or so."""
    return replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 6000), speed=20)


def held(folder: InstanceHome) -> int:
    kinds = [row["kind"] for row in events(folder)]
    return kinds.count("PositionOpened") - kinds.count("PositionClosed")


def test_it_says_who_it_is_how_it_goes_and_what_happens(home: Home, alpha: InstanceHome) -> None:
    with supervising(home) as fake, running(home, "alpha") as process:
        wait_for(lambda: len([row for row in fake.rows if row["phase"] == "ready"]) >= 2)
        assert fake.hellos[0]["name"] == "alpha"
        assert fake.hellos[0]["pid"] == process.pid
        assert fake.hellos[0]["start_time"] > 0
        row = fake.rows[-1]
        assert set(row) >= STATUS_KEYS
        assert (row["state"], row["mode"], row["venue"], row["profile"]) == ("RUNNING", "paper", "replay", "test")
        assert (row["capital"], row["trading_state"], row["timeframe"]) == ("1000", "ACTIVE", "1m")
        assert row["last_candle_at"].startswith("2024-01-0")
        assert row["rss_mb"] > row["pss_mb"] * 0.5 > 0
        assert row["candles"] > 100
        wait_for(lambda: len(fake.events) > 5)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert wait_for(lambda: fake.rows[-1]["state"] == "STOPPING")
        published = wait_for(lambda: fake.events[-1]["seq"] == len(events(alpha)) and fake.events)
    known = events(alpha)
    assert published == known[known.index(published[0]) :]


def test_a_pause_stops_entries_and_a_resume_lets_them_in_again(home: Home, alpha: InstanceHome) -> None:
    with supervising(home) as fake, running(home, "alpha"):
        wait_for(lambda: fake.rows and fake.rows[-1]["phase"] == "ready" and fake.rows[-1]["candles"])
        paused = fake.ask("pause", by="ana")
        assert paused["ok"] is True
        assert paused["result"]["paused"] == {"operator": "paused by ana"}
        assert [row["kind"] for row in paused["result"]["events"]] == ["EntriesPaused"]
        assert paused["result"]["events"][0] in events(alpha)
        resumed = fake.ask("resume")
        assert resumed["result"]["paused"] == {}
        since = resumed["result"]["events"][0]["seq"]
        wait_for(lambda: [row for row in events(alpha)[since:] if row["kind"] == "PlanMade"])
    refused = [row for row in events(alpha) if row["kind"] == "IntentDenied" and row["limit"] == "entries_paused"]
    entered = [row["seq"] for row in events(alpha) if row["kind"] == "PlanMade"]
    between = range(paused["result"]["events"][0]["seq"], since)
    assert all(row["seq"] in between for row in refused)
    assert not set(entered) & set(between)


def test_flatten_answers_once_flat_and_the_ledger_proves_it(home: Home, slow: InstanceHome) -> None:
    with supervising(home) as fake, running(home, "alpha") as process:
        wait_for(lambda: is_ready(slow) and fake.rows and held(slow))
        answer = fake.ask("flatten", by="ana")
        process.kill()
    assert answer["ok"] is True
    assert answer["result"]["flat"] is True
    assert "PositionClosed" in [row["kind"] for row in answer["result"]["events"]]
    assert held(slow) == 0
    # What was acknowledged survives the kill.
    recorded = events(slow)
    assert [row for row in answer["result"]["events"] if row not in recorded] == []


def test_close_size_and_allocate(home: Home, slow: InstanceHome) -> None:
    with supervising(home) as fake, running(home, "alpha"):
        wait_for(lambda: is_ready(slow) and fake.rows and held(slow))
        closed = fake.ask("close", symbol="BTC/USDT")
        assert closed["ok"] is True, closed
        assert closed["result"]["flat"] is True
        allocated = fake.ask("allocate", amount="1500")
        assert allocated["result"]["capital"] == "1500"
        price = float(fake.rows[-1]["marks"]["BTC/USDT"])
        sized = fake.ask("size", symbol="BTC/USDT", stop=f"{price * 0.992:.2f}")
        assert sized["ok"] is True, sized
        assert 0 < float(sized["result"]["notional"]) <= 30
        assert float(sized["result"]["quantity"]) > 0


REFUSED: tuple[tuple[str, dict[str, str], int, str], ...] = (
    ("close", {}, 64, "lacks its symbol"),
    ("close", {"symbol": "DOGE/USDT"}, 65, "alpha does not trade DOGE/USDT; it trades BTC/USDT."),
    ("size", {"symbol": "BTC/USDT"}, 64, "lacks its stop"),
    ("size", {"symbol": "BTC/USDT", "stop": "1000000"}, 64, "must lie between 0 and the last price"),
    ("size", {"symbol": "BTC/USDT", "stop": "1"}, 65, "stop_max"),
    ("allocate", {}, 64, "lacks its amount"),
    ("allocate", {"amount": "0"}, 78, "An allocation must be above zero."),
)


def test_what_cannot_be_done_is_refused_in_one_sentence(home: Home, alpha: InstanceHome) -> None:
    with supervising(home) as fake, running(home, "alpha"):
        wait_for(lambda: fake.rows and fake.rows[-1]["phase"] == "ready" and fake.rows[-1]["last_candle_at"])
        for action, more, code, sentence in REFUSED:
            answer = fake.ask(action, **more)
            assert (answer["ok"], answer["exit_code"]) == (False, code), answer
            assert sentence in answer["message"]


def test_stop_over_the_link_ends_it_with_code_0(home: Home, alpha: InstanceHome) -> None:
    with supervising(home) as fake, running(home, "alpha") as process:
        wait_for(lambda: fake.rows and fake.rows[-1]["phase"] == "ready")
        assert fake.ask("stop") == {"id": 1, "ok": True, "result": {"action": "stop"}}
        assert process.wait(60) == 0
    assert ending(alpha)["message"] == "alpha was stopped."


def test_it_trades_on_without_a_supervisor_and_dials_the_next_one(home: Home, alpha: InstanceHome) -> None:
    with running(home, "alpha"):
        wait_for(lambda: is_ready(alpha))
        with supervising(home) as first:
            wait_for(lambda: first.rows)
        count = len(events(alpha))
        wait_for(lambda: len(events(alpha)) > count)
        with supervising(home) as second:
            wait_for(lambda: second.rows)
            assert second.hellos[0]["name"] == "alpha"


def test_a_stopped_instance_is_flattened_from_its_ledger(home: Home, slow: InstanceHome) -> None:
    with running(home, "alpha") as process:
        wait_for(lambda: is_ready(slow) and held(slow))
        process.kill()
    assert held(slow) == 1
    before = events(slow)
    done = flatten_stopped(home.path, "alpha", KEY, "ana")
    assert done["flat"] is True
    assert held(slow) == 0
    recorded = events(slow)
    assert recorded[: len(before)] == before
    assert done["events"] == recorded[len(before) :]
    assert flatten_stopped(home.path, "alpha", KEY)["events"] == []
    assert any(line["event"] == "position_closed" for line in log_lines(slow))


def test_a_running_instance_is_not_flattened_behind_its_back(home: Home, alpha: InstanceHome) -> None:
    with running(home, "alpha"):
        wait_for(lambda: is_ready(alpha))
        with pytest.raises(TryAgain, match="alpha is already running"):
            flatten_stopped(home.path, "alpha", KEY)
    with pytest.raises(UnknownInstance):
        flatten_stopped(home.path, "beta", KEY)
    with pytest.raises(LedgerError):
        flatten_stopped(home.path, "alpha", bytes(32))


def test_an_instance_that_never_traded_is_flat(home: Home, tmp_path: Path) -> None:
    replaying(home, "beta", write_candles(tmp_path / "few.csv", 50))
    assert flatten_stopped(home.path, "beta", KEY)["flat"] is True
    assert events(home.instance("beta")) == []
    assert run_to_end(home, "beta")[0] == 0
