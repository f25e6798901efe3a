"""Every instance has a backup that was restored and compared, and it is not old."""

from __future__ import annotations

from investbot.control.backed_up import backed_up_at
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.market import DAY, HOUR, Millis

NAME = "backups"
FLEET = "_fleet"
_OLD = 2 * DAY
"""Backups are made daily; one that was missed may be a machine that was off."""


def check(host: Host) -> list[Issue]:
    """Compare the newest verified archive of each instance, and of what all share, with the clock."""
    names = host.names()
    if not names:
        return [Issue(NAME, Level.OK, "there is nothing to back up yet")]
    found = {name: backed_up_at(host.home, name) for name in (*names, FLEET)}
    issues = [issue for name, at in found.items() if (issue := _issue(name, at, host.now))]
    if len(issues) == len(found) and not any(found.values()):
        why = "what is lost with this disk is lost for good"
        return [Issue(NAME, Level.WARNING, "there is no verified backup", why, "investbot backup create --all")]
    oldest = max((host.now - at for at in found.values() if at is not None), default=0)
    return issues or [Issue(NAME, Level.OK, f"{len(names)} verified, the oldest {_age(oldest)} ago")]


def _issue(name: str, at: Millis | None, now: Millis) -> Issue | None:
    whose, fix = ("what all instances share", "--all") if name == FLEET else (name, name)
    why = "what happened since would be lost with this disk"
    command = f"investbot backup create {fix}"
    if at is None:
        return Issue(NAME, Level.WARNING, f"{whose} has no verified backup", why, command)
    if now - at >= _OLD:
        return Issue(NAME, Level.WARNING, f"the last verified backup of {whose} is {_age(now - at)} old", why, command)
    return None


def _age(span: Millis) -> str:
    """Say a span of time in whole days or hours; of a clock that was set back, none."""
    days, hours = span // DAY, span // HOUR
    return f"{days} days" if days > 1 else f"{max(hours, 0)} h"
