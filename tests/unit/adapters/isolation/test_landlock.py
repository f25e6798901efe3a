"""Landlock as kernels of every age are asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from investbot.adapters.isolation import landlock
from investbot.adapters.isolation.landlock import (
    BIND_TCP,
    CONNECT_TCP,
    MAKE_DIR,
    MAKE_REG,
    READ_DIR,
    READ_FILE,
    REMOVE_DIR,
    REMOVE_FILE,
    RESOLVE_UNIX,
    TRUNCATE,
    WRITE_FILE,
)
from investbot.adapters.isolation.policy import Layer, Policy
from investbot.domain.errors import InvariantError
from tests.unit.adapters.isolation.machine import FakeKernel

EXECUTE, IOCTL, REFER = 1, 1 << 15, 1 << 13
CHANGE = WRITE_FILE | REMOVE_FILE | REMOVE_DIR | MAKE_DIR | MAKE_REG | TRUNCATE


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    for name in ("program", "logs", "run"):
        (tmp_path / name).mkdir()
    for name in ("candles", "ledger"):
        (tmp_path / name).touch()
    return Policy(
        read=(tmp_path / "program", tmp_path / "candles", tmp_path / "nowhere", tmp_path / "candles" / "beneath"),
        write=(tmp_path / "logs", tmp_path / "ledger"),
        meet=(tmp_path / "run",),
        connect=(443, 53),
        listen=(8080,),
    )


def test_each_path_gets_its_rights_and_no_more(tmp_path: Path, policy: Policy) -> None:
    kernel = FakeKernel()
    told = landlock.enforce(kernel, policy)
    assert set(told.values()) == {"on"}
    assert kernel.rights == {
        str(tmp_path / "program"): READ_FILE | READ_DIR,
        str(tmp_path / "candles"): READ_FILE,
        str(tmp_path / "logs"): READ_FILE | READ_DIR | CHANGE,
        str(tmp_path / "ledger"): READ_FILE | WRITE_FILE | TRUNCATE,
        str(tmp_path / "run"): RESOLVE_UNIX,
    }
    assert kernel.ports == [(53, CONNECT_TCP), (443, CONNECT_TCP), (8080, BIND_TCP)]


def test_everything_known_is_handled_and_executing_given_to_nothing(policy: Policy) -> None:
    kernel = FakeKernel()
    landlock.enforce(kernel, policy)
    assert kernel.handled == ((1 << 17) - 1, BIND_TCP | CONNECT_TCP, 0b11)
    assert not any(rights & (EXECUTE | REFER | IOCTL) for rights in kernel.rights.values())


@pytest.mark.parametrize(
    ("abi", "files", "ports", "scopes"),
    [
        (1, (1 << 13) - 1, 0, 0),
        (2, (1 << 14) - 1, 0, 0),
        (3, (1 << 15) - 1, 0, 0),
        (4, (1 << 15) - 1, 3, 0),
        (5, (1 << 16) - 1, 3, 0),
        (6, (1 << 16) - 1, 3, 3),
        (7, (1 << 16) - 1, 3, 3),
        (8, (1 << 16) - 1, 3, 3),
        (9, (1 << 17) - 1, 3, 3),
        (12, (1 << 17) - 1, 3, 3),
    ],
)
def test_a_kernel_is_asked_for_what_it_knows(policy: Policy, abi: int, files: int, ports: int, scopes: int) -> None:
    kernel = FakeKernel(abi=abi)
    landlock.enforce(kernel, policy)
    assert kernel.handled == (files, ports, scopes)
    assert bool(kernel.ports) == bool(ports)
    assert all(not rights & ~files for rights in kernel.rights.values())
    size = next(arguments[1] for number, arguments in kernel.asked if number == 444 and arguments[2] == 0)
    assert size == (8 if abi < 4 else 16 if abi < 6 else 24)
    flags = next(arguments[1] for number, arguments in kernel.asked if number == 446)
    assert flags == (8 if abi >= 8 else 0)


def test_what_a_kernel_lacks_is_told() -> None:
    told = {abi: {layer for layer, word in landlock.lacks(abi).items() if word != "on"} for abi in range(10)}
    assert told == {
        0: {Layer.FILES, Layer.PORTS, Layer.SOCKETS},
        1: {Layer.FILES, Layer.PORTS, Layer.SOCKETS},
        2: {Layer.FILES, Layer.PORTS, Layer.SOCKETS},
        3: {Layer.PORTS, Layer.SOCKETS},
        **{abi: {Layer.SOCKETS} for abi in range(4, 9)},
        9: set(),
    }
    assert "abstract" in landlock.lacks(5)[Layer.SOCKETS]
    assert "abstract" not in landlock.lacks(6)[Layer.SOCKETS]


def test_a_kernel_without_it_is_left_alone(policy: Policy) -> None:
    kernel = FakeKernel(abi=0)
    assert "no Landlock" in landlock.enforce(kernel, policy)[Layer.FILES]
    assert [number for number, _ in kernel.asked] == [444]


def test_threads_that_would_stay_free_are_refused(policy: Policy) -> None:
    with pytest.raises(InvariantError, match="has 3 threads"):
        landlock.enforce(FakeKernel(abi=7, running=3), policy)
    assert landlock.enforce(FakeKernel(abi=8, running=3), policy)[Layer.FILES] == "on"
