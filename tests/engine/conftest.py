"""Every golden case of the fill rules is asked of the engine and of its naive twin."""

from __future__ import annotations

import pytest

from tests.engine.scenes import Play, play_kernel, play_twin


@pytest.fixture(params=[play_kernel, play_twin], ids=["engine", "twin"])
def play(request: pytest.FixtureRequest) -> Play:
    """Runs bars, decisions and rules; gives back plain Python."""
    chosen: Play = request.param
    return chosen
