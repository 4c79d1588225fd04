"""Everything that decides, frozen before the first look, and held against what is run later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.errors import OutputError
from trading_system.pipeline.loading import loaded_run, market_of
from trading_system.pipeline.work import strategies_of

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.data.loading import Market
    from trading_system.runs.journal import Journal


def preregister(
    run: LoadedRun | Path | str, *, file: Path | str | None = None, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Freeze splits, parameters, grid, gates, costs, data and code of a run in a hashed file and in the journal.

    Nothing is evaluated and no trial is counted. Trials of the family that were made before, and openings of the holdout, are part of
    what is written.

    Parameters
    ----------
    file : path, optional
        Where; default ``preregistration.json`` beside the run file. It must not exist.

    Returns
    -------
    dict
        `path`, `sha256` of the file, `record` (its number in the journal), and the `document`.

    Raises
    ------
    OutputError
        There is such a file already.
    TradingSystemError
        As `run_backtest`, but for strategies that fail: none is run.
    """
    from trading_system.runs import holdout, preregistration, trials
    from trading_system.runs.journal import Journal
    from trading_system.runs.manifest import data_hash

    loaded = loaded_run(run, overrides)
    path = loaded.root / preregistration.FILE if file is None else Path(file)
    _refuse_another(path)
    market = market_of(loaded)
    _, code = strategies_of(loaded)
    splits = loaded.config.splits
    with Journal(loaded.root) as journal:
        openings = 0
        if splits is not None and splits.holdout is not None:
            holdout.noted(journal, market.bars, splits.holdout, loaded.hash, data_hash(market.hashes))
            openings = len(holdout.looks(journal, market.bars, splits.holdout))
        now = decided_now(loaded, market, code)
        made = trials.count(journal, str(now["family"]))
        document = {
            "schema": preregistration.SCHEMA,
            "created": trials.now(),
            **now,
            "config_hash": loaded.hash,
            "trials_before": {"configurations": made.trials, "runs": made.rows},
            "openings_before": openings,
        }
        anchor, digest = preregistration.registered(journal, path, document)
    return {"path": str(path), "sha256": digest, "record": anchor.count, "document": document}


def _refuse_another(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise OutputError(
            "is there already, and a preregistration is not written over",
            where=str(path),
            remedy="results are held against the one that there is; write another one with --file FILE",
        )


def decided_now(run: LoadedRun, market: Market, code: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that decides, as a preregistration holds it."""
    from trading_system.data.loading import strategy_bars
    from trading_system.runs import preregistration, trials
    from trading_system.runs.comparison import config_of
    from trading_system.runs.manifest import data_hash

    columns = {int(i) for entry in run.config.strategies for i in strategy_bars(market, entry, run.root)[1]}
    types = [entry.type for entry in run.config.strategies]
    return {
        "run_file": run.path.name,
        "family": trials.family_of(types, sorted(market.bars.symbols[i] for i in columns)),
        "config": preregistration.frozen(config_of(run.resolved, run.path.name)),
        "data": {"hash": data_hash(market.hashes), "symbols": dict(market.hashes)},
        "code": {"hash": code["hash"], "package": code["package"], "files": dict(code["files"])},
    }


def preregistered(run: LoadedRun, market: Market, code: Mapping[str, Any], journal: Journal) -> dict[str, Any] | None:
    """How a run stands to what was preregistered; None where nothing was."""
    from trading_system.runs import preregistration

    if not journal.execute("SELECT 1 FROM records WHERE kind = ? LIMIT 1", preregistration.KIND):
        return None
    return preregistration.compared(journal, decided_now(run, market, code))
