"""The operator's command after a backup: run as it stands, and its failure told."""

from __future__ import annotations

from pathlib import Path

import pytest

from investbot.adapters.backups.command import run_after
from investbot.domain.errors import BackupError

ARCHIVE = Path("/x/000001-20260101T000000Z.ibk")


def test_the_archive_is_its_last_word_and_no_shell_reads_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_after(["sh", "-c", f'printf "%s\\n" "$@" > {log}', "sh", "a b", "$(id)"], ARCHIVE)
    assert log.read_text() == f"a b\n$(id)\n{ARCHIVE}\n"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["sh", "-c", "exit 3"], "The command sh failed with code 3; 000001-20260101T000000Z.ibk is kept here."),
        (["sh", "-c", "printf 'no\\nroute.' >&2; exit 1"], "code 1: no route; 000001"),
        (["sh", "-c", "kill -9 $$"], "code -9"),
        (["/nowhere/rclone"], "cannot be run: No such file or directory"),
        (["/"], "cannot be run: Permission denied"),
    ],
)
def test_failures_are_one_sentence(command: list[str], sentence: str) -> None:
    with pytest.raises(BackupError) as failure:
        run_after(command, ARCHIVE)
    assert sentence in str(failure.value)
    assert "\n" not in str(failure.value)


def test_it_reads_nothing_and_does_not_hang(tmp_path: Path) -> None:
    run_after(["sh", "-c", "cat"], ARCHIVE)
    with pytest.raises(BackupError, match=r"took longer than 0\.1 s"):
        run_after(["sh", "-c", "exec sleep 60"], ARCHIVE, patience_s=0.1)
