"""How each address fares, in `run/notices.json`, for `doctor` and `notify list`: nothing in it is secret."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from investbot.domain.market import Millis


@dataclass
class RouteHealth:
    """One address: its mark and host, whether it was `refused` for good, `why` the last message did not get out.

    `sent` and `waiting` count notices; `last_sent_at` in milliseconds UTC.
    """

    mark: str
    host: str
    refused: bool = False
    why: str = ""
    sent: int = 0
    waiting: int = 0
    last_sent_at: Millis | None = None


def read_health(path: Path) -> dict[str, RouteHealth]:
    """Read the file; nothing where there is none, or one that cannot be read."""
    try:
        body = json.loads(path.read_bytes())
        return {str(name): RouteHealth(**each) for name, each in body["routes"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_health(path: Path, routes: Mapping[str, RouteHealth], dropped: int) -> None:
    """Replace the file in one step; a disk that is full keeps the old one."""
    if not routes and not path.exists():
        return
    body = {"routes": {name: asdict(each) for name, each in routes.items()}, "dropped": dropped}
    beside = path.with_suffix(".json.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(body, file)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
