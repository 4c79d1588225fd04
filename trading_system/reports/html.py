"""HTML in which no text from outside can become markup.

`tag` escapes whatever it is given, in content and in attributes, unless it is `Html`, which only `tag`, `joined` and `own` make:
`own` takes texts of this package alone.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

_FILES = Path(__file__).resolve().parent / "page_files"
VOID = frozenset({"meta", "link", "br", "hr", "input"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def own(text: str) -> Html:
    """A text of this package that is markup as it stands; never one from outside."""
    return Html(text)


@functools.cache
def page_file(name: str) -> Html:
    """A style sheet or script of this package."""
    return Html((_FILES / name).read_text(encoding="utf-8"))


def known(name: str) -> str:
    """The source expression by which a content policy admits that style sheet or script alone."""
    digest = hashlib.sha256(page_file(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def safe(text: str) -> Html:
    """`text` as markup: itself when it is that already, escaped when it is not."""
    return text if isinstance(text, Html) else Html(escape(text, quote=True))


def joined(parts: Iterable[str], between: str = "") -> Html:
    """`parts` one behind the other, each made safe."""
    return Html(safe(between).join(map(safe, parts)))


def tag(name: str, /, *content: str, **attributes: str | bool | None) -> Html:
    """An element. ``class_`` is class, underscores are hyphens; True is an attribute without value, None and False are none."""
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        words.append(label if value is True else f'{label}="{escape(str(value), quote=True)}"')
    start = f"<{' '.join(words)}>"
    return Html(start if name in VOID else f"{start}{joined(content)}</{name}>")


def data_block(identity: str, document: Any) -> Html:
    """`document` as JSON inside the page: no character in it can end the block or a line of a script."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(f'<script type="application/json" id="{escape(identity, quote=True)}">{text}</script>')
