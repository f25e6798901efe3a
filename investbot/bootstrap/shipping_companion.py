"""Shipping as a companion of a home's instances: there is one while `[backups] ship` is set."""

from __future__ import annotations

import json
from collections.abc import Callable

from investbot.adapters.storage.backup_keys import backup_identity, seal_key
from investbot.adapters.storage.vault import OpenVault
from investbot.bootstrap.home import Home
from investbot.config.fleet import load_fleet
from investbot.domain.errors import ConfigError, InvestBotError
from investbot.supervisor.companions import Companion

NAME = "shipping"


def shipping_companion(home: Home, vault: OpenVault, data_key: Callable[[str], bytes]) -> Companion:
    """Describe what ships the history of `home`; `data_key` gives an instance's key as it is now."""

    def wanted() -> bool:
        try:
            return load_fleet(home.path).backups.ship > 0
        except ConfigError:
            return False  # whoever reads that file next says what is wrong with it

    def answer(question: bytes) -> bytes:
        """Give the keys of one instance; the first identity of a vault that has none is the one that came along.

        The supervisor cannot make one itself: it does not read in what encrypts backups.
        """
        try:
            asked = json.loads(question)
            name, offered = str(asked["name"]), str(asked["identity"])
            told = {
                "key": data_key(home.existing(name).name).hex(),
                "seal": seal_key(vault, name).hex(),
                "identity": backup_identity(vault, lambda: offered),
            }
        except (InvestBotError, ValueError, KeyError, TypeError):
            return b""
        return json.dumps(told).encode()

    return Companion(NAME, ("-m", "investbot.bootstrap.ship"), wanted=wanted, answer=answer)
