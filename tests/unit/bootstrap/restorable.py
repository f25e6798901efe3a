"""A home whose instances have valid settings and ledgers that live on, batch by batch, between backups."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.adapters.backups.segments import SegmentFolder
from investbot.adapters.storage import secrets
from investbot.adapters.storage.history import LedgerHistory
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.backup.chain import EventRow
from investbot.bootstrap.backup import create_archive
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.restore import Restored, Wish, preview, restore
from investbot.bootstrap.shipping import ship_once
from investbot.config.fleet import init_fleet
from investbot.config.instance import new_instance
from investbot.config.layers import from_assignments
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.domain.events import EntriesPaused
from investbot.domain.market import Cursor
from investbot.ports.backups import Archive
from tests.unit.adapters.storage.samples import FAST, Story

PASSPHRASE = "correct horse"
AT = 1_767_225_600_000


def silent(_what: str, _done: int, _total: int) -> None:
    pass


@dataclass
class Life:
    """One instance: `live` appends what happens to it next; `moments` are its steps, with their cursors."""

    home: Home
    vault: OpenVault
    name: str
    seed: int
    at: int = AT
    moments: list[tuple[int, Cursor | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._batches = Story(self.seed).batches(10_000)

    @property
    def folder(self) -> InstanceHome:
        return self.home.instance(self.name)

    @property
    def key(self) -> bytes:
        return self.vault.data_key(self.name)

    def live(self, batches: int) -> int:
        last = 0
        with closing(SqlcipherLedger.open(self.folder.ledger, self.key)) as ledger:
            for _ in range(batches):
                events, cursor = next(self._batches)
                last = ledger.append(events, cursor)
                self.moments.append((last, ledger.cursor()))
        return last

    def live_otherwise(self, steps: int) -> None:
        """Go on in a way that the story never would."""
        with closing(SqlcipherLedger.open(self.folder.ledger, self.key)) as ledger:
            for step in range(steps):
                ledger.append(
                    [EntriesPaused(AT + step, f"cause {self.at} {step}", "another life")], Cursor("BTC/USDT", AT + step)
                )

    def rows(self, folder: InstanceHome | None = None, key: bytes | None = None) -> list[EventRow]:
        with closing(LedgerHistory.open((folder or self.folder).ledger, key or self.key)) as ledger:
            return list(ledger.rows())

    def cursor(self) -> Cursor | None:
        with closing(SqlcipherLedger.open(self.folder.ledger, self.key)) as ledger:
            return ledger.cursor()

    def back_up(self) -> Archive:
        self.at += 60_000
        return create_archive(self.home, self.vault, self.name, self.at, progress=silent, verified=False)

    def ship(self, *to: Path) -> int:
        self.at += 60_000
        return ship_once(self.home, self.vault, self.name, self.at, to=to)

    def wish(self, **more: Any) -> Wish:
        return Wish(self.name, (self.home.backups,), **more)

    def restore(self, **more: Any) -> Restored:
        return restore(self.home, self.vault, self.wish(**more), self.at, "ana", silent)

    def preview(self, **more: Any) -> Restored:
        return preview(self.home, self.vault, self.wish(**more), self.at, "ana", silent)

    def segments(self) -> SegmentFolder:
        return SegmentFolder(self.home.backups / self.name / "segments")

    def files(self) -> dict[str, bytes]:
        """Give every file that a restore could touch."""
        return {
            str(path.relative_to(self.home.instances)): path.read_bytes()
            for path in sorted(self.home.instances.rglob("*"))
            if path.is_file() and path.name != "lock"
        }


@contextmanager
def home_of(path: Path, *names: str, batches: int = 12) -> Iterator[tuple[Life, ...]]:
    home = Home(path)
    home.ensure()
    init_fleet(path)
    vault = Vault.create(home.vault, PASSPHRASE, FAST)
    try:
        lives = tuple(_made(home, vault, name, seed) for seed, name in enumerate(names, 1))
        for life in lives:
            life.live(batches)
        yield lives
    finally:
        vault.close()


def lose(home: Home, *left: str) -> None:
    """Throw the whole home away, but for the named things in it."""
    for path in home.path.iterdir():
        if path.name not in left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _made(home: Home, vault: OpenVault, name: str, seed: int) -> Life:
    folder = home.instance(name)
    folder.ensure()
    key = vault.add(name)
    told = ("market.timeframe=1m", "strategy.name=ma_cross", "venue.name=synthetic")
    profile = Profile.model_validate(from_assignments(told).data)
    save(folder.path, new_instance(name, profile, "test", Decimal(500), AT), AT, "ana", "made")
    SqlcipherLedger.create(folder.ledger, key, instance=name).close()
    secrets.set_secrets(folder.ledger, key, {"apiKey": f"canary-{name}"}, at=1)
    return Life(home, vault, name, seed)
