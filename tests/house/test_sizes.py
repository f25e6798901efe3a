"""Size budgets: small modules, small classes, small functions."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

from tests.house.tree import named, package_modules

MODULE_LINES = 300
P95_LINES = 250
MEDIAN_LINES = 120
PUBLIC_METHODS = 12
STATEMENTS = 40

# file, file::Class or file::function -> why its size is right
EXCEPTIONS: dict[str, str] = {}

# Names the terminal framework calls by convention; they are no part of what a class offers.
CALLED_BY_TEXTUAL = ("on_", "action_", "watch_", "compute_", "validate_", "key_", "compose", "render")


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def public_methods(node: ast.ClassDef) -> int:
    """Count the methods a class offers; a property counts, its setter does not count again."""
    names = {
        item.name
        for item in node.body
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
        and not item.name.startswith("_")
        and not item.name.startswith(CALLED_BY_TEXTUAL)
    }
    return len(names)


def statements(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's statements, its docstring and the insides of functions defined in it apart."""
    count = 0
    pending: list[ast.AST] = list(node.body[1:] if ast.get_docstring(node) else node.body)
    while pending:
        item = pending.pop()
        count += isinstance(item, ast.stmt)
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(item))
    return count


def oversized(source: str, file: str) -> list[str]:
    """Name every class and function of one module that is over its budget."""
    said: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and public_methods(node) > PUBLIC_METHODS:
            said.append(f"{file}::{node.name}")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and statements(node) > STATEMENTS:
            said.append(f"{file}::{node.name}")
    return said


def test_no_module_is_too_long() -> None:
    assert [
        f"{named(path)}: {lines(path)} lines"
        for path in package_modules()
        if lines(path) > MODULE_LINES and named(path) not in EXCEPTIONS
    ] == []


def test_modules_are_short_as_a_rule() -> None:
    sizes = sorted(lines(path) for path in package_modules() if path.name != "__init__.py" or lines(path) > 1)
    assert statistics.median(sizes) <= MEDIAN_LINES
    assert sizes[int((len(sizes) - 1) * 0.95)] <= P95_LINES


def test_classes_and_functions_are_small() -> None:
    found = [each for path in package_modules() for each in oversized(path.read_text(encoding="utf-8"), named(path))]
    assert [each for each in found if each not in EXCEPTIONS] == []


def test_every_exception_is_still_needed() -> None:
    found = {each for path in package_modules() for each in oversized(path.read_text(encoding="utf-8"), named(path))}
    found |= {named(path) for path in package_modules() if lines(path) > MODULE_LINES}
    assert set(EXCEPTIONS) <= found
    assert all(len(reason.split()) > 3 for reason in EXCEPTIONS.values())


@pytest.mark.parametrize(("methods", "seen"), [(PUBLIC_METHODS, []), (PUBLIC_METHODS + 1, ["m.py::Wide"])])
def test_a_wide_class_is_seen(methods: int, seen: list[str]) -> None:
    body = "".join(f"    def m{number}(self): ...\n" for number in range(methods))
    assert oversized(f"class Wide:\n    def _own(self): ...\n    def on_key(self): ...\n{body}", "m.py") == seen


@pytest.mark.parametrize(("count", "seen"), [(STATEMENTS - 1, []), (STATEMENTS, ["m.py::long"])])
def test_a_long_function_is_seen(count: int, seen: list[str]) -> None:
    body = "".join(f"        x{number} = 1\n" for number in range(count))
    assert oversized(f'def long():\n    """Say."""\n    if True:\n{body}', "m.py") == seen
