"""What a process may reach, as data, and what came of it: nothing here asks the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

ON = "on"
OFF = "off"


class Layer(StrEnum):
    """One thing that is kept from a process."""

    FILES = "files"
    PORTS = "ports"
    SIGNALS = "signals"
    SOCKETS = "sockets"
    CALLS = "calls"
    LIMITS = "limits"
    PRIVILEGES = "privileges"


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits of a process (setrlimit(2)): sizes in bytes, `open_files` a count."""

    open_files: int = 4096
    file_bytes: int = 16 << 30
    data_bytes: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Policy:
    """What a process may reach; all else is refused. A path that is not there when it comes into force stays so.

    `read`: files, and folders with all that is in them. `write`: the same, to be changed too (a file in place, in a
    folder anything). `meet`: folders whose sockets may be called. `connect` and `listen`: TCP ports; without any of
    them a process gets no Internet socket at all. `answers`: whether it takes calls at a socket that listens already.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    meet: tuple[Path, ...] = ()
    connect: tuple[int, ...] = ()
    listen: tuple[int, ...] = ()
    answers: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def networked(self) -> bool:
        """Whether Internet sockets may be made."""
        return bool(self.connect or self.listen)


@dataclass(frozen=True, slots=True)
class Report:
    """What of a policy is in force: for each layer ON, OFF, or in one sentence what is missing and why."""

    layers: Mapping[str, str]

    @property
    def missing(self) -> dict[str, str]:
        """The layers that are not wholly in force."""
        return {name: told for name, told in self.layers.items() if told != ON}

    @property
    def state(self) -> str:
        """ON when every layer is, OFF when none is, else degraded."""
        states = set(self.layers.values())
        return states.pop() if states in ({ON}, {OFF}) else "degraded"

    def data(self) -> dict[str, str]:
        """Give it as JSON has it."""
        return {"state": self.state, **self.layers}


def switched_off() -> Report:
    """Tell that an operator wanted none of it."""
    return Report(dict.fromkeys(map(str, Layer), OFF))


def apart(paths: Iterable[Path], private: Path, program: Iterable[Path] = ()) -> list[Path]:
    """Give files and folders that are there without what is `private` in them, all of them resolved.

    Of a folder around it only what can be imported from there is given: modules and packages. What lies inside of the
    private folder is left out, but for what belongs to the `program`.
    """
    kept = private.resolve()
    own = [each.resolve() for each in program]
    found: dict[Path, None] = {}
    for path in paths:
        real = path.resolve()
        if kept.is_relative_to(real):
            found |= dict.fromkeys(_importable(real, kept))
        elif real.exists() and (not real.is_relative_to(kept) or any(real.is_relative_to(each) for each in own)):
            found[real] = None
    return list(found)


def _importable(folder: Path, private: Path) -> list[Path]:
    parts = [] if folder == private else [part.resolve() for part in sorted(folder.iterdir())]
    modules = [part for part in parts if part.suffix in {".py", ".so"} or (part / "__init__.py").is_file()]
    return [part for part in modules if not part.is_relative_to(private) and not private.is_relative_to(part)]
