"""Kills every change of a vault at every seam, and looks at what the next command finds: a process of its own.

`python -m tests.unit.adapters.storage.killing FOLDER` prints one JSON line a kill. A change runs in a child that sends
itself SIGKILL before or after the n-th call that touches the disk, for every n there is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from investbot.adapters.storage import copies, key_rotation, sqlcipher, vault_sealing
from investbot.adapters.storage.backup_keys import backup_identities, backup_identity, seal_key, seal_keys
from investbot.adapters.storage.key_rotation import opens, pending, rotate, settle
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.secrets import get_secrets
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_ways import add_recovery, change_passphrase, renew
from investbot.domain.errors import InvestBotError, VaultError, WrongPassphrase
from tests.unit.adapters.storage.samples import FAST, Story

OLD, NEW = "correct horse battery staple", "tangled otter violin harbour"
KEPT = Path("replaced/x/ledger.db")
IDENTITY = "AGE-SECRET-KEY-1CANARY"
Seams = tuple[tuple[Any, str], ...]
SEAMS: Seams = (
    (os, "fsync"),
    (Path, "replace"),
    (Path, "unlink"),
    (sqlcipher, "connect"),
    (copies, "_copy"),
    (copies, "_account"),
    (key_rotation, "_begin"),
    (key_rotation, "_end"),
)
FINE: Seams = ((os, "open"), (os, "pwrite"))
"""More of them, where a change touches nothing but the vault."""
PASSES: dict[str, Seams] = {
    "before": SEAMS,
    "after": ((Path, "replace"), (copies, "_account"), (key_rotation, "_begin"), (key_rotation, "_end")),
}
"""After any other call is before the next."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What must be there whatever happens."""

    events: int
    identity: str
    sealing: bytes
    seed: bytes


def main() -> None:
    folder = Path(sys.argv[1])
    vault_sealing.DEFAULT_COST = FAST
    truth = _made(folder / "whole")
    for name, (change, check) in CHANGES.items():
        for when, few in PASSES.items():
            seams = few if name in {"rotate", "settle"} or when == "after" else (*few, *FINE)
            for point in range(1, 200):
                place = folder / "place"
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(folder / "whole", place)
                seam = _killed(place, change, seams, point, when)
                if seam is None:
                    break
                told = {"change": name, "seam": seam, "when": when}
                try:
                    told["opens"] = check(place, truth)
                    _demand_whole(place, told["opens"], truth)
                except (AssertionError, InvestBotError, OSError) as error:  # it is the result
                    told["error"] = repr(error)
                sys.stdout.write(json.dumps(told) + "\n")


def _made(folder: Path) -> Truth:
    folder.mkdir()
    vault = Vault.create(folder / "vault.json", OLD, FAST)
    key = vault.add("alpha")
    with closing(SqlcipherLedger.create(folder / "ledger.db", key, instance="alpha")) as ledger:
        events = [event for told, _ in Story(5).batches(6) for event in told]
        ledger.append(events, None)
    copies.copy_verified(folder / "ledger.db", key, folder / "ledger.db.v1.copy")
    (folder / KEPT).parent.mkdir(parents=True)
    with closing(sqlcipher.connect(folder / "ledger.db", key)) as open_still:  # so that a log stays beside the copy
        open_still.execute("INSERT INTO secrets VALUES ('late', 'in the log', 3)")
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy2(folder / name, folder / KEPT.with_name(name))
    vault.secret_set("discord", "https://example.test/hook")
    identity = backup_identity(vault, lambda: IDENTITY)
    truth = Truth(len(events), identity, seal_key(vault, "alpha"), add_recovery(vault))
    vault.close()
    return truth


def _killed(place: Path, change: Callable[[Path], object], seams: Seams, point: int, when: str) -> str | None:
    """Run a change in a child that dies at a seam, and name the seam; None when the change has no such point."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        for owner, name in seams:
            _wire(owner, name, point, when, writing)
        change(place)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        seam = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return seam
    if status:
        raise SystemExit(f"A change failed by itself: {status}")
    return None


_COUNT = [0]


def _wire(owner: Any, name: str, point: int, when: str, writing: int) -> None:
    real = getattr(owner, name)

    def deadly(*given: Any, **named: Any) -> Any:
        if name == "unlink" and not given[0].exists():
            return real(*given, **named)
        _COUNT[0] += 1
        mine = _COUNT[0] == point
        if mine and when == "before":
            _die(name, writing)
        done = real(*given, **named)
        if mine:
            _die(name, writing)
        return done

    setattr(owner, name, deadly)


def _die(name: str, writing: int) -> None:
    os.write(writing, name.encode())
    os.kill(os.getpid(), signal.SIGKILL)


# ---- the changes, and what the next command may find ----


def _opened(place: Path, *passphrases: str) -> tuple[OpenVault, str]:
    """Open the vault with the one passphrase that is right; exactly one is."""
    found = []
    for passphrase in passphrases:
        try:
            found.append((Vault.unlock(place / "vault.json", passphrase), passphrase))
        except WrongPassphrase:
            continue
    if len(found) != 1:
        raise AssertionError(f"{len(found)} of the passphrases open the vault")
    return found[0]


def _demand_whole(place: Path, passphrase: str, truth: Truth) -> None:
    """See that everything of before is there, that one more change works, and that nothing is left half."""
    vault = Vault.unlock(place / "vault.json", passphrase)
    settle(vault, "alpha", place / "ledger.db")
    key = vault.data_key("alpha")
    with closing(SqlcipherReader.open(place / "ledger.db", key)) as reader:
        assert sum(1 for _ in reader.events()) == truth.events
    with closing(sqlcipher.connect(place / "ledger.db", key)) as connection:
        assert copies.integrity(connection) == []
    assert opens(place / "ledger.db.v1.copy", key)
    assert get_secrets(place / KEPT, key) == {"late": "in the log"}
    assert vault.secret_get("discord") == "https://example.test/hook"
    assert truth.identity in backup_identities(vault)
    assert truth.sealing in seal_keys(vault, "alpha")
    assert pending(place / "vault.json") == ()
    vault.add("later")
    assert Vault.unlock(place / "vault.json", passphrase).data_key("later") == vault.data_key("later")
    names = {each.name for each in place.iterdir()}
    assert names <= {
        "vault.json",
        "vault.json.lock",
        "ledger.db",
        "ledger.db.v1.copy",
        "replaced",
        "ledger.db-wal",
        "ledger.db-shm",
    }


def _same(place: Path, truth: Truth) -> str:
    _recovers(place, truth)
    return _opened(place, OLD)[1]


def _either(place: Path, truth: Truth) -> str:
    _recovers(place, truth)
    return _opened(place, OLD, NEW)[1]


def _recovers(place: Path, truth: Truth) -> None:
    assert Vault.recover(place / "vault.json", truth.seed).names()


def _some_recovery(place: Path, truth: Truth) -> str:
    """The words of before open the vault until the new ones do, which nobody has seen of a command that was killed."""
    try:
        _recovers(place, truth)
    except VaultError:
        return _opened(place, OLD)[1]
    return _opened(place, OLD)[1]


def _unlocked(place: Path) -> OpenVault:
    return Vault.unlock(place / "vault.json", OLD)


def _rotate(place: Path) -> None:
    rotate(_unlocked(place), "alpha", place / "ledger.db")


def _rotate_cut_off(place: Path) -> None:
    """Rotate after a rotation that was cut off between the copy and the word of it."""
    vault = _unlocked(place)
    key_rotation._begin(vault, "alpha")
    upcoming = vault.data_key("alpha", upcoming=True)
    ledger = place / "ledger.db"
    copies.copy_verified(ledger, vault.data_key("alpha"), ledger, new_key=upcoming, replace=True)
    settle(vault, "alpha", ledger)


CHANGES: dict[str, tuple[Callable[[Path], object], Callable[[Path, Truth], str]]] = {
    "add": (lambda place: _unlocked(place).add("beta"), _same),
    "secret": (lambda place: _unlocked(place).secret_set("discord", "https://example.test/hook"), _same),
    "passphrase": (lambda place: change_passphrase(_unlocked(place), NEW, FAST), _either),
    "renew": (lambda place: renew(_unlocked(place), NEW, FAST), _either),
    "recovery-key": (lambda place: add_recovery(_unlocked(place)), _some_recovery),
    "rotate": (_rotate, _same),
    "settle": (_rotate_cut_off, _same),
}

if __name__ == "__main__":
    main()
