"""Notices reach the people they are for."""

from __future__ import annotations

import json

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level

NAME = "notices"
FILE = "notices.json"
MANY = 100
"""So many that wait are told even while the address is only slow."""


def check(host: Host) -> list[Issue]:
    """Read how each address fared the last time a supervisor used it."""
    try:
        body = json.loads((host.run / FILE).read_bytes())
        routes = {str(name): dict(each) for name, each in body["routes"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return [Issue(NAME, Level.OK, "no address is in use")]
    found = [issue for name, each in sorted(routes.items()) for issue in _route(name, each)]
    return found or [Issue(NAME, Level.OK, f"{len(routes)} address{'es' if len(routes) != 1 else ''} in use")]


def _route(name: str, route: dict[str, object]) -> list[Issue]:
    whose, option = (f"of {name}", f" --instance {name}") if name else ("of the fleet", "")
    waiting, why = route.get("waiting"), str(route.get("why") or "")
    if route.get("refused"):
        what = f"notices {whose} are not sent any more: {why}"
        meant = "nobody is told when an operator must act"
        return [Issue(NAME, Level.ERROR, what, meant, f"investbot notify set discord{option}")]
    if why or (isinstance(waiting, int) and waiting >= MANY):
        what = f"{waiting} notices {whose} wait{f': {why}' if why else ''}"
        return [Issue(NAME, Level.WARNING, what, "they come late", f"investbot notify test{option}")]
    return []
