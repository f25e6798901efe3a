"""Facts for a report of a bug, in one archive that holds no secret."""

from __future__ import annotations

import io
import json
import os
import platform
import re
import tarfile
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from investbot import __version__
from investbot.bootstrap.home import Home
from investbot.cli.errors import redact
from investbot.cli.output import dumps
from investbot.domain.errors import AlreadyExists

_LOG_BYTES = 200_000
_SECRET_KEY = re.compile(r"(?i)(key|secret|password|token|webhook|private|uid|wallet)")
_SECRET_LINE = re.compile(r"(?im)^(\s*[\w.\"-]*(?:key|secret|password|token|webhook|private)[\w.\"-]*\s*=\s*).*$")


def write_bundle(file: Path, home: Home, facts: Mapping[str, Any], secrets: Iterable[str]) -> None:
    """Write the archive, mode 0600; AlreadyExists where a file is, OSError."""
    hidden = list(secrets)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        message = f"{file} is there already; name another file."
        raise AlreadyExists(message) from None
    with os.fdopen(handle, "wb") as opened, tarfile.open(fileobj=opened, mode="w:gz") as archive:
        for name, text in _parts(home, facts):
            content = redact(text, hidden).encode()
            entry = tarfile.TarInfo(f"investbot/{name}")
            entry.size = len(content)
            entry.mode = 0o600
            archive.addfile(entry, io.BytesIO(content))


def _parts(home: Home, facts: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "program.json", dumps(_program())
    for name, value in facts.items():
        yield f"{name}.json", dumps(_without_secrets(value))
    yield "investbot.toml", _settings(home.settings)
    yield "audit.jsonl", _end(home.run.audit)
    yield "supervisor.log", _end(home.run.log)
    for name in home.names():
        instance = home.instance(name)
        yield f"{name}/instance.toml", _settings(instance.settings)
        yield f"{name}/exit.json", _end(instance.exit)
        yield f"{name}/instance.log", _end(instance.log)


def _program() -> dict[str, Any]:
    return {
        "investbot": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": dict(sorted((each.metadata["Name"], each.version) for each in distributions())),
    }


def _settings(file: Path) -> str:
    return _SECRET_LINE.sub(r'\1"[hidden]"', _end(file))


def _end(file: Path) -> str:
    """Give the last part of a text file, from the beginning of a line; nothing when it is not there."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - _LOG_BYTES))
        content = opened.read().decode("utf-8", "replace")
    return content if size <= _LOG_BYTES else content.partition("\n")[2]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: "[hidden]" if _SECRET_KEY.search(str(key)) and isinstance(item, str) else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(each) for each in value]
    return json.loads(dumps(value))
