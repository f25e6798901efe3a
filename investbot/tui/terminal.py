"""A dashboard that is told to go gives the terminal back first: a cut line or a `kill` leaves no wild screen."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from textual.app import App

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def leave_politely(app: App[Any]) -> None:
    """Let SIGTERM and SIGHUP end the application as its own key does, while its event loop runs."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, app.exit)
