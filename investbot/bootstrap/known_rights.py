"""What a venue last said of an instance's key, kept beside its settings: whoever looks later asks no network."""

from __future__ import annotations

import contextlib
import json
import logging

from investbot.bootstrap.home import InstanceHome, write_beside
from investbot.config.home import RIGHTS_FILE
from investbot.domain.market import Millis
from investbot.domain.times import rfc3339
from investbot.ports.trading import KeyRights

_LOG = logging.getLogger("investbot.account")


def remember(folder: InstanceHome, rights: KeyRights, at: Millis) -> None:
    """Keep what a key may do, asked at `at` (milliseconds UTC); a disk that takes nothing is no reason to stop."""
    told = {
        "at": rfc3339(at),
        "trade": rights.trade,
        "withdraw": rights.withdraw,
        "ip_restricted": rights.ip_restricted,
    }
    try:
        write_beside(folder.path / RIGHTS_FILE, json.dumps(told, indent=1).encode() + b"\n")
    except OSError as error:
        _LOG.warning("rights_not_kept", extra={"fields": {"instance": folder.name, "why": error.strerror}})


def forget(folder: InstanceHome) -> None:
    """Forget what was said of keys that are no longer those of an instance."""
    with contextlib.suppress(OSError):
        (folder.path / RIGHTS_FILE).unlink()
