"""No text from outside becomes markup, whatever it holds."""

from __future__ import annotations

import ast
import json
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import trading_system
from trading_system.reports.html import Html, data_block, joined, own, safe, tag

NASTY = (
    "</script><b>",
    "<!-- x",
    "]]>",
    '" onload="x',
    "' onload='x",
    "&lt;",
    "\u2028\u2029",
    "<img src=x onerror=x>",
    "\ud800",
    "\0",
)


class Seen(HTMLParser):
    """Tags, attributes and text of a piece of HTML."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


@given(st.one_of(st.sampled_from(NASTY), st.text(max_size=30)))
def test_text_stays_text_in_content_and_attributes(text):
    seen = Seen(tag("p", "before ", text, title=text))
    if "\0" not in text:
        assert "".join(seen.texts) == "before " + text and seen.tags == [("p", {"title": text})]
    assert len(seen.tags) == 1


def test_markup_is_kept_and_text_is_escaped_where_they_are_joined():
    assert joined([tag("b", "x"), "<b>"], "<") == "<b>x</b>&lt;&lt;b&gt;"
    assert safe(own("<i>")) == "<i>" and isinstance(safe("<i>"), Html) and safe("<i>") == "&lt;i&gt;"


def test_attributes_without_value_and_without_existence():
    assert (
        tag("input", type="checkbox", class_="a", hidden=True, id=None, disabled=False)
        == '<input type="checkbox" class="a" hidden>'
    )


@given(
    st.recursive(
        st.one_of(st.text(), st.sampled_from(NASTY), st.integers(), st.none()),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_data_reads_back_and_cannot_end_its_block(document):
    text = data_block("series", {"x": document})
    inside = text.partition(">")[2].removesuffix("</script>")
    assert not set(inside) & set("<>&\u2028\u2029")
    assert json.loads(inside) == {"x": document}


def test_markup_is_made_in_one_file_and_own_takes_constants_alone():
    root = Path(trading_system.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id == "Html":
                assert path.name == "html.py", path
            if node.func.id == "own":
                (given,) = node.args
                plain = isinstance(given, ast.Constant) or ast.unparse(given) in (
                    "f'\\n{begin}'",
                    "f'{end}\\n'",
                )
                assert plain, f"{path.name}:{node.lineno} passes {ast.unparse(given)}"
