"""Errands: a process of their own, the key on a pipe, answers and refusals that come back whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage.secrets import set_secrets
from investbot.bootstrap.errand import send
from investbot.bootstrap.errands import main
from investbot.bootstrap.home import Home
from investbot.bootstrap.instance import flatten_stopped
from investbot.domain.errors import AuthFailed, TryAgain, UnknownInstance, VaultError
from tests.integration.instance_homes import KEY, make_home, make_instance


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


def test_a_refusal_comes_back_with_its_code_and_sentence(home: Home) -> None:
    make_instance(home, "alpha", "venue.name=binance", "venue.mode=live")
    with pytest.raises((AuthFailed, VaultError), match="`investbot keys set alpha`"):
        send(home.path, "alpha", KEY, "account")
    with pytest.raises(UnknownInstance, match="nobody"):
        send(home.path, "nobody", KEY, "account")


def test_what_never_had_a_candle_is_flat_without_asking_anybody(home: Home) -> None:
    alpha = make_instance(home, "alpha", "venue.name=binance", "venue.mode=sandbox")
    set_secrets(alpha.ledger, KEY, {"apiKey": "a", "secret": "b"}, 0)
    answer = flatten_stopped(home.path, "alpha", KEY, "ana")
    assert (answer["flat"], answer["dust"]) == (True, {})


def test_an_errand_that_takes_too_long_can_be_tried_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*words: Any, **options: Any) -> None:
        raise subprocess.TimeoutExpired("investbot", 1.0)

    monkeypatch.setattr(subprocess, "run", never)
    with pytest.raises(TryAgain, match="kept us waiting"):
        send(home.path, "alpha", KEY, "account")


def test_no_room_for_a_process_can_be_tried_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: Any, **options: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "run", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(TryAgain, match="Resource temporarily unavailable"):
        send(home.path, "alpha", KEY, "account")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_process_without_its_key_says_so(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("investbot.bootstrap.errands.harden", lambda: None)
    reading, writing = os.pipe()
    os.close(writing)
    assert main(["account", "--home", str(home.path), "--name", "alpha", "--key-fd", str(reading)]) == 77
    assert "data key" in capsys.readouterr().err
