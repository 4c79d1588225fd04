"""500 damaged files: each is refused with one message that names the file, or loads with its defects listed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.data.damage import CSV_KINDS, PARQUET_KINDS, damaged, good_table, text_of
from tests.data.markets import load
from trading_system.errors import TradingSystemError

KINDS = (*CSV_KINDS, *PARQUET_KINDS)
PER_KIND = 18  # 28 kinds: 504 files


def test_there_are_at_least_25_kinds_and_500_files() -> None:
    assert len(KINDS) >= 25
    assert len(KINDS) * PER_KIND >= 500


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_by_name_or_loads_with_its_defects_listed(kind: str, tmp_path: Path) -> None:
    for seed in range(PER_KIND):
        file = damaged(tmp_path, kind, seed)
        try:
            market = load(file, calendar="24/5")
        except TradingSystemError as error:
            message = str(error)
            assert file.name in message or error.where.startswith("data."), (kind, seed, message)
            assert len(message) < 1500, (kind, seed, message)
            assert "\n" not in message and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", message), (kind, seed, message)
        else:
            json.dumps(market.quality, allow_nan=False)
            there = market.bars.has_bar
            for name in ("open", "high", "low", "close"):
                values = getattr(market.bars, name)[there]
                assert np.all((values > 0) & np.isfinite(values)), (kind, seed)


def test_the_undamaged_file_loads_without_a_finding(tmp_path: Path) -> None:
    import random

    file = tmp_path / "good.csv"
    file.write_text(text_of(good_table(random.Random(0))))
    market = load(file, calendar="24/5")
    assert market.quality["counts"] == {}
    assert market.bars.symbols == ("0700", "AAA", "NA")
