"""What the checks may know of the machine and the home; what takes other rooms or the system is handed in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from investbot.config.home import FLEET_FILE
from investbot.config.instance import INSTANCE_FILE
from investbot.doctor.machine import Memory, Unit
from investbot.domain.market import Millis

InspectLedger = Callable[[str], list[str]]
"""Takes the name of an instance, gives what is wrong with its ledger, one sentence each; VaultError, LedgerError."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on the disk a path lies on, in bytes."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class VaultState:
    """What can be said of a vault: `weak_bits` tells how weak its passphrase is, None for a good or an unknown one.

    `passphrase_file` is where it was read, `rotating` names those whose new key was never finished.
    """

    version: int = 2
    recovery_key: bool = True
    weak_bits: float | None = None
    passphrase_file: Path | None = None
    rotating: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """A home and the machine it lies on.

    `now` is the machine's wall time in milliseconds UTC, `uid` whose files these should be; `sqlcipher` is the
    version of the encrypting library, empty when it does not load; `is_supervisor` tells whether a process id is one's;
    `vault_names` gives the instances that have a key (VaultError); `inspect_ledger` is None without a passphrase;
    `isolation` tells of each layer `on`, or what this machine lacks of it; `feed_state` is what the feed tells of
    itself, None where none answers; `vault_state` tells of the ways into the vault (VaultError);
    `memory`, `clock_is_kept` and `units` are told by the machine, None where it does not;
    `secrets` gives those that could be read, to be hidden from others.
    """

    home: Path
    now: Millis
    uid: int
    python: tuple[int, int, int]
    sqlcipher: str
    disk: Callable[[Path], Disk]
    is_supervisor: Callable[[int], bool]
    supervisor_answers: Callable[[], bool]
    vault_names: Callable[[], Collection[str]]
    inspect_ledger: InspectLedger | None = None
    isolation: Mapping[str, str] = field(default_factory=dict)
    feed_state: Callable[[], Mapping[str, Any] | None] = lambda: None
    memory: Callable[[], Memory | None] = lambda: None
    clock_is_kept: Callable[[], bool | None] = lambda: None
    units: Callable[[], Sequence[Unit] | None] = lambda: None
    secrets: Callable[[], Collection[str]] = tuple
    vault_state: Callable[[], VaultState] = VaultState

    @property
    def fleet_file(self) -> Path:
        """The fleet's own settings."""
        return self.home / FLEET_FILE

    @property
    def vault_file(self) -> Path:
        """The wrapped keys."""
        return self.home / "vault.json"

    @property
    def instances(self) -> Path:
        """One folder an instance."""
        return self.home / "instances"

    @property
    def run(self) -> Path:
        """The supervisor's files."""
        return self.home / "run"

    def names(self) -> list[str]:
        """Name all instances, in alphabetical order."""
        return [folder.name for folder in self.folders() if (folder / INSTANCE_FILE).is_file()]

    def folders(self) -> list[Path]:
        """Name every folder among the instances, instance or not."""
        return sorted(each for each in self.instances.iterdir() if each.is_dir()) if self.instances.is_dir() else []
