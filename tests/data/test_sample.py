"""Sample markets: real where they say so, synthetic where they are, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.markets import config, load
from trading_system.data.generator import MARKETS, generate
from trading_system.data.loading import Market, load_market
from trading_system.data.sample import SampleMarket, sample_markets, write_sample
from trading_system.errors import UnknownNameError


def market(name: str) -> Market:
    calendar = MARKETS[name].calendar if name in MARKETS else "XNYS"
    return load_market(
        config(source="sample", path=name, calendar=calendar, class_of_all="crypto" if "crypto" in name else "equity"),
        Path(),
        None,
    )


def test_the_list_says_which_are_synthetic() -> None:
    about = {str(one["name"]): one for one in sample_markets()}
    assert set(about) == {"us5", *MARKETS}
    assert [name for name, one in about.items() if not one["synthetic"]] == ["us5"]
    json.dumps(sample_markets())


@pytest.mark.parametrize("name", MARKETS)
def test_a_synthetic_market_says_so_wherever_it_shows(name: str, tmp_path: Path) -> None:
    loaded = market(name)
    assert loaded.quality["synthetic"] and any("SYNTHETIC" in note for note in loaded.notes)
    write_sample(name, tmp_path / "x.parquet")
    import pyarrow.parquet as pq

    metadata = json.loads(pq.read_schema(tmp_path / "x.parquet").metadata[b"trading_system"])
    assert metadata["synthetic"] and "SYNTHETIC" in metadata["notes"][0]


@pytest.mark.parametrize("name", ["us5", *MARKETS])
def test_a_sample_passes_its_own_quality_rules(name: str) -> None:
    quality = market(name).quality
    assert set(quality["counts"]) <= {"jump", "wide_bar"}, quality["counts"]


@pytest.mark.parametrize("name", MARKETS)
def test_a_seed_is_a_market(name: str) -> None:
    def digest(seed: int | None) -> str:
        rows = generate(name, seed=seed)
        return hashlib.sha256(b"".join(rows.columns[key].tobytes() for key in sorted(rows.columns))).hexdigest()

    assert digest(None) == digest(None) != digest(99)


@pytest.mark.parametrize("name", MARKETS)
def test_a_generated_market_has_the_marks_of_a_real_one(name: str) -> None:
    bars = market(name).bars
    close = bars.adjusted.close
    moves = np.diff(np.log(close), axis=0)
    together = np.corrcoef(moves.T)[np.triu_indices(moves.shape[1], 1)]
    assert 0.1 < together.mean() < 0.8, "names move together, not as one"
    size = np.abs(moves)
    memory = [np.corrcoef(size[1:, i], size[:-1, i])[0, 1] for i in range(size.shape[1])]
    assert np.mean(memory) > 0.05, "volatility clusters"
    assert np.mean(((moves - moves.mean(0)) ** 4).mean(0) / moves.var(0) ** 2) > 4.0, "tails are fat"
    assert abs(np.mean([np.corrcoef(moves[1:, i], moves[:-1, i])[0, 1] for i in range(moves.shape[1])])) < 0.05, (
        "yesterday says nothing"
    )
    gaps = np.abs(bars.open[1:] / (bars.close[:-1] / bars.split[1:]) - 1)
    assert np.median(gaps) > 0.0005, "it opens elsewhere than it closed"
    weekend = np.isin((bars.session + 3) % 7, (5, 6))
    assert weekend.any() == (name == "crypto10")
    assert bars.has_bar.all()
    if name != "crypto10":
        assert (bars.actions.dividend > 0).any() and (bars.actions.split > 1).any()


def test_an_unknown_market_is_named() -> None:
    with pytest.raises(UnknownNameError, match="allowed: us5, crypto10, equities50, etfs10"):
        SampleMarket(path=Path("us6")).load()


def test_a_written_sample_is_the_same_market(tmp_path: Path) -> None:
    write_sample("us5", tmp_path / "us5.parquet")
    assert load(tmp_path / "us5.parquet").hashes == market("us5").hashes


def test_generated_bars_in_csv_files_are_still_said_to_be_synthetic(tmp_path: Path) -> None:
    from trading_system.data.export import csv_files

    for name in ("etfs10", "us5"):
        rows = SampleMarket(path=Path(name)).load()
        folder = tmp_path / name
        folder.mkdir()
        for file, content in csv_files(rows):
            (folder / file).write_bytes(content)
        loaded = load(folder)
        assert loaded.quality["synthetic"] == (name == "etfs10") == (folder / "SYNTHETIC.md").exists()
        assert any("SYNTHETIC" in note for note in loaded.notes) == (name == "etfs10")
        assert loaded.bars.symbols == rows.symbols
