"""One file that somebody else may look into: findings, settings and the ends of logs, without secrets."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from investbot.config.instance import INSTANCE_FILE
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue

TAIL = 200_000
"""How much of the end of each file is taken, in bytes."""
_HIDDEN = "[hidden]"
_NAMES = r"api_?key|secret|passw(?:or)?d|passphrase|private_?key|token|signature|authorization|webhook"
# Settings and logs hold no secret; should one have slipped in, it goes no further: whatever looks like a key, a token,
# an address that is one, or stands beside the name of one.
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL),
    re.compile(
        rf"(?i)([\w-]*(?:{_NAMES})[\w-]*[\"']?\s*[=:]\s*)(?:bearer\s+|basic\s+)?(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,}}\]]+)"
    ),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/-]{8,}=*"),
    re.compile(r"(://)[^\s/@\"']+:[^\s/@\"']+(?=@)"),
    re.compile(r"(/webhooks/)[^\s\"']+"),
    re.compile(r"(?<![\w/+-])()[0-9a-fA-F]{32,}(?![\w/+-])"),
    re.compile(r"(?<![\w/+=-])()(?=[\w+-]*[0-9])(?=[\w+-]*[a-z])(?=[\w+-]*[A-Z])[\w+-]{40,}={0,2}"),
)


def write_bundle(path: Path, host: Host, issues: Iterable[Issue], secrets: Iterable[str] = ()) -> list[str]:
    """Write a new tar.gz, mode 0600, and name what is in it; `secrets` are texts to hide wherever they stand.

    FileExistsError rather than overwrite; OSError, and then nothing is left.
    """
    report = json.dumps([asdict(issue) for issue in issues], indent=1)
    hidden = [each for each in secrets if each]
    parts = [(name, redacted(text, hidden)) for name, text in (("doctor.json", report), *_texts(host))]
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


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Hide the given texts and whatever looks like a secret."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1{_HIDDEN}" if pattern.groups else _HIDDEN, text)
    return text


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
