"""Plain functions that make a home for the doctor to look at."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.adapters.backups.shelf import FolderShelf
from investbot.config.fleet import init_fleet
from investbot.config.instance import new_instance
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.doctor.host import Disk, Host
from investbot.domain.market import Millis
from investbot.ports.backups import Verified

NOW = 1_767_355_200_000
GIB = 2**30


def make_home(folder: Path, capital: str | None = None) -> Path:
    """Make a home as `init` leaves it: private, with a vault and no instances."""
    home = folder / "home"
    for path in (home, home / "instances", home / "run", home / "profiles"):
        path.mkdir(mode=0o700)
    init_fleet(home, None if capital is None else Decimal(capital))
    make_file(home / "vault.json")
    return home


def make_file(path: Path, text: str = "") -> Path:
    """Make a private file."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def make_instance(home: Path, name: str, capital: str = "500") -> Path:
    """Make an instance's folder with its settings and a ledger."""
    folder = home / "instances" / name
    folder.mkdir(mode=0o700)
    save(folder, new_instance(name, Profile.model_validate({}), "p", Decimal(capital), NOW), NOW, "me", "create")
    make_file(folder / "ledger.db")
    return folder


def make_backup(home: Path, name: str, at: Millis) -> Path:
    """Put an archive of nothing on a shelf and say that it was verified."""
    shelf = FolderShelf(home / "backups" / name, name)
    with shelf.turn() as number, shelf.placing(number, at) as slot:
        slot.file.write(b"archive")
    shelf.mark(shelf.archives()[-1], Verified(at, ""))
    return slot.path


def make_host(home: Path, **facts: Any) -> Host:
    """Describe a machine that is well, but for the facts given."""
    names = [path.name for path in (home / "instances").glob("[!.]*")]
    well: dict[str, Any] = {
        "home": home,
        "now": 4_000_000_000_000,
        "uid": os.getuid(),
        "python": (3, 11, 7),
        "sqlcipher": "4.19.0",
        "disk": lambda _: Disk(free=50 * GIB, total=100 * GIB),
        "is_supervisor": lambda _: False,
        "supervisor_answers": lambda: False,
        "vault_names": lambda: names,
        "inspect_ledger": lambda _: [],
        "isolation": {"files": "on", "sockets": "on"},
    }
    return Host(**{**well, **facts})
