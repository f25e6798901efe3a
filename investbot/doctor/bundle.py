"""One file that somebody else may look into: findings, settings and the ends of logs, without secrets."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from investbot.config.instance import INSTANCE_FILE
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue
from investbot.doctor.redaction import redacted

TAIL = 200_000
"""How much of the end of each file is taken, in bytes."""


def write_bundle(path: Path, host: Host, issues: Iterable[Issue], secrets: Iterable[str] = ()) -> list[str]:
    """Write a new tar.gz, mode 0600, and name what is in it; `secrets` and those of the host are hidden everywhere.

    FileExistsError rather than overwrite; OSError, and then nothing is left.
    """
    hidden = [*secrets, *host.secrets()]
    told = [{key: redacted(text, hidden) for key, text in asdict(issue).items()} for issue in issues]
    parts = [("doctor.json", json.dumps(told, indent=1))]
    parts += [(name, redacted(text, hidden)) for name, text in _texts(host)]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in parts:
                content = text.encode()
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime, entry.mode = len(content), host.now // 1000, 0o600
                archive.addfile(entry, io.BytesIO(content))
    except BaseException:
        path.unlink()
        raise
    return [name for name, _ in parts]


def _texts(host: Host) -> Iterator[tuple[str, str]]:
    """Take settings and logs; never the vault, never a ledger."""
    wanted = [host.fleet_file, *(host.run / name for name in ("supervisor.json", "audit.jsonl", "supervisor.log"))]
    for name in host.names():
        folder = host.instances / name
        wanted += [folder / INSTANCE_FILE, folder / "exit.json", folder / "logs" / "instance.log"]
    for path in wanted:
        if path.is_file():
            yield str(path.relative_to(host.home)), _end(path)


def _end(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        text = file.read().decode("utf-8", "replace")
    return text if size <= TAIL else text.partition("\n")[2]
