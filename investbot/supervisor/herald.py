"""Whoever watches the supervisor itself, as systemd does, is told how things are; this one tells nobody."""

from __future__ import annotations

from collections.abc import Callable


class Herald:
    """What there is to tell; subclasses pass it on."""

    def ready(self) -> None:
        """Say that the socket answers and instances are looked after."""

    def reloading(self) -> None:
        """Say that vault and settings are being read anew; `ready` follows."""

    def stopping(self) -> None:
        """Say that it is on its way down."""

    async def beat(self, summary: Callable[[], str]) -> None:
        """Say every so often, from the event loop itself, that it is alive and what `summary` says; until cancelled."""
