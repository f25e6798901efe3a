"""Keys that trade real money can do no more than they must, and work from known addresses only."""

from __future__ import annotations

import json
from typing import Any

from investbot.config.home import RIGHTS_FILE
from investbot.config.instance import load_instance
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import ConfigError
from investbot.domain.states import Mode

NAME = "keys"


def check(host: Host) -> list[Issue]:
    """Look at what the venues said when they were asked last; nobody is asked now."""
    live = [name for name in host.names() if _is_live(host, name)]
    issues = [issue for name in live for issue in _of(host, name)]
    said = f"{len(live)} may trade, from known addresses where their venue says so" if live else "no real money"
    return issues or [Issue(NAME, Level.OK, said)]


def _is_live(host: Host, name: str) -> bool:
    try:
        return load_instance(host.instances / name).venue.mode is Mode.LIVE
    except ConfigError:  # the check of settings tells
        return False


def _of(host: Host, name: str) -> list[Issue]:
    told = _told(host, name)
    fix = f"investbot keys check {name}"
    if told is None:
        why = "it could withdraw money, or work from anywhere"
        return [Issue(NAME, Level.WARNING, f"{name}: nobody asked its venue what its key may do", why, fix)]
    found = []
    if told.get("ip_restricted") is False:
        what = f"{name}: its key works from any address (asked at {told.get('at')})"
        why = "whoever copies it can trade with it; restrict it to your addresses on the venue's own page"
        found.append(Issue(NAME, Level.WARNING, what, why, fix))
    if told.get("withdraw"):
        what = f"{name}: its key may withdraw money (asked at {told.get('at')})"
        why = "whoever copies it can take everything on its account"
        found.append(Issue(NAME, Level.WARNING, what, why, f"investbot keys set {name}"))
    if told.get("trade") is False:
        what = f"{name}: its key may not trade (asked at {told.get('at')})"
        found.append(Issue(NAME, Level.WARNING, what, "it cannot start", f"investbot keys set {name}"))
    return found


def _told(host: Host, name: str) -> dict[str, Any] | None:
    try:
        told = json.loads((host.instances / name / RIGHTS_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None
