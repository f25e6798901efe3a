"""The settings that come with a restored ledger: those of the archive, as a new version where others are in force."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from investbot.config.instance import InstanceConfig, load_instance, loads, new_instance, with_version
from investbot.config.versions import FOLDER, save
from investbot.domain.errors import ConfigError
from investbot.domain.market import Millis

SETTINGS = "instance.toml"


@dataclass(frozen=True, slots=True)
class Source:
    """Whose settings come back, for whom (None: for itself), and what the history is to say of it."""

    name: str
    new_name: str | None
    at: Millis
    by: str
    why: str


def make_ready(folder: Path, live: Path, source: Source) -> None:
    """Turn the unpacked settings in `folder` into those that will be in force; ConfigError for ones no longer valid.

    Nothing is left of them where the live ones say the same. No version of the live history is ever lost or numbered
    twice: what comes back is the next version.
    """
    text = (folder / SETTINGS).read_text(encoding="utf-8")
    wanted = loads(text, f"{SETTINGS} of the archive", live)
    if wanted.name != source.name:
        raise ConfigError(f"The settings in the archive are {wanted.name}'s and not {source.name}'s.")
    if source.new_name is not None:
        made = new_instance(source.new_name, wanted, wanted.instance.profile, wanted.capital, source.at)
        (folder / SETTINGS).unlink()
        save(folder, made, source.at, source.by, source.why)
        return
    now = _in_force(live)
    if now is not None and with_version(wanted, now.version) == now:
        (folder / SETTINGS).unlink()
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        return
    known = list((live / FOLDER).glob("*.toml"))
    if not known:
        return
    (folder / SETTINGS).unlink()
    (folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    for version in known:
        shutil.copy2(version, folder / FOLDER / version.name)
    save(folder, wanted, source.at, source.by, source.why)


def _in_force(live: Path) -> InstanceConfig | None:
    try:
        return load_instance(live)
    except ConfigError:
        return None
