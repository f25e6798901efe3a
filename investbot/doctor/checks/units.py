"""What systemd runs of us comes back after a reboot, and has not failed."""

from __future__ import annotations

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.doctor.machine import Unit

NAME = "units"
_BACKUPS = "investbot-backup"


def check(host: Host) -> list[Issue]:
    """Look at the units of this program that are installed."""
    installed = host.units()
    if installed is None:
        return [Issue(NAME, Level.OK, "no systemd runs here")]
    found = [issue for unit in installed if (issue := _issue(unit))]
    names = ", ".join(sorted(unit.name for unit in installed)) or "none is installed"
    return found or [Issue(NAME, Level.OK, names)]


def _issue(unit: Unit) -> Issue | None:
    user, sudo = ("--user ", "") if unit.is_users else ("", "sudo ")
    is_backup = unit.name.startswith(_BACKUPS)
    if unit.state == "failed" or unit.result not in {"", "success"}:
        why = "no backups are made" if is_backup else "nobody watches the instances it ran"
        fix = f"{sudo}systemctl {user}restart {unit.name} && journalctl {user}-e -u {unit.name}"
        return Issue(NAME, Level.ERROR, f"{unit.name} has failed ({unit.result or unit.state})", why, fix)
    if unit.file_state in {"disabled", "masked"} and not unit.name.startswith("investbot@"):
        why = "no backups are made by themselves" if is_backup else "nothing starts after a reboot"
        fix = f"{sudo}systemctl {user}{'unmask' if unit.file_state == 'masked' else 'enable --now'} {unit.name}"
        return Issue(NAME, Level.WARNING, f"{unit.name} is installed and {unit.file_state}", why, fix)
    return None
