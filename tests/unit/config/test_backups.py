"""The `[backups]` table: what it takes, and what it says of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from investbot.config.backups import BackupsPart
from investbot.config.fleet import FLEET_FILE, check_fleet, init_fleet, load_fleet

RECIPIENT = "age109ld95mcwzp7d9uq8qsx8eqlkelw98z79nfhfxs4wwtg37rf04hsg8fmys"


def told(home: Path, lines: str) -> BackupsPart:
    init_fleet(home)
    with (home / FLEET_FILE).open("a") as file:
        file.write(f"\n[backups]\n{lines}\n")
    return load_fleet(home).backups


def test_nothing_is_told_by_default(tmp_path: Path) -> None:
    init_fleet(tmp_path)
    assert load_fleet(tmp_path).backups == BackupsPart()
    assert (BackupsPart().daily, BackupsPart().weekly, BackupsPart().monthly, BackupsPart().ship) == (30, 8, 12, 0)


def test_everything_can_be_told(tmp_path: Path) -> None:
    part = told(
        tmp_path,
        f'to = ["/mnt/usb"]\nrecipients = ["{RECIPIENT}"]\nafter = ["rclone", "copy"]\ndaily = 3\nweekly = 2\n'
        'monthly = 0\nship = "30s"',
    )
    assert (part.to, part.recipients, part.after) == (("/mnt/usb",), (RECIPIENT,), ("rclone", "copy"))
    assert (part.daily, part.weekly, part.monthly, part.ship) == (3, 2, 0, 30_000)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('to = "/mnt"', "write a list"),
        ('to = ["mnt/usb"]', "not a folder from the root"),
        ("to = [1]", "not a folder from the root"),
        ('recipients = ["age1short"]', "no age recipient"),
        ("recipients = [2]", "no age recipient"),
        ('after = "rclone copy"', "write a list"),
        ('after = [""]', "no word of a command"),
        ("daily = -1", "not a whole number"),
        ('ship = "soon"', "duration"),
        ("hourly = 3", "hourly"),
    ],
)
def test_mistakes_are_told_in_words(tmp_path: Path, line: str, words: str) -> None:
    init_fleet(tmp_path)
    with (tmp_path / FLEET_FILE).open("a") as file:
        file.write(f"\n[backups]\n{line}\n")
    (mistake,) = check_fleet(tmp_path)
    assert words in str(mistake)
