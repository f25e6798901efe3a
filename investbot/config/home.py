"""Where the state of a fleet lives. Standard library only: every command asks this first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FLEET_FILE = "investbot.toml"
RIGHTS_FILE = "rights.json"
"""In the folder of an instance: what its venue last said that its key may do."""


def find_home(option: Path | None, environ: Mapping[str, str], cwd: Path, platform_folder: Path) -> Path:
    """Choose the home: the option, INVESTBOT_HOME, the nearest folder upwards with investbot.toml, the platform's."""
    if option is not None:
        return cwd / option
    named = environ.get("INVESTBOT_HOME")
    if named:
        return cwd / named
    for folder in (cwd, *cwd.parents):
        if (folder / FLEET_FILE).is_file():
            return folder
    return platform_folder
