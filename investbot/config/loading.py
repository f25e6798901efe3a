"""Find profiles and read them: environment over file over what it extends over defaults, every mistake named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from investbot.config.layers import Layer, from_environment, merge, pointed, read_file, with_absolute_files
from investbot.config.mistakes import Mistake, refusal, validate
from investbot.config.profile import Profile
from investbot.domain.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


def shipped_profiles() -> Path:
    """Give the folder of the profiles that come with the program, installed or in a checkout."""
    installed = _PACKAGE / "shipped"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "profiles"


def profile_files(search: Sequence[Path]) -> dict[str, Path]:
    """Name every profile in the folders; where two have one name, the earlier folder wins."""
    found: dict[str, Path] = {}
    for folder in search:
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_profile(name: str, search: Sequence[Path]) -> Path:
    """Find a profile by name, or by path where the name has a slash or ends in .toml; ConfigError."""
    path = Path(name) if "/" in name or name.endswith(".toml") else profile_files(search).get(name)
    if path is None or not path.is_file():
        raise ConfigError(f"There is no profile {name!r}; `investbot profiles list` shows those there are.")
    return path


def load_profile(path: Path, search: Sequence[Path], environ: Mapping[str, str]) -> Profile:
    """Read a profile with all it extends, under the environment; ConfigError with every mistake, one a line."""
    profile, mistakes = _read(path, search, environ)
    if profile is None:
        raise refusal(mistakes)
    return profile


def check_profile(
    path: Path, search: Sequence[Path] | None = None, environ: Mapping[str, str] | None = None
) -> list[Mistake]:
    """Give every mistake of a profile; parents are looked for beside it and among those shipped, unless told."""
    folders = (path.parent, shipped_profiles()) if search is None else search
    return _read(path, folders, environ or {})[1]


def _read(path: Path, search: Sequence[Path], environ: Mapping[str, str]) -> tuple[Profile | None, list[Mistake]]:
    files, mistakes = _chain(path, search)
    if mistakes or not files:
        return None, mistakes
    merged: dict[str, object] = {}
    for layer in files:
        merged = merge(merged, layer.data)
    over = from_environment(environ, merged)
    merged = merge(merged, with_absolute_files(over.data, path.parent))
    layers = [*files, over]
    profile, faults = validate(Profile, merged)
    return profile, pointed(faults, layers)


def _chain(path: Path, search: Sequence[Path]) -> tuple[list[Layer], list[Mistake]]:
    """Read a profile and its parents, eldest first."""
    chain: list[Layer] = []
    seen: list[Path] = []
    while True:
        seen.append(path.resolve())
        layer, mistakes = read_file(path)
        if layer is None:
            return chain, mistakes
        data = with_absolute_files(layer.data, path.parent)
        wanted = data.pop("extends", "")
        chain.insert(0, Layer(data, layer.where))
        if wanted == "":
            return chain, []
        parent = _parent(wanted, path, search)
        file, line = layer.where["extends",]
        if parent is None:
            return chain, [Mistake(file, line, "extends", f"there is no profile {wanted!r}.")]
        if parent.resolve() in seen:
            return chain, [Mistake(file, line, "extends", f"{wanted} leads back to this profile.")]
        path = parent


def _parent(wanted: object, path: Path, search: Sequence[Path]) -> Path | None:
    if not isinstance(wanted, str):
        return None
    if "/" in wanted or wanted.endswith(".toml"):
        named = path.parent / wanted
        return named if named.is_file() else None
    # A profile may extend the shipped one whose name it bears.
    own = path.resolve()
    for folder in search:
        found = folder / f"{wanted}.toml"
        if found.is_file() and found.resolve() != own:
            return found
    return None
