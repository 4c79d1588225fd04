"""What the strict reader refuses, and that it keeps the line of everything."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.config.files import RUN, mistakes
from trading_system.config import yaml_reader
from trading_system.config.yaml_reader import Mapping, Problems, Scalar, Sequence, nearest, read_text, read_yaml, shorten
from trading_system.errors import ConfigError


def read(text: str) -> tuple[Mapping, list[str]]:
    """The top mapping and the mistakes."""
    problems = Problems()
    node = read_yaml(text, "f", problems)
    return (node if isinstance(node, Mapping) else Mapping(yaml_reader.Place("f", 0))), [str(p) for p in problems.found]


def test_every_key_and_item_keeps_its_line() -> None:
    node, found = read("# one\na: 1\nb:\n  c:\n  - x\n  -\n    y\nd: {e: 2,\n    f: 3}\n")
    assert found == []
    b, d = node.items["b"], node.items["d"]
    assert isinstance(b, Mapping) and isinstance(d, Mapping)
    c = b.items["c"]
    assert isinstance(c, Sequence)
    assert [node.place_of(key).line for key in "abd"] == [2, 3, 8]
    assert [item.place.line for item in c.items] == [5, 7]
    assert [d.place_of(key).line for key in "ef"] == [8, 9]


def test_scalars_are_not_converted() -> None:
    node, _ = read("a: [NO, 010, 16:00, 1e3, 2010-01-04, null, 'q', \"d\"]")
    items = node.items["a"]
    assert isinstance(items, Sequence)
    assert [(item.text, item.plain) for item in items.items if isinstance(item, Scalar)] == [
        *((text, True) for text in ("NO", "010", "16:00", "1e3", "2010-01-04", "null")),
        ("q", False),
        ("d", False),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\na: 2", "f:2: a: the key stands twice (first on line 1)"),
        ("a: {b: 1,\n b: 2}", "f:2: a.b: the key stands twice (first on line 1)"),
        ("a: &x 1", "f:1: a: anchors (&x) are not allowed; write the value out where it is used"),
        ("a: [1, *x]", "f:1: a.1: aliases (*name) are not allowed; write the value out"),
        ("a: !!int 1", "f:1: a: tags (tag:yaml.org,2002:int) are not allowed; write the plain value"),
        ("a: !own {b: 1}", "f:1: a: tags (!own) are not allowed; write the plain value"),
        ("a: ! x", "f:1: a: tags (!) are not allowed; write the plain value"),
        ("a:\n  <<: {b: 1}", "f:2: a.<<: merge keys (<<) are not allowed; write the keys out"),
        ("[a, b]: 1", "f:1: (document): a key must be text, not a list or mapping"),
        ("{a: 1}: 1", "f:1: (document): a key must be text, not a list or mapping"),
        ("? - a\n: 1", "f:1: (document): a key must be text, not a list or mapping"),
        ("? \n: 1", "f:1: (document): a key is empty"),
        ("a: {~: 1}", "f:1: a.~: a key is empty"),
        ('"a\\0": 1', "f:1: a\\x00: a key holds a character that cannot be printed"),
        ("a: 1\n---\nb: 1", "f:2: (document): a second document begins; one document per file; remove the line '---'"),
        ("%YAML 1.1\n---\na: 1", "f:1: (document): directives (%YAML, %TAG) are not allowed; remove the line"),
        ("%TAG ! x\n---\na: 1", "f:1: (document): directives (%YAML, %TAG) are not allowed; remove the line"),
        ("a: 1\n\tb: 2", "f:2: (document): holds a tab; indent and separate with spaces"),
        ("a: [1,\t2]", "f:1: (document): holds a tab; indent and separate with spaces"),
        ("a: 1\nb: \x00", "f:2: (document): holds the control character U+0000"),
        ("a: \u2028", "f:1: (document): holds the control character U+2028"),
        ("a: \x85", "f:1: (document): holds the control character U+0085"),
    ],
)
def test_refuses(text: str, sentence: str) -> None:
    assert read(text)[1] == [sentence]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert read("'<<': 1")[1] == []


def test_a_tab_in_a_comment_is_not_refused() -> None:
    assert read("a: 1 #\tnote\n#\tnote")[1] == []


def test_syntax_mistake_names_line_and_key() -> None:
    (sentence,) = read("a:\n  b: [1, 2\nc: 3\n")[1]
    assert sentence.startswith("f:3: a.b.") and "is not valid YAML" in sentence


@pytest.mark.parametrize("depth", [50, 51])
def test_fifty_levels_are_the_limit(depth: int) -> None:
    found = read("a: " + "[" * (depth - 1) + "]" * (depth - 1))[1]
    assert len(found) == (0 if depth == 50 else 1)
    assert all("nested more than 50 levels deep" in sentence for sentence in found)


def test_both_loaders_of_the_yaml_library_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "a: [1, {b: 'x'}]\nc: |\n  y\n",
        "a: 1\na: 2",
        "a: !x 1",
        "a: [}",
        "a: 1\n---\n",
        "a: " + "[" * 60,
        "a: &b c",
        "? [a]\n: 1",
    ]
    with_c = [[s.split(":")[1] for s in read(text)[1]] for text in texts]
    monkeypatch.setattr(yaml_reader, "_Loader", yaml.SafeLoader)
    assert [[s.split(":")[1] for s in read(text)[1]] for text in texts] == with_c


def test_at_most_a_hundred_mistakes_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    found = mistakes(tmp_path, RUN + "".join(f"wrong{n}: 1\n" for n in range(150)))
    assert len(found) == 101
    assert found[-1] == "run.yaml:1: (document): and 50 more mistakes"


def test_the_size_limit_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"#" * 1_000_000)
    assert len(read_text(path, "f")) == 1_000_000
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        read_text(path, "f")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(tmp_path / "f", "f") == "a: 1"


def test_what_is_not_utf8_names_byte_and_line(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a: 1\nb: \xe9t\xe9\n")
    with pytest.raises(ConfigError, match=r"f:2: \(document\): is not UTF-8: byte 0xe9"):
        read_text(tmp_path / "f", "f")


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        read_text(tmp_path / "pipe", "pipe")
    with pytest.raises(ConfigError, match="is a folder"):
        read_text(tmp_path, "folder")
    with pytest.raises(ConfigError, match="none: cannot be read: there is no such file"):
        read_text(tmp_path / "none", "none")
    with pytest.raises(ConfigError, match="errno 36|File name too long"):
        read_text(tmp_path / ("x" * 300), "long")
    with pytest.raises(ConfigError, match="NUL"):
        read_text(Path("a\0b"), "nul")


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """As a user who may not read everything: root becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_file_names_the_reason() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "f"
        file.touch(mode=0o000)
        with without_privileges(), pytest.raises(ConfigError, match="errno 13"):
            read_text(file, "f")


def test_messages_hold_nothing_that_a_terminal_obeys() -> None:
    assert shorten("a\x1b[2Jb\u202e") == "a\\x1b[2Jb\\u202e"
    assert shorten("x" * 500).endswith("...") and len(shorten("x" * 500)) == 120


def test_the_nearest_name_is_found_whatever_its_case_and_dashes() -> None:
    names = ("max_drawdown", "max_positions")
    assert nearest("MAX-DRAWDOWN", names) == "max_drawdown"
    assert nearest("max_drawdwn", names) == "max_drawdown"
    assert nearest("banana", names) == ""
