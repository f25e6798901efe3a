"""Restore: an instance's ledger and settings as they were, put in the place of what is there, or beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from investbot.adapters.backups import workroom
from investbot.adapters.storage import history, secrets
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.sqlcipher import KEY_BYTES
from investbot.adapters.storage.vault import OpenVault
from investbot.backup.placing import LEDGER, REPLACED, Placing
from investbot.backup.restore import Point, Standing, changes, demand_not_older, older
from investbot.bootstrap import restored_settings
from investbot.bootstrap.backup import keys_of
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.live import at_venue
from investbot.bootstrap.restored_ledger import Built, LedgerBuilder, Sources, sources_of
from investbot.config.fleet import check_allocations, load_fleet
from investbot.config.instance import InstanceConfig, load_instance
from investbot.domain.errors import AlreadyExists, BackupError, ConfigError, InvestBotError
from investbot.domain.market import Millis
from investbot.domain.order import DONE
from investbot.domain.times import rfc3339
from investbot.instance.lock import InstanceLock
from investbot.ports.backups import Archive, Progress

_DONE = {state.value for state in DONE}
_EXPANDS = 12
"""How much larger than its archive a ledger may be: only a guess of the room that a dry run takes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be restored: an instance, up to which point, from which folders or (if given) which archive.

    `new_name` makes another instance of it, without API keys unless `with_keys`.
    """

    name: str
    folders: tuple[Path, ...]
    point: Point = field(default_factory=Point)
    archive: Archive | None = None
    new_name: str | None = None
    allow_older: bool = False
    with_keys: bool = False

    @property
    def target(self) -> str:
        """What the restored instance is called."""
        return self.new_name or self.name


@dataclass(frozen=True, slots=True)
class Restored:
    """What was (or would be) restored; `replaced` is where the old files are, None where there were none."""

    name: str
    archive: Path
    last_seq: int
    changes: Sequence[dict[str, str | None]]
    notes: Sequence[str]
    replaced: Path | None = None

    def row(self) -> dict[str, Any]:
        """Tell it as a row."""
        return {
            "name": self.name,
            "archive": str(self.archive),
            "last_seq": self.last_seq,
            "replaced": None if self.replaced is None else str(self.replaced),
            "changes": list(self.changes),
            "notes": list(self.notes),
        }


def preview(home: Home, vault: OpenVault, wish: Wish, at: Millis, by: str, progress: Progress) -> Restored:
    """Say what a restore would change and change nothing; the instance may run. Errors as for `restore`."""
    sources = _sources(wish)
    _demand_free(home, vault, wish)
    size = _EXPANDS * max((archive.size for archive in sources.archives), default=0) + (1 << 20)
    (home.backups / wish.name).mkdir(mode=0o700, parents=True, exist_ok=True)
    with workroom.workroom(size, home.backups / wish.name) as room:
        folder = room / "new"
        folder.mkdir(mode=0o700)
        work = _Work(home, vault, wish, at, by, progress, dry=True)
        return work.prepare(folder, os.urandom(KEY_BYTES), sources)


def restore(home: Home, vault: OpenVault, wish: Wish, at: Millis, by: str, progress: Progress) -> Restored:
    """Restore an instance; `at` is now in milliseconds UTC. What is there is untouched until all of it is ready.

    TryAgain while it runs, ConfigError for a ledger older than the live one, DataError for a backup that is damaged or
    lacks a piece, AlreadyExists for a new name that is taken, VaultError, BackupError, LedgerError.
    """
    work = _Work(home, vault, wish, at, by, progress)
    sources = _sources(wish)
    return work.beside(sources) if wish.new_name else work.in_place(sources)


def _demand_free(home: Home, vault: OpenVault, wish: Wish) -> None:
    name = wish.new_name
    if name is not None and (home.instance(name).path.exists() or name in vault.names()):
        raise AlreadyExists(f"There is an instance {name!r} already; choose another name.")


def _sources(wish: Wish) -> Sources:
    if wish.archive is None:
        return sources_of(wish.name, wish.folders)
    found = sources_of(wish.name, wish.folders)
    # An archive that was named stands for itself: what was shipped after it is only wanted with a point in time.
    return Sources(wish.name, (wish.archive,), {} if wish.point.is_end else found.segments)


class _Work:
    """One restore."""

    def __init__(
        self, home: Home, vault: OpenVault, wish: Wish, at: Millis, by: str, progress: Progress, *, dry: bool = False
    ) -> None:
        self._home = home
        self._vault = vault
        self._wish = wish
        self._at = at
        self._by = by
        self._progress = progress
        self._dry = dry
        self._live = home.instance(wish.target)

    def in_place(self, sources: Sources) -> Restored:
        """Put the restored files in the place of the instance's own."""
        folder = self._live
        was_there = folder.path.exists()
        try:
            folder.ensure()
            with InstanceLock(folder.lock, folder.name), self._own_key() as key:
                placing = Placing(folder.path)
                try:
                    told = self.prepare(placing.begin(), key, sources)
                    names = [name for name in _PLACED if (placing.new / name).exists()]
                    kept = placing.commit(names, self._label(told))
                except BaseException:
                    placing.abandon()
                    raise
        except BaseException as error:
            if not was_there:
                shutil.rmtree(folder.path, ignore_errors=True)
            if isinstance(error, OSError):
                raise BackupError(f"{folder.path} cannot be written: {error.strerror}.") from None
            raise
        return Restored(told.name, told.archive, told.last_seq, told.changes, told.notes, kept if was_there else None)

    def beside(self, sources: Sources) -> Restored:
        """Make another instance out of the restored files, whole or not at all."""
        name = self._wish.target
        building = InstanceHome(self._home.instances / f".{name}.new")
        if building.path.exists():  # a command that was killed while it made an instance of that name
            self._vault.forget(name)
            shutil.rmtree(building.path)
        _demand_free(self._home, self._vault, self._wish)
        try:
            building.path.mkdir(mode=0o700)
            told = self.prepare(building.path, self._vault.add(name), sources)
            others = {each: load_instance(self._home.instance(each).path).capital for each in self._home.names()}
            check_allocations(load_fleet(self._home.path), others, name, load_instance(building.path).capital)
            building.ensure()
            building.path.rename(self._live.path)
        except BaseException as error:
            self._vault.forget(name)
            shutil.rmtree(building.path, ignore_errors=True)
            if isinstance(error, OSError):
                raise BackupError(f"{building.path} cannot be written: {error.strerror}.") from None
            raise
        return told

    def prepare(self, folder: Path, key: bytes, sources: Sources) -> Restored:
        """Make everything ready in `folder` and say what it changes."""
        wish, ledger = self._wish, folder / LEDGER
        keys = keys_of(self._vault, wish.name)
        built = LedgerBuilder(sources, keys, folder, key, self._progress).build(wish.point)
        SqlcipherLedger.open(ledger, key).close()  # of an older program: brought up to date where nothing can be lost
        live, notes = (None, []) if wish.new_name else self._standing(self._live)
        restored_settings.make_ready(folder, self._live.path, self._settings_wish(built))
        then = standing(folder, key, self._live.path)
        if self._dry:
            notes += older(wish.name, live, then)
        elif not wish.allow_older:
            demand_not_older(wish.name, live, then)
        self._keys(ledger, key, then)
        self._mark(folder, key, then)
        notes += [built.note] if built.note else []
        return Restored(wish.target, built.archive.path, built.last_seq, changes(live, then), notes)

    def _settings_wish(self, built: Built) -> restored_settings.Source:
        why = f"restored from archive {built.archive.number} of {self._wish.name}, up to event {built.last_seq}"
        return restored_settings.Source(self._wish.name, self._wish.new_name, self._at, self._by, why)

    def _keys(self, ledger: Path, key: bytes, then: Standing) -> None:
        """Settle which API keys the restored ledger has: the live ones as they are now, none in another instance."""
        wish = self._wish
        if wish.new_name is None:
            try:
                live = self._vault.data_key(wish.name)
                found = secrets.get_secrets(self._live.ledger, live)
                moments = secrets.secret_names(self._live.ledger, live)
            except InvestBotError:
                return
            secrets.forget_secrets(ledger, key)
            for name, value in found.items():
                secrets.set_secrets(ledger, key, {name: value}, moments[name])
            return
        if not wish.with_keys:
            secrets.forget_secrets(ledger, key)
        elif then.positions or then.orders:
            raise ConfigError(
                f"{wish.name} holds {', '.join((*then.positions, *then.orders))} in that backup, and two instances of "
                "one account would both sell it; leave --with-keys out."
            )
        history.rename(ledger, key, wish.new_name)

    def _mark(self, folder: Path, key: bytes, then: Standing) -> None:
        """Note in a ledger of real orders that it was taken back: its next start asks for those it lacks."""
        if self._wish.new_name is not None or not at_venue(_settings(folder, self._live.path)):
            return
        known = history.restores(folder / LEDGER, key)
        if self._live.ledger.exists():
            with suppress(InvestBotError):
                known += history.restores(self._live.ledger, self._vault.data_key(self._live.name))
        marks = sorted(set(known), key=lambda mark: mark[1])
        history.mark_restored(folder / LEDGER, key, [*marks, (then.last_seq, self._at)])

    def _standing(self, instance: InstanceHome) -> tuple[Standing | None, list[str]]:
        """Say how the live instance stands; nothing of one that is not there or cannot be read any more."""
        if not instance.ledger.exists():
            return None, []
        try:
            return standing(instance.path, self._vault.data_key(instance.name)), []
        except InvestBotError as error:
            return None, [f"the live ledger cannot be read, so nothing is compared: {error}"]

    def _label(self, told: Restored) -> str:
        """Name what is replaced by its last event and the moment, as no earlier one is named."""
        last = next((int(each["now"] or 0) for each in told.changes if each["what"] == "last event"), told.last_seq)
        label = f"{last}-{rfc3339(self._at).replace(':', '').replace('-', '')}"
        taken = {each.name for each in (self._live.path / REPLACED).glob(f"{label}*")}
        return label if label not in taken else f"{label}-{len(taken) + 1}"

    @contextmanager
    def _own_key(self) -> Iterator[bytes]:
        """Give the instance's data key; a new one where the vault has none, forgotten if nothing comes of it."""
        name = self._wish.name
        if name in self._vault.names():
            yield self._vault.data_key(name)
            return
        try:
            yield self._vault.add(name)
        except BaseException:
            self._vault.forget(name)
            raise


_PLACED = (LEDGER, "versions", "instance.toml")
"""What a restore puts in place, in this order."""


def _settings(folder: Path, live: Path) -> InstanceConfig:
    """Read the settings that will be in force: those that came along, or the live ones where they say the same."""
    return load_instance(folder if (folder / "instance.toml").exists() else live)


def _version(folder: Path, live: Path) -> str:
    try:
        return f"version {_settings(folder, live).version}"
    except ConfigError:
        return "none that can be read"


def standing(folder: Path, key: bytes, live: Path | None = None) -> Standing:
    """Say how an instance stands whose ledger is in `folder`, its settings there or in `live`; LedgerError."""
    with closing(SqlcipherReader.open(folder / LEDGER, key)) as reader:
        now = reader.snapshot()
        rows = reader.rows("orders")
        counts = {table: len(reader.rows(table)) for table in ("trips", "fills")}
    return Standing(
        last_seq=now["last_seq"],
        last_event_at=now["last_event_at"],
        events=counts,
        positions=[f"{each['quantity']} {each['symbol']}" for each in now["positions"]],
        orders=[f"{each['order_id']} {each['symbol']}" for each in rows if each["state"] not in _DONE],
        cash=now["cash"],
        settings=_version(folder, live or folder),
    )
