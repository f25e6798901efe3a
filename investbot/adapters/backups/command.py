"""The operator's own command after a backup: rclone, restic, scp and the like."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from investbot.domain.errors import BackupError

_PATIENCE_S = 6 * 3600.0
"""How long a slow line may take for one archive (seconds)."""
_WORDS = 200
"""Characters of what the command said that are repeated."""


def run_after(command: Sequence[str], path: Path, patience_s: float = _PATIENCE_S) -> None:
    """Run `command` with `path` as its last word, without a shell and without input; BackupError says what failed."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own words, from a file only he may write
            [*command, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=patience_s,
            check=False,
        )
    except OSError as error:
        raise BackupError(
            f"The command {command[0]} cannot be run: {error.strerror}; {path.name} is kept here."
        ) from None
    except subprocess.TimeoutExpired:
        raise BackupError(
            f"The command {command[0]} took longer than {patience_s:g} s; {path.name} is kept here."
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-_WORDS:].rstrip(".")
        why = f"code {done.returncode}{said and ': '}{said}"
        raise BackupError(f"The command {command[0]} failed with {why}; {path.name} is kept here.")
