"""What all tests share: hypothesis profiles, and where the real data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("fast", max_examples=40, derandomize=True, **QUIET)
settings.register_profile("full", max_examples=1_000, derandomize=True, **QUIET)
settings.register_profile("overnight", max_examples=20_000, **QUIET)

os.environ.pop("PYTEST_ADDOPTS", None)  # for this pytest; one that a test starts in a folder of its own is measured by nobody


def pytest_configure(config: pytest.Config) -> None:
    """The fast half (`-m "not slow"`) draws fewer examples; HYPOTHESIS_PROFILE chooses otherwise."""
    fast = "not slow" in (config.getoption("markexpr") or "")
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast" if fast else "full"))


MEASURED_AGAIN = {"engine", "indicators", "metrics"}  # rooms whose tests run interpreted too, with fewer examples (.ci/run)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Laws with a thousand examples are not traced where the interpreted run traces them: it nearly doubles what they take."""
    if "not slow" in (config.getoption("markexpr") or "") or not config.pluginmanager.hasplugin("_cov"):
        return
    tests = Path(__file__).parent
    for item in items:
        law = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if law and item.path.is_relative_to(tests) and item.path.relative_to(tests).parts[0] in MEASURED_AGAIN:
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real market data: TRADING_SYSTEM_SHARED, or `shared` beside the checkout; skips where there is none."""
    root = Path(os.environ.get("TRADING_SYSTEM_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    folder = root / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set TRADING_SYSTEM_SHARED to its parent")
    return folder
