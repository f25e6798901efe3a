"""A home: where everything of one fleet lies on disk, and how its files are written."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from investbot.control.access import enterable
from investbot.domain.errors import UnknownInstance, UsageError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""What an instance may be called: it is a folder's name too."""

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


def write_beside(path: Path, content: bytes) -> None:
    """Replace a file's content in one step, mode 0600: a crash or a full disk leaves the old file whole; OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _private(folder: Path, mode: int = _FOLDER_MODE) -> None:
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    folder.chmod(mode)


def _there(path: Path) -> bool:
    """Tell whether a file is there; whoever may not look is told so by the supervisor, which he may ask."""
    try:
        return path.is_file()
    except PermissionError:
        return True


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The supervisor's files in a home's `run` folder."""

    path: Path

    @property
    def socket(self) -> Path:
        """The Unix socket of the control door."""
        return self.path / "supervisor.sock"

    @property
    def pid(self) -> Path:
        """The supervisor's process id, for scripts."""
        return self.path / "supervisor.pid"

    @property
    def journal(self) -> Path:
        """What the supervisor has to remember over its own restarts."""
        return self.path / "supervisor.json"

    @property
    def audit(self) -> Path:
        """Who asked for what and what came of it, append-only."""
        return self.path / "audit.jsonl"

    @property
    def log(self) -> Path:
        """The supervisor's own log."""
        return self.path / "supervisor.log"


@dataclass(frozen=True, slots=True)
class InstanceHome:
    """The folder of one instance."""

    path: Path

    @property
    def name(self) -> str:
        """What the instance is called."""
        return self.path.name

    @property
    def settings(self) -> Path:
        """The profile as it was resolved at creation, with the capital."""
        return self.path / "instance.toml"

    @property
    def versions(self) -> Path:
        """Every earlier version of the settings."""
        return self.path / "versions"

    @property
    def ledger(self) -> Path:
        """The encrypted ledger."""
        return self.path / "ledger.db"

    @property
    def lock(self) -> Path:
        """The file whose lock says that a process trades for this instance."""
        return self.path / "lock"

    @property
    def exit(self) -> Path:
        """How the last process ended."""
        return self.path / "exit.json"

    @property
    def logs(self) -> Path:
        """The folder of the instance's logs."""
        return self.path / "logs"

    @property
    def log(self) -> Path:
        """The log that is being written."""
        return self.logs / "instance.log"

    def log_files(self) -> list[Path]:
        """Name the rotated logs and the one being written, oldest first."""
        rotated = sorted(self.logs.glob(f"{self.log.name}.*"))
        return [*rotated, self.log] if self.log.exists() else rotated

    def ensure(self) -> None:
        """Make the folders, mode 0700; OSError."""
        for folder in (self.path, self.logs, self.versions):
            _private(folder)


@dataclass(frozen=True, slots=True)
class Home:
    """All state of one fleet under one folder."""

    path: Path

    @property
    def settings(self) -> Path:
        """The fleet's own settings; a folder is a home because this file is there."""
        return self.path / "investbot.toml"

    @property
    def vault(self) -> Path:
        """The wrapped data keys of all instances."""
        return self.path / "vault.json"

    @property
    def profiles(self) -> Path:
        """The operator's own recipes."""
        return self.path / "profiles"

    @property
    def market(self) -> Path:
        """The shared cache of public candles."""
        return self.path / "market"

    @property
    def instances(self) -> Path:
        """One folder an instance."""
        return self.path / "instances"

    @property
    def backups(self) -> Path:
        """One folder of archives an instance, and one of the fleet."""
        return self.path / "backups"

    @property
    def run(self) -> RunFiles:
        """The supervisor's files."""
        return RunFiles(self.path / "run")

    def instance(self, name: str) -> InstanceHome:
        """Name the folder of one instance, there or not; UsageError for a name that cannot be one."""
        if NAME.fullmatch(name) is None:
            message = (
                f"{name!r} cannot be an instance's name: use up to 32 lower-case letters, digits, - and _, "
                "beginning with a letter or digit."
            )
            raise UsageError(message)
        return InstanceHome(self.instances / name)

    def existing(self, name: str) -> InstanceHome:
        """Name the folder of an instance that is there; UnknownInstance when it is not."""
        found = self.instance(name)
        if not _there(found.settings):
            message = f"There is no instance {name!r}; `investbot status` lists those there are."
            raise UnknownInstance(message)
        return found

    def names(self) -> list[str]:
        """Name all instances of this home, in alphabetical order."""
        if not self.instances.is_dir():
            return []
        return sorted(
            each.name
            for each in self.instances.iterdir()
            if NAME.fullmatch(each.name) and (each / "instance.toml").is_file()
        )

    def ensure(self) -> None:
        """Make the folders, mode 0700, the way to the socket as open as it is; OSError."""
        for folder in (self.path, self.instances, self.profiles, self.run.path, self.market):
            _private(folder, enterable(folder) if folder in {self.path, self.run.path} and folder.is_dir() else 0o700)
