"""Run the loopback exchange as its own process: `python -m tests.exchange [PORT]`."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from tests.exchange.server import serve

with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
