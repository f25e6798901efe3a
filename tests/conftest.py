"""What every test gets: no network but loopback, reproducible Hypothesis runs, the shared candle files."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from decimal import DefaultContext, getcontext, setcontext
from pathlib import Path

import coverage
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parents[1]

settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks of these tests."""
    config.addinivalue_line("markers", "scenarios: one of the ways in which a fleet breaks, see docs/testing.md")


_UNMEASURED = (
    "tests/deploy/",
    "tests/integration/",
    "tests/parity/",
    "tests/properties/",
    "tests/unit/adapters/storage/test_vault_kills.py",
    "tests/unit/instance/test_live_chaos.py",
)
"""Tests of what a whole does, over and over: other tests see their lines and branches, and tracing takes two thirds."""
_MEASURED = (
    "tests/integration/test_cli_fleet.py",
    "tests/integration/test_instance.py",
    "tests/integration/test_notices.py",
    "tests/integration/test_supervisor_",
    "tests/integration/test_zygote.py",
)
"""Those among them that see what no other test does: supervisor and bootstrap as processes."""
_IN_CHILDREN = "COVERAGE_PROCESS_CONFIG"
"""Where coverage tells its settings to the processes that a test starts."""


class LeftTheMachineError(AssertionError):
    """A test tried to reach further than loopback."""


def _is_local_name(host: object) -> bool:
    """Tell whether a host stands for this machine only."""
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(event: str, args: tuple[object, ...]) -> None:
    """Refuse every look-up, connection, datagram and listening address beyond Unix paths and loopback."""
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}:
        opened, address = args[0], args[1]
        if isinstance(opened, socket.socket) and opened.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        if isinstance(address, tuple) and not _is_local_name(address[0]):
            raise LeftTheMachineError(f"Tests may talk to loopback only, not to {address!r} ({event}).")
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"} and args[0] and not _is_local_name(args[0]):
        raise LeftTheMachineError(f"Tests may look up loopback only, not {args[0]!r} ({event}).")


# An audit hook sees what a patched class would miss: asyncio, http clients, C extensions that ask CPython for sockets.
sys.addaudithook(_guard)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage of what needs none, nor of the processes that it starts."""
    measuring = coverage.Coverage.current()
    if measuring is None or not item.nodeid.startswith(_UNMEASURED) or item.nodeid.startswith(_MEASURED):
        return (yield)
    told = os.environ.pop(_IN_CHILDREN, None)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()
        if told is not None:
            os.environ[_IN_CHILDREN] = told


@pytest.fixture
def market_data() -> Path:
    """Give the folder of the shared candle files, or skip where there is none."""
    named = os.environ.get("INVESTBOT_TEST_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared candle files: set INVESTBOT_TEST_DATA to their folder")
    return folder


@pytest.fixture
def landlock() -> int:
    """Give the ABI of this kernel's Landlock, or skip where there is none that knows TCP ports and signals."""
    from investbot.adapters.isolation.kernel import ThisKernel
    from investbot.adapters.isolation.landlock import abi

    found = abi(ThisKernel())
    if found < 6:
        pytest.skip("this kernel has no Landlock of ABI 6 or newer")
    return found


@pytest.fixture
def blockbuster() -> Iterator[BlockBuster]:
    """Let any blocking call that InvestBot makes on a running event loop fail the test."""
    with blockbuster_ctx("investbot") as guard:
        yield guard


@pytest.fixture(autouse=True)
def arithmetic() -> Iterator[None]:
    """Fail a test that leaves another decimal arithmetic behind: every sum of money depends on it."""
    yield
    now = getcontext()
    setcontext(DefaultContext.copy())
    assert (now.prec, now.rounding, now.traps) == (DefaultContext.prec, DefaultContext.rounding, DefaultContext.traps)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 24 MiB, or skip where nobody may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("Only root can mount a small disk.")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
