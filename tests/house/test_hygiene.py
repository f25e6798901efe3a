"""What must never be committed: secrets, machine paths, package hosts, unfinished work, broad excepts."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import REPOSITORY, named, repository_files, walked_files

# The words are put together here so that this file does not hold them.
HOSTS = "|".join(("py" + "pi", "python" + "hosted", "np" + "mjs", "deb" + "ian"))
MACHINE = "|".join(("wo" + "rk", "ro" + "ot", "fa" + "rm", "opt/wh" + "eels", "opt/py" + "pi"))
UNWANTED = {
    "a path of one machine": re.compile(rf"(?<![\w./-])/({MACHINE})/"),
    "a package host": re.compile(rf"https?://[a-z.]*({HOSTS})[.]"),
    "a private key": re.compile("-----BEGIN [A-Z ]*PRIVATE" + " KEY-----"),
    "an access key": re.compile(r"\b(AK" + r"IA[0-9A-Z]{16}|gh" + r"[pousr]_[A-Za-z0-9]{36}|sk_" + r"live_\w{20,})"),
    "a webhook address": re.compile(r"discord(app)?\.com/api/web" + r"hooks/\d{17,}/[\w-]{60,}"),
    "a note on how the work was organised": re.compile(
        "HOUSE" + r"\.md|FEATURES" + r"\.md|CLI" + r"\.md|tmp/" + "brief"
    ),
}
UNFINISHED = {
    "unfinished work": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|HA" + r"CK)\b|#\s*X" + "XX"),
    "a stub": re.compile("NotImplemented" + "Error"),
    "an excuse from coverage": re.compile(r"pragma:\s*no" + r"\s*(cover|branch)"),
    "a test that may fail": re.compile("x" + r"fail\b(?!_strict)"),
}
# A crash is better than a guess, but here: the trading loop, the spawn loop, a dashboard's worker, the last door.
MAY_CATCH_ALL = (
    "investbot/instance/runner.py",
    "investbot/supervisor/process_keeper.py",
    "investbot/tui/",
    "investbot/cli/errors.py",
)
# The one place a test is skipped: no shared candle files.
MAY_SKIP = ("tests/conftest.py",)


def texts() -> list[tuple[str, str]]:
    """Read every file of the repository that is text."""
    found: list[tuple[str, str]] = []
    for path in repository_files():
        content = path.read_bytes()
        if b"\0" not in content[:4096]:
            found.append((named(path), content.decode("utf-8", "replace")))
    return found


def sources() -> list[tuple[str, str]]:
    """Read every Python file and script."""
    return [(file, text) for file, text in texts() if file.endswith(".py") or file.startswith(("scripts/", ".ci/"))]


def lines_with(pattern: re.Pattern[str], files: list[tuple[str, str]]) -> list[str]:
    """Name every line that holds the pattern."""
    return [
        f"{file}:{number}"
        for file, text in files
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def broad_excepts(source: str) -> list[int]:
    """Give the lines that catch everything; catching BaseException to clean up and raise again is honest."""
    found: list[int] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {each.id if isinstance(each, ast.Name) else None if each else "BaseException" for each in caught}
        raises = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        if "Exception" in names or ("BaseException" in names and not raises):
            found.append(node.lineno)
    return found


def imported(source: str) -> set[str]:
    """Name the top-level packages a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("what", UNWANTED)
def test_nothing_committed_holds(what: str) -> None:
    assert lines_with(UNWANTED[what], texts()) == []


@pytest.mark.parametrize("what", UNFINISHED)
def test_no_source_holds(what: str) -> None:
    assert lines_with(UNFINISHED[what], sources()) == []


def test_broad_excepts_stand_only_where_a_crash_must_be_reported() -> None:
    assert [
        f"{file}:{line}"
        for file, text in texts()
        if file.endswith(".py") and not file.startswith(MAY_CATCH_ALL)
        for line in broad_excepts(text)
    ] == []


def test_skips_stand_only_where_files_may_be_missing() -> None:
    skip = re.compile(r"pytest\.(mark\.)?" + "skip")
    assert [line for line in lines_with(skip, sources()) if not line.startswith(MAY_SKIP)] == []


def test_click_is_never_imported() -> None:
    assert [file for file, text in texts() if file.endswith(".py") and "click" in imported(text)] == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("try:\n    f()\nexcept Exception:\n    raise\n", [3]),
        ("try:\n    f()\nexcept (OSError, Exception) as e:\n    g(e)\n", [3]),
        ("try:\n    f()\nexcept BaseException:\n    g()\n", [3]),
        ("try:\n    f()\nexcept:\n    g()\n", [3]),
        ("try:\n    f()\nexcept BaseException:\n    g()\n    raise\n", []),
        ("try:\n    f()\nexcept (OSError, errors.DataError):\n    g()\n", []),
    ],
)
def test_a_broad_except_is_seen(source: str, lines: list[int]) -> None:
    assert broad_excepts(source) == lines


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "open('/wo" + "rk/x')"),
        ("a package host", "https://files.python" + "hosted.org/x"),
        ("a private key", "-----BEGIN OPENSSH PRIVATE" + " KEY-----"),
        ("an access key", "AK" + "IA" + "A" * 16),
        ("a webhook address", "https://discord.com/api/web" + "hooks/" + "1" * 18 + "/" + "a" * 68),
        ("a note on how the work was organised", "see HOUSE" + ".md"),
    ],
)
def test_an_unwanted_line_is_seen(what: str, line: str) -> None:
    assert lines_with(UNWANTED[what], [("f", line)]) == ["f:1"]


def test_the_walk_without_git_finds_the_package_too() -> None:
    assert REPOSITORY / "investbot" / "__init__.py" in set(walked_files()) & set(repository_files())


def scripts() -> list[Path]:
    return [path for path in repository_files() if path.parent.name in {"scripts", ".ci"} and not path.suffix]


@pytest.mark.parametrize("path", scripts(), ids=named)
def test_a_script_can_be_run_as_it_is(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env ")


def pinned(lock: str) -> dict[str, list[str]]:
    """Map every `name==version` of a lock to its hashes."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (REPOSITORY / lock).read_text(encoding="utf-8").splitlines():
        if pin := re.match(r"([a-z0-9._-]+==\S+)", line):
            name = pin[1]
            found.setdefault(name, [])
        elif digest := re.match(r"\s+--hash=(sha256:[0-9a-f]{64})", line):
            found[name].append(digest[1])
    return found


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_holds_hashes_and_no_address(lock: str) -> None:
    assert len(pinned(lock)) > 20
    assert [name for name, hashes in pinned(lock).items() if not hashes] == []
    address = re.compile(r"index-url|find-links|trusted-host|://|^-e|file:")
    assert lines_with(address, [(lock, (REPOSITORY / lock).read_text(encoding="utf-8"))]) == []


def test_the_development_lock_holds_the_runtime_lock() -> None:
    runtime, development = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert runtime.items() <= development.items()


def test_every_dependency_is_bounded_and_locked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    every = wanted + [each for extra in project["optional-dependencies"].values() for each in extra]
    assert [each for each in every if not re.fullmatch(r"[a-z0-9-]+>=[\d.]+,<[\d.]+", each)] == []
    locked = {name.partition("==")[0] for name in pinned("requirements-dev.lock")}
    assert {re.split(r"[><=]", each)[0] for each in wanted} <= locked
