"""Run files in short for the tests of this room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trading_system.config.models import DataConfig, QualityConfig, RunConfig, StrategyEntry
from trading_system.data.loading import Market, load_market

WARN = QualityConfig(split_suspect="warn", max_jump=0.6)


def config(universe: Any = "all", class_of_all: Any = "equity", **data: Any) -> RunConfig:
    """A run of one buy-and-hold strategy over `data`."""
    strategy = StrategyEntry(name="x", type="buy_and_hold", universe=universe, asset_class=class_of_all)
    return RunConfig(data=DataConfig(**data), strategies=(strategy,))


def load(path: Path, *, cache: Path | None = None, root: Path | None = None, **data: Any) -> Market:
    """The market of one file or folder; the source follows from its ending."""
    source = "parquet" if path.name.endswith((".parquet", ".pq")) else "csv"
    universe, asset_class = data.pop("universe", "all"), data.pop("class_of_all", "equity")
    run = config(universe, asset_class, **{"source": source, "path": str(path), **data})
    return load_market(run, root or path.parent, cache)


def found(market: Market) -> dict[tuple[str, str], int]:
    """(symbol, kind) -> count."""
    return {(symbol, kind): n for symbol, about in market.quality["symbols"].items() for kind, n in about["found"].items()}
