"""The documents as a site: whole, every link led somewhere, and nothing fetched from anywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_document_is_a_page_of_the_site(site):
    pages = {page.stem for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]} - {"README"}
    assert pages <= {page.stem for page in site.glob("*.html")} and (site / "index.html").is_file()
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in pages:
        assert f'href="{page}.html"' in home, f"{page} is not in the navigation"


@pytest.mark.slow
def test_no_page_of_the_site_loads_anything_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*?src=\"?(https?:[^\s\">]+|//[^\s\">]+)", text)
        loaded += re.findall(r"<link\b(?![^>]*rel=\"?canonical)[^>]*?href=\"?(https?:[^\s\">]+|//[^\s\">]+)", text)
        assert loaded == [], f"{page.name}: {loaded}"
    for sheet in site.rglob("*.css"):
        assert re.findall(r"url\([\"']?(https?:|//)", sheet.read_text(encoding="utf-8")) == [], sheet.name
