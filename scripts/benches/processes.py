"""What processes take, read in /proc: memory in MiB, processor time in seconds, descriptors, threads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one process in MiB: its share of what is shared (PSS), and what is its own."""

    pss: float
    private: float


def memory(pid: int) -> Memory:
    """Read the memory of a process; OSError where the kernel does not tell."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(kib["Pss"] / 1024, (kib["Private_Dirty"] + kib["Private_Clean"]) / 1024)


def cpu_s(pid: int) -> float:
    """Tell how much processor time a process has had; OSError when it is gone."""
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    fields = stat[stat.rindex(b")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def descriptors(pid: int) -> int:
    """Count the open descriptors of a process; OSError when it is gone."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    """Count the threads of a process; OSError when it is gone."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def naming(word: str) -> dict[int, str]:
    """Give the processes whose command line holds `word`, with that line; this process left out."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line and int(folder.name) != os.getpid():
            found[int(folder.name)] = line
    return found
