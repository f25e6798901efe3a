"""Shipping the history of instances between two archives: which ledgers, whose keys, where to, how far it has come."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from investbot.adapters.backups import sealing
from investbot.adapters.backups.segments import SegmentFolder
from investbot.adapters.storage.history import LedgerHistory
from investbot.adapters.storage.vault import OpenVault
from investbot.backup.chain import EventRow
from investbot.backup.shipping import Shipped, ship
from investbot.bootstrap.backup import keys_of
from investbot.bootstrap.home import Home, write_beside
from investbot.domain.errors import BackupError
from investbot.domain.market import Millis
from investbot.ports.backups import Keys

SEGMENTS = "segments"
STATE = "shipped.json"
_NONE: Mapping[int, tuple[str, Millis]] = MappingProxyType({})


def ship_once(
    home: Home, vault: OpenVault, name: str, at: Millis, *, to: Sequence[Path] = (), recipients: Sequence[str] = ()
) -> int:
    """Ship what an instance has gained, running or not, then copy what `to` lacks; give how many events were new.

    `at` is now in milliseconds UTC. VaultError, LedgerError, BackupError, ConfigError.
    """
    return Shipper(home, to, recipients).ship(name, vault.data_key(name), keys_of(vault, name), at)


class Shipper:
    """Ships the instances of one home into it, and from there to every folder of `to`."""

    def __init__(
        self, home: Home, to: Sequence[Path], recipients: Sequence[str], alive: Callable[[], object] = lambda: None
    ) -> None:
        """Take the home, the folders that get copies, further age recipients, and what is told of every segment."""
        self._home = home
        self._to = tuple(to)
        self._recipients = tuple(recipients)
        self._alive = alive

    def ship(
        self, name: str, key: bytes, keys: Keys, at: Millis, steps: Mapping[int, tuple[str, Millis]] = _NONE
    ) -> int:
        """Ship one instance; `key` opens its ledger, `steps` were seen since the last time. Raises as `ship_once`."""
        folder = self._home.backups / name
        shelf = _AllShelves(folder / SEGMENTS, [target / name / SEGMENTS for target in self._to])
        seal = keys.seals[0]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(LedgerHistory.open(self._home.existing(name).ledger, key)) as ledger:
                count = ship(
                    name,
                    _Stepped(ledger, steps),
                    shelf,
                    read_state(folder / STATE, seal),
                    seal,
                    (sealing.recipient_of(keys.identities[0]), *self._recipients),
                    at,
                    lambda state: self._remember(folder / STATE, _state(state, seal)),
                )
        except OSError as error:
            raise BackupError(f"{folder} cannot be written: {error.strerror}.") from None
        shelf.copy()
        return count

    def _remember(self, path: Path, state: bytes) -> None:
        write_beside(path, state)
        self._alive()


class _Stepped:
    """A ledger with steps that it has forgotten since: it knows its last one only."""

    def __init__(self, ledger: LedgerHistory, steps: Mapping[int, tuple[str, Millis]]) -> None:
        self._ledger = ledger
        self._steps = steps

    def batch(self, after: int, limit: int) -> tuple[list[EventRow], list[tuple[int, str, Millis]]]:
        """Give events behind `after`, and the steps among them."""
        rows, now = self._ledger.batch(after, limit)
        if not rows:
            return rows, now
        seen = {seq: step for seq, step in self._steps.items() if rows[0][0] <= seq <= rows[-1][0]}
        seen |= {seq: (symbol, opened_at) for seq, symbol, opened_at in now}
        return rows, [(seq, *step) for seq, step in sorted(seen.items())]


class _AllShelves(SegmentFolder):
    """The segments in a home, with the names of those that were copied elsewhere."""

    def __init__(self, folder: Path, elsewhere: Iterable[Path]) -> None:
        super().__init__(folder)
        self._elsewhere = [SegmentFolder(each) for each in elsewhere]

    def copy(self) -> None:
        """Copy what the others lack; BackupError naming the first that could not be written, the others are served."""
        failed: BackupError | None = None
        for each in self._elsewhere:
            try:
                self.copy_to(each.path)
            except BackupError as error:
                failed = failed or error
        if failed is not None:
            raise failed


def read_state(path: Path, seal: bytes) -> Shipped | None:
    """Read how far shipping has come; None where there is no such file, or it is not what was written."""
    try:
        document = json.loads(path.read_bytes())
        mac = document.pop("hmac_sha256")
        state = Shipped(**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return state if hmac.compare_digest(str(mac), _mac(state, seal)) else None


def _state(state: Shipped, seal: bytes) -> bytes:
    return json.dumps({**dataclasses.asdict(state), "hmac_sha256": _mac(state, seal)}).encode() + b"\n"


def _mac(state: Shipped, seal: bytes) -> str:
    key = hmac.digest(seal, b"investbot-backup/1 shipped", hashlib.sha256)
    return hmac.digest(key, json.dumps(dataclasses.asdict(state), sort_keys=True).encode(), hashlib.sha256).hex()
