"""Hooks of the documentation site: the pages beside docs/ join it, and their links are turned to where they then lie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
BESIDE = {"README.md": "index.md", "FAQ.md": "FAQ.md", "TROUBLESHOOTING.md": "TROUBLESHOOTING.md"}


def on_config(config: Any) -> Any:
    """Pages that the navigation does not name stand at its end."""
    named = {
        page for section in config.nav for pages in section.values() for page in ([pages] if isinstance(pages, str) else pages)
    }
    there = sorted(path.relative_to(config.docs_dir).as_posix() for path in Path(config.docs_dir).rglob("*.md"))
    next(iter(config.nav[-1].values())).extend(page for page in there if page not in named)
    return config


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages that lie beside docs/."""
    for name, page in BESIDE.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Links as the site has them: everything in one folder."""
    markdown = re.sub(r"\]\(docs/", "](", markdown)
    return re.sub(r"\]\((?:\.\./)?(README|FAQ|TROUBLESHOOTING)\.md", lambda m: f"]({BESIDE[f'{m[1]}.md']}", markdown)
