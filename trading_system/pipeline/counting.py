"""Every evaluation of a strategy on data is written into the journal before its result is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.config.models import RunConfig
    from trading_system.pipeline.work import Done
    from trading_system.runs.journal import Journal
    from trading_system.runs.trials import Columns, Trial
    from trading_system.types import FloatArray


def trial_of(
    run: LoadedRun,
    done: Done,
    *,
    what: str = "",
    configurations: int = 1,
    sharpe_mean: float | None = None,
    sharpe_variance: float | None = None,
    sharpe_best: float | None = None,
    n_periods: int = 0,
    config: RunConfig | None = None,
) -> Trial:
    """The row of the journal for work on the market and window of `done`.

    Parameters
    ----------
    what : str
        What else tells this work apart from a backtest of the same run: empty for a backtest, else its kind and every size that it
        depends on (``search``, the grid, the folds), as a JSON list that begins with the kind.
    configurations : int
        Parameter sets that were evaluated.
    sharpe_mean, sharpe_variance, sharpe_best : float or None
        Of their Sharpe ratios per period.
    config : RunConfig, optional
        What the work is known by in place of the run's own configuration: a search does not depend on the own values of what it
        searches.
    """
    import json

    from trading_system.config.loading import deciding_hash
    from trading_system.runs import trials
    from trading_system.runs.manifest import data_hash

    bars, window = done.market.bars, done.window
    return trials.Trial(
        strategies=tuple(entry.type for entry in run.config.strategies),
        symbols=tuple(sorted({bars.symbols[i] for i in done.ledger.line_symbol.tolist()})),
        config_hash=run.hash,
        deciding_hash=deciding_hash(config or run.config, what),
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
        kind=str(json.loads(what)[0]) if what else "backtest",
        sharpe_best=sharpe_best,
        periods_per_year=bars.periods_per_year,
        risk_free=run.config.portfolio.risk_free,
    )


def search_trial(run: LoadedRun, done: Done, sharpes: FloatArray) -> Trial:
    """The row of a whole search, whatever it maximised: it counts every point but the run's own values, which are a row of their own.

    Parameters
    ----------
    sharpes : float64, shape (n_points - 1,)
        Yearly Sharpe ratio of each of the other points, NaN where there is none.
    """
    import json

    import numpy as np

    from trading_system.config.changes import grid_of
    from trading_system.runs.trials import sharpe_spread

    settings, grid = run.config.validation.search, grid_of(run.config)
    drawn = settings.points if settings.method == "random" else None
    what = json.dumps(["search", grid, drawn], sort_keys=True, default=str)
    spread = sharpe_spread(sharpes / done.market.bars.periods_per_year**0.5)
    bars, window = done.market.bars, done.window
    return trial_of(
        run,
        done,
        what=what,
        configurations=int(sharpes.size),
        sharpe_mean=spread.mean,
        sharpe_variance=spread.variance,
        sharpe_best=spread.best,
        n_periods=int(np.count_nonzero(bars.sampled[window.first : window.stop])),
        config=without_own_values(run.config, grid),
    )


def without_own_values(config: RunConfig, grid: Mapping[str, Sequence[Any]]) -> RunConfig:
    """The run with the first value of the grid at each of its keys: the same search, whatever the run's own values are."""
    from trading_system.config.changes import changed

    return changed(config, {key: values[0] for key, values in grid.items()})


def entered(done: Done, journal: Journal, trial: Trial, returns: FloatArray | Columns) -> dict[str, Any]:
    """Write `trial` with its returns, as `runs.trials.record` takes them; what the manifest says of it."""
    from trading_system.runs import trials

    bars, window = done.market.bars, done.window
    index = bars.index[window.first : window.stop][bars.sampled[window.first : window.stop]]
    anchor = trials.record(journal, trial, index, returns)
    found = trials.count(journal, trial.family, anchor.count)
    so_far = {"trials": found.trials, "runs": found.rows, **asdict(trials.standing(journal, anchor.count))}
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
