"""Every evaluation of a strategy on data is written into the journal before its result is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.pipeline.work import Done
    from trading_system.runs.journal import Journal
    from trading_system.runs.trials import Trial
    from trading_system.types import FloatArray


def trial_of(
    run: LoadedRun,
    done: Done,
    *,
    what: str = "",
    configurations: int = 1,
    sharpe_mean: float | None = None,
    sharpe_variance: float | None = None,
    n_periods: int = 0,
) -> Trial:
    """The row of the journal for work on the market and window of `done`.

    Parameters
    ----------
    what : str
        What else tells this work apart from a backtest of the same run: empty for a backtest, else its kind and every size that it
        depends on (``search``, the grid, the folds).
    configurations : int
        Parameter sets that were evaluated.
    sharpe_mean, sharpe_variance : float or None
        Of their Sharpe ratios per period.
    """
    from trading_system.config.loading import deciding_hash
    from trading_system.runs import trials
    from trading_system.runs.manifest import data_hash

    bars, window = done.market.bars, done.window
    return trials.Trial(
        strategies=tuple(entry.type for entry in run.config.strategies),
        symbols=tuple(sorted({bars.symbols[i] for i in done.ledger.line_symbol.tolist()})),
        config_hash=run.hash,
        deciding_hash=deciding_hash(run.config, what),
        data_hash=data_hash(done.market.hashes),
        code_hash=done.code["hash"],
        period=window.name,
        read_from=window.read_from,
        first=window.first_session,
        last=window.last_session,
        configurations=configurations,
        sharpe_mean=sharpe_mean,
        sharpe_variance=sharpe_variance,
        n_periods=n_periods,
    )


def entered(done: Done, journal: Journal, trial: Trial, returns: FloatArray) -> dict[str, Any]:
    """Write `trial` with its returns, shape (n_periods,) or (n_periods, n_configurations); what the manifest says of it."""
    from trading_system.runs import trials

    bars, window = done.market.bars, done.window
    index = bars.index[window.first : window.stop][bars.sampled[window.first : window.stop]]
    anchor = trials.record(journal, trial, index, returns)
    found = trials.count(journal, trial.family, anchor.count)
    so_far = {"trials": found.trials, "runs": found.rows}
    return {"count": anchor.count, "head": anchor.head, "family": trial.family, **so_far}


def backtest_trial(run: LoadedRun, done: Done) -> tuple[Trial, FloatArray]:
    """The row of a backtest, and its returns."""
    from trading_system.metrics.sampling import sample

    sampled = sample(done.ledger)
    sharpe = done.summary.metrics.get("sharpe")
    per_period = None if sharpe is None else float(sharpe) / done.market.bars.periods_per_year**0.5
    return trial_of(run, done, sharpe_mean=per_period, n_periods=sampled.n_periods), sampled.returns


def counted(run: LoadedRun, done: Done, journal: Journal) -> dict[str, Any]:
    """Write the row of a backtest."""
    return entered(done, journal, *backtest_trial(run, done))
