"""Where a key stands in the file, so that a complaint can name its line."""

from __future__ import annotations

import tomllib

import pytest

from lynkr.config.positions import KeyPath, positions

# The locator.

EVERYTHING = r'''
top = 1                             # 2
a.b . "c d" = 2                     # 3
"quoted.key" = '#not a comment'     # 4
text = """
[not.a.table]
x = 1 \""" y
ends in quotes"""""                 # 8
literal = \'\'\'
[[neither]]
ends\'\'\'\'\'                      # 11
after = true                        # 12
list = [ 1, [2, 3], # comment ]
  "]", { x = 1, y.z = "}" },        # 14
]
date = 1979-05-27 07:32:00          # 16
empty = {}
none = []                           # 18
one = {a=1,b=[{c=2}]}               # 19
[t]                                 # 20
k = 1                               # 21
[t . "u v"]                         # 22
k = 'it''s'
[deep.er.est]                       # 24
k = 1
[deep]                              # 26
k = 1
[[keys]]                            # 28
name = "a"                          # 29
[keys.sub]                          # 30
k = 1
[[keys]]                            # 32
name = "b"                          # 33
[[keys.inner]]                      # 34
k = 1
[[keys.inner]]                      # 36
k = 2                               # 37
'''.replace("\\'", "'").replace("'it''s'", "'its'")


def paths(value: object, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    if isinstance(value, dict):
        found |= {p for name, item in value.items() for p in paths(item, (*path, name))}
    if isinstance(value, list):
        found |= {p for index, item in enumerate(value) for p in paths(item, (*path, index))}
    return found


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_path_has_a_position(newline: str) -> None:
    """The locator sees exactly the keys, tables and items that the parser sees."""
    source = EVERYTHING.replace("\n", newline)
    assert set(positions(source)) == paths(tomllib.loads(source))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("a", "b", "c d"), 3),
        (("quoted.key",), 4),
        (("text",), 5),
        (("literal",), 9),
        (("after",), 12),
        (("list", 1, 1), 13),
        (("list", 2), 14),
        (("list", 3, "y", "z"), 14),
        (("date",), 16),
        (("none",), 18),
        (("one", "b", 0, "c"), 19),
        (("t",), 20),
        (("t", "k"), 21),
        (("t", "u v"), 22),
        (("deep", "er"), 24),
        (("deep",), 26),
        (("keys",), 28),
        (("keys", 0, "name"), 29),
        (("keys", 0, "sub"), 30),
        (("keys", 1), 32),
        (("keys", 1, "name"), 33),
        (("keys", 1, "inner", 1), 36),
        (("keys", 1, "inner", 1, "k"), 37),
    ],
)
def test_positions_are_right(path: KeyPath, line: int) -> None:
    """Line by line, across strings and brackets that look like something else."""
    assert positions(EVERYTHING)[path] == line
