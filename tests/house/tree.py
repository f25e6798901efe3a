"""Which files the rules of the house are held against."""

from __future__ import annotations

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "investbot"

UNTRACKED_FOLDERS = frozenset(
    {
        ".git",
        ".venv",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        ".import_linter_cache",
    }
)


def repository_files() -> list[Path]:
    """List what is committed or about to be: by git, or by a walk where there is no git (an unpacked archive)."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return walked_files()
    return sorted({REPOSITORY / name for name in answer.stdout.split("\0") if name and (REPOSITORY / name).is_file()})


def walked_files() -> list[Path]:
    """List every file that is not of a cache or an environment."""
    return sorted(
        path
        for path in REPOSITORY.rglob("*")
        if path.is_file() and not UNTRACKED_FOLDERS & set(path.relative_to(REPOSITORY).parts)
    )


def package_modules() -> list[Path]:
    """List every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def named(path: Path) -> str:
    """Write a path as the repository knows it."""
    return path.relative_to(REPOSITORY).as_posix()
