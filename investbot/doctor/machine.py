"""What the machine beneath a home is like: memory and swap, the clock's discipline, units of its service manager."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
UNITS = ("investbot.service", "investbot-backup.timer", "investbot-backup.service", "investbot@*.service")
"""What `systemd/` of this program holds."""
_SHOWN = "Id,LoadState,UnitFileState,ActiveState,Result"
_PATIENCE_S = 5.0
_NO_LIMIT = 1 << 60
_TIME_ERROR = 5
"""What adjtimex(2) says of a clock that nobody keeps right."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory and swap in bytes; `plain_swap` are the places of swap that are neither in memory nor encrypted."""

    total: int
    available: int
    swap_total: int = 0
    swap_free: int = 0
    plain_swap: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of systemd that is installed; `is_users` for one of the user's own manager."""

    name: str
    file_state: str
    state: str
    result: str
    is_users: bool = False


def memory(proc: Path = Path("/proc"), system: Path = Path("/sys")) -> Memory | None:
    """Read how much memory there is, within the limit of a container; None where the kernel does not tell."""
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
        told = {name: int(rest.split()[0]) * KIB for name, _, rest in (line.partition(":") for line in lines)}
        total = min(told["MemTotal"], _limit(system))
        available = min(told["MemAvailable"], total)
        swap = (told.get("SwapTotal", 0), told.get("SwapFree", 0))
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return Memory(total, available, *swap, tuple(_plain_swap(proc, system)))


def clock_is_kept() -> bool | None:
    """Tell whether something keeps the clock right (adjtimex(2)); None where the system does not say."""
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def units(program: str | None = None) -> list[Unit] | None:
    """Ask systemd for our units, the machine's and the user's own; None where there is no systemd."""
    systemctl = program or shutil.which("systemctl")
    if systemctl is None:
        return None
    told = [(is_users, _show(systemctl, is_users=is_users)) for is_users in (False, True)]
    if all(text is None for _, text in told):
        return None
    return [unit for is_users, text in told for unit in read_units(text or "", is_users=is_users)]


def read_units(text: str, *, is_users: bool) -> list[Unit]:
    """Read what `systemctl show` says of units; those that are not installed are left out."""
    found: list[Unit] = []
    for block in text.split("\n\n"):
        told = dict(line.partition("=")[::2] for line in block.splitlines())
        if told.get("LoadState") in {"loaded", "masked", "error", "bad-setting"}:
            name, enabled, state, result = (
                told.get(key, "") for key in ("Id", "UnitFileState", "ActiveState", "Result")
            )
            found.append(Unit(name, enabled, state, result, is_users))
    return found


def _show(systemctl: str, *, is_users: bool) -> str | None:
    command: Sequence[str] = (systemctl, *(("--user",) if is_users else ()), "show", f"--property={_SHOWN}", *UNITS)
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, check=False, text=True, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _limit(system: Path) -> int:
    """Read the limit of the container this process is in, in bytes."""
    try:
        text = (system / "fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return _NO_LIMIT
    return int(text) if text.isdecimal() else _NO_LIMIT


def _plain_swap(proc: Path, system: Path) -> Iterator[str]:
    try:
        lines = (proc / "swaps").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        place = line.split()[0] if line.split() else ""
        device = Path(place).name
        if place and not device.startswith("zram") and not _is_encrypted(system, device):
            yield place


def _is_encrypted(system: Path, device: str) -> bool:
    try:
        return (system / "block" / device / "dm/uuid").read_text(encoding="ascii").startswith("CRYPT-")
    except OSError:
        return False
