"""Golden cases where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def golden_case(name: str) -> dict[str, Any]:
    """A case of the shared folder; skips where there is none."""
    root = Path(os.environ.get("TRADING_SYSTEM_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    path = root / "golden" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no golden case at {path}; set TRADING_SYSTEM_SHARED to its parent")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
