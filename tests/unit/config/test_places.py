from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from investbot.config.places import places
from investbot.config.writer import toml

TEXT = '''\
# a comment = 1
title = "x # no comment"  # [nothing]

[risk]
position_fraction = 0.02
cooldown.text = """
[not.a.table]
key = 1 \\"""
"""
after = 'it''s'[0]
'''.replace("'it''s'[0]", "'its'")

MORE = """
[ venue . "ccxt" ]   # spaces
list = [
  1, # ]
  "]", '[',
  { a = 1 },
]
inline = { a = "}", b = [1] }
raw = '''
[x]
'''
"quoted key" = 1
'a.b'.c = 2
[[many]]
n = 1
[[many]]
n = 2
last = true"""


def test_every_key_is_found_in_its_line() -> None:
    found = places(TEXT + MORE)
    lines = (TEXT + MORE).splitlines()
    assert found["title",] == 2
    assert found["risk",] == 4
    assert found["risk", "position_fraction"] == 5
    assert found["risk", "cooldown", "text"] == 6
    assert lines[found["risk", "after"] - 1].startswith("after")
    assert lines[found["venue", "ccxt", "inline"] - 1].startswith("inline")
    assert lines[found["venue", "ccxt", "raw"] - 1].startswith("raw")
    assert lines[found["venue", "ccxt", "quoted key"] - 1].startswith('"quoted')
    assert lines[found["venue", "ccxt", "a.b", "c"] - 1].startswith("'a.b'")
    assert lines[found["many", "last"] - 1].startswith("last")
    assert ("not",) not in found
    assert ("x",) not in found
    assert ("key",) not in found


def test_a_text_that_ends_in_a_comment_has_no_more_keys() -> None:
    assert dict(places("a = 1 # b = 2")) == {("a",): 1}
    assert dict(places("# only words")) == {}
    assert dict(places("")) == {}
    assert dict(places("[table]")) == {("table",): 1}


def test_what_is_no_toml_ends_the_search() -> None:
    assert dict(places("a = 1\n= 2\n")) == {("a",): 1}


KEYS = st.text(min_size=1, max_size=6)
SCALARS = st.one_of(st.booleans(), st.integers(), st.text(max_size=12))
TABLES = st.recursive(
    st.dictionaries(KEYS, st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), max_size=4),
    lambda inner: st.dictionaries(KEYS, st.one_of(SCALARS, inner), max_size=4),
    max_leaves=8,
)


def paths(data: dict[str, Any], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = {(*above, name) for name in data}
    for name, item in data.items():
        if isinstance(item, dict):
            found |= paths(item, (*above, name))
    return found


@given(TABLES)
def test_every_key_of_any_text_has_a_line_that_names_it(data: dict[str, Any]) -> None:
    text = toml(data)
    assert tomllib.loads(text) == data
    found = places(text)
    assert set(found) == paths(data)
    lines = text.split("\n")
    for path, line in found.items():
        assert tomllib.loads(lines[line - 1].strip())
        name = toml({path[-1]: 0}).split(" = ")[0]
        assert name in lines[line - 1]
