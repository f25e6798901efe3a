"""What a restore left behind for the starts after it: files to put in place, and names that orders went by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from investbot.adapters.storage.history import restores
from investbot.backup.placing import finish
from investbot.bootstrap.home import Home, InstanceHome

if TYPE_CHECKING:
    from investbot.instance.lost_orders import Restored

__all__ = ["finish", "namespaces_of", "restored_of"]


def namespaces_of(place: Home, folder: InstanceHome, key: bytes) -> tuple[str, ...]:
    """Give the namespaces of an instance's order ids, the one in force last: each restore begins a new one.

    ConfigError, LedgerError.
    """
    from investbot.config.fleet import load_fleet

    first = f"{load_fleet(place.path).fleet.home_id}/{folder.name}"
    return (first, *(f"{first}#{at}" for _, at in restores(folder.ledger, key)))


def restored_of(place: Home, folder: InstanceHome, key: bytes) -> Restored | None:
    """Tell whether the ledger was taken back, and what must be asked for since; None where it never was."""
    from investbot.instance.lost_orders import Restored  # brings libraries whose threads an isolation would not reach

    found = restores(folder.ledger, key)
    return Restored(found[-1][0], namespaces_of(place, folder, key)[:-1]) if found else None
