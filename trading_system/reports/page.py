"""How a page of the terminal is drawn."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from trading_system.reports.formats import one_line


@dataclass(frozen=True)
class Page:
    """How a page is drawn."""

    width: int = 80
    unicode: bool = True
    colour: bool = False

    def heading(self, text: str) -> str:
        """A section's name."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def faint(self, text: str) -> str:
        """Text that steps back."""
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def alarm(self, text: str) -> str:
        """Text that must be seen."""
        return f"\x1b[33m{text}\x1b[0m" if self.colour else text

    def prose(self, paragraph: str) -> str:
        """A paragraph from outside wrapped anew; one that is laid out by its line breaks, as a list is, keeps them."""
        lines = paragraph.splitlines()
        if any(line.startswith((" ", "- ", "* ", "|")) for line in lines):
            return "\n".join(one_line(line) for line in lines)
        return self.wrapped(" ".join(lines), "", "")

    def wrapped(self, text: str, indent: str = "  ", first: str | None = None) -> str:
        """Prose from outside made harmless and wrapped; a path longer than the line stays whole."""
        return textwrap.fill(
            one_line(text),
            self.width,
            initial_indent=indent if first is None else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
