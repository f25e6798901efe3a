"""In which line of a TOML text each table and key stands, so that a mistake can be pointed at."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

KeyPath = tuple[str, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEYS = re.compile(rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?!")|' + r"'''.*?'''(?!')|" + r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""", re.DOTALL
)


def places(text: str) -> Mapping[KeyPath, int]:
    """Map each table and key of a valid TOML text to the line (from 1) where it first stands."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    position = _skip_blank(text, 0)
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        header = text[position] == "["
        while text[position] in "[ \t":
            position += 1
        match = _KEYS.match(text, position)
        if match is None:
            break
        path = _path(match[0])
        if header:
            table = path
            position = text.find("\n", match.end())
        else:
            path = (*table, *path)
            position = _after_value(text, text.index("=", match.end()) + 1)
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], line)
        position = _skip_blank(text, position if position >= 0 else len(text))
    return found


def _path(text: str) -> KeyPath:
    node: object = tomllib.loads(f"{text} = 0")
    path: list[str] = []
    while isinstance(node, dict):
        ((name, node),) = node.items()
        path.append(name)
    return tuple(path)


def _skip_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _after_value(text: str, position: int) -> int:
    """Find the end of a value: the line's end, outside every string, list and inline table."""
    depth = 0
    while position < len(text):
        character = text[position]
        string = _STRING.match(text, position) if character in "\"'" else None
        if string:
            position = string.end()
            continue
        if character == "#":
            position = text.find("\n", position)
            if position < 0:
                return len(text)
            continue
        if character == "\n" and depth == 0:
            return position
        depth += (character in "[{") - (character in "]}")
        position += 1
    return position
