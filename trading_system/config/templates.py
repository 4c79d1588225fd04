"""Commented files to start from; each loads as it stands and teaches what its keys do."""

from __future__ import annotations

from trading_system.config.yaml_reader import nearest
from trading_system.errors import UnknownNameError

_RUN = """\
# A run file: which bars, which strategies, how much money. Every key but data and strategies has a default;
# `trading-system config show FILE` prints them all, and docs/configuration.md explains each one.
# Fractions are fractions (0.05 is 5 %), keys that end in _bps are basis points, dates are YYYY-MM-DD.

data:
  source: sample                   # csv | parquet | sample
  path: equities50                 # a folder, file or pattern relative to this file; for sample: us5, equities50, etfs10, crypto10
  timeframe: 1d                    # 1m, 5m, 1h, 1d, ...; intraday bars also need `stamp: open` or `stamp: close`
  calendar: XNYS                   # 24/7 for crypto, 24/5 for FX; {equity: XNYS, crypto: 24/7} when mixed
  timezone: America/New_York       # of stamps in the files that name no zone
  adjust: splits_and_dividends     # none | splits | splits_and_dividends: which recorded actions are applied
  start: 2010-01-04                # first and last session read
  end: 2020-12-31
  benchmark: equal_weight          # or a symbol of the data
  quality:                         # prices are never changed; these say what happens to bars that cannot be right
    impossible: drop               # high below close, price not above 0, ...: error | drop | warn
    jump: warn                     # moves beyond max_jump: error | warn | ignore
    max_jump: 0.5
    split_suspect: error           # ratios that look like a split nobody recorded: error | warn | ignore

splits:                            # learn, choose, and never touch; `holdout` opens the last one, once
  train: [2010-01-04, 2016-12-30]
  validation: [2017-01-03, 2018-12-31]
  holdout: [2019-01-02, 2020-12-31]

strategies:                        # inline as here, or `- config: my_strategy.yaml` beside an allocation
  - name: momentum
    type: equity_momentum          # `trading-system strategy list`; or my_rule.py:MyRule for your own
    asset_class: equity
    universe: all                  # or [AAPL, MSFT], or {file: members.csv} with symbol, start, end
    params: {trend_ma: 50, exit_ma: 20, stop_atr: 2.5}
    sizing: {method: risk_per_trade, risk: 0.0075}
    limits: {max_positions: 16, max_position_notional: 0.10}
    capacity: {max_fraction_of_adv: 0.005, when_exceeded: reject}
    costs: {commission_bps: 1, slippage: {model: full, base_bps: 8}, borrow_rate: 0.01}
    allocation: 1.0                # share of the portfolio's equity; default 1 / number of strategies

portfolio:
  starting_equity: 100000
  limits:
    max_positions: 16
    max_gross_exposure: 1.0        # above 1 is leverage
    max_drawdown: 0.25             # a fall of 25 % from the peak stops new positions
    max_daily_loss: 0.05
    on_breach: stop_entries        # or flatten: close everything too
  volatility_scaling: {mode: continuous, lookback: 20, baseline: 252, floor: 0.33}
  correlation_guard: {min_positions: 4, average_threshold: 0.70, candidate_threshold: 0.75, lookback: 20}
  ranking: {breakout: 0.5, momentum: 0.3, diversification: 0.2}

execution:
  fill: next_open                  # decided at the close, filled at the next open
  stop_evaluation: intrabar        # or close
  lot: {equity: whole, crypto: fractional}

output: {path: results, formats: [csv, html]}
seed: 42                           # the same seed gives the same bytes
"""

_EQUITY = """\
# Equity momentum: buy breakouts in a rising trend, leave below a short average, stop by volatility.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: equity_momentum
type: equity_momentum
asset_class: equity
universe: all                      # or [AAPL, MSFT, IBM], or {{file: universe.csv}} with symbol, start, end: point in time

params:
  trend_ma: 50                     # the close must be above its 50-bar average ...
  trend_lookback: 20               # ... which has risen over 20 bars ...
  trend_rise: 0.005                # ... by 0.5 % at least
  fast_breakout: 20                # the close beats the highest close of 20 bars before it ...
  fast_margin: 0.005               # ... by 0.5 % ...
  slow_breakout: 55                # ... or that of 55 bars ...
  slow_margin: 0.010               # ... by 1 %
  exit_ma: 20                      # leave when the close is below its 20-bar average
  stop_atr: 2.5                    # stop 2.5 average true ranges below the fill
  atr: 14
  momentum: 60                     # rate of change that candidates are ranked by

sizing: {{method: risk_per_trade, risk: 0.0075}}            # 0.75 % of equity is lost at the stop
limits: {{max_positions: 8, max_gross_exposure: 0.8, max_position_notional: 0.10}}
capacity: {{max_fraction_of_adv: 0.005, when_exceeded: reject}}
costs: {{commission_bps: 1, slippage: {{model: full, base_bps: 8}}, borrow_rate: 0.01}}

grid:                              # what a search tries instead of the values above; a backtest does not read it
  params.fast_breakout: [10, 15, 20, 30, 40]                       # any key of this file, as `--set` writes it: a list ...
  params.stop_atr: {{start: 1.5, stop: 3.5, step: 0.5}}              # ... or evenly spaced values, both ends included
  params.exit_ma: [20, 30]         # 5 x 5 x 2 = 50 combinations, each counted as a trial; neighbours should differ little,
                                   # so that a good value with bad ones around it shows as luck
"""

_CRYPTO = """\
# Crypto momentum: buy breakouts above a long average, tighten the stop on weakness, leave below a medium one.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: crypto_momentum
type: crypto_momentum
asset_class: crypto                # fractional lots, seven sessions a week
universe: all

params:
  trend_ma: 200                    # the close must be above its 200-bar average
  fast_breakout: 20                # the close beats the highest close of 20 bars before it ...
  fast_margin: 0.005               # ... by 0.5 % ...
  slow_breakout: 55                # ... or that of 55 bars ...
  slow_margin: 0.010               # ... by 1 %
  tighten_ma: 20                   # a close below this average pulls the stop up ...
  tighten_atr: 2.0                 # ... to 2 average true ranges below that close
  exit_ma: 50                      # leave when the close is below this one
  stop_atr: 3.0
  atr: 14
  momentum: 60                     # rate of change that candidates are ranked by

sizing: {{method: risk_per_trade, risk: 0.005}}
limits: {{max_positions: 5, max_gross_exposure: 0.6, max_position_notional: 0.15}}
capacity: {{max_fraction_of_adv: 0.0025, when_exceeded: reject}}
costs: {{commission_bps: 10, slippage: {{model: full, base_bps: 12}}}}
"""

_REVERSION = """\
# Mean reversion: buy what fell far below its average, sell it near the average, never wait long.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: mean_reversion
type: mean_reversion
asset_class: equity
universe: all

params:
  lookback: 20                     # bars in the mean and deviation of the z-score
  enter: -2.0                      # buy below this z-score ...
  leave: -0.5                      # ... and sell above this one ...
  max_hold: 10                     # ... or after 10 bars
  stop_atr: 3.0
  atr: 14
  short: false                     # true: sell the mirror image short too

filters:                           # conditions on entries, for any rule of signals; `trading-system strategy list` names them
  trend: {{timeframe: week, ma: 20}} # buy the dips of what rises: the last completed week closed above its 20-week average
  swing_stop: {{mode: limit, swing: 5}}   # never risk more than down to the last low that five later bars have confirmed

sizing: {{method: risk_per_trade, risk: 0.005}}
limits: {{max_positions: 10, max_gross_exposure: 1.0, max_position_notional: 0.15}}
capacity: {{max_fraction_of_adv: 0.005, when_exceeded: clip}}   # clip: a smaller position instead of none
costs: {{commission_bps: 1, slippage: {{model: full, base_bps: 8}}, borrow_rate: 0.01}}
"""

_FACTOR = """\
# Factor: once a month, hold the fifth of the universe that has risen, stands near its high and moves little.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: factor
type: factor
asset_class: equity
universe: all                      # ranks compare symbols, so the more the better; {{file: universe.csv}} for members by date

params:                            # each factor ranks the universe from 0 to 1; the score is their weighted mean
  momentum: 252                    # change over 252 bars ...
  skip: 21                         # ... without the last 21, which tend to turn
  momentum_weight: 0.4
  high: 252                        # close over the highest high of 252 bars
  high_weight: 0.3
  volatility: 60                   # deviation of 60 returns; less is better
  volatility_weight: 0.3
  share: 0.2                       # the best fifth is held at equal weight from the first session of the month on

costs: {{commission_bps: 1, slippage: {{model: full, base_bps: 8}}}}   # sizing does not apply: the rule itself sets weights
"""

_TIMEFRAMES = """\
# Two time scales: the weeks say whether to trade, the bars below them when. Runs on daily and on intraday bars.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: multi_timeframe
type: multi_timeframe
asset_class: equity
universe: all

params:
  timeframe: week                  # session | week | month; a week counts from its last close on, Thursday's before a holiday
  trend_ma: 20                     # the last completed week closed above the average of 20 ...
  breakout: 8                      # ... and this close beats the highest high of the 8 weeks before the present one
  stop_atr: 3.0                    # out below the weekly average, or 3 average true ranges of the traded bars below the fill
  atr: 14

sizing: {{method: risk_per_trade, risk: 0.0075}}
limits: {{max_positions: 8, max_gross_exposure: 1.0, max_position_notional: 0.15}}
capacity: {{max_fraction_of_adv: 0.005, when_exceeded: clip}}
costs: {{commission_bps: 1, slippage: {{model: full, base_bps: 8}}}}
"""

_PAIRS = """\
# Pairs: sell the dear one and buy the cheap one of two symbols that move together; both legs in one order or neither.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: pairs
type: pairs
asset_class: equity
universe: [SYN01, SYN06, SYN02, SYN07]   # symbols of the synthetic sample market equities50; write your own here and below

params:
  pairs: [[SYN01, SYN06], [SYN02, SYN07]]
  hedge_lookback: 120              # bars of the regression that gives the hedge ratio
  score_lookback: 60               # bars against which the spread is scored
  enter: 2.0                       # open at 2 deviations ...
  leave: 0.5                       # ... close within half of one ...
  stop: 4.0                        # ... give up at 4 ...
  max_hold: 40                     # ... or after 40 bars

sizing: {{method: fixed_fraction, fraction: 0.1}}           # a pair has no stop price, so size it by value
limits: {{max_positions: 4, max_gross_exposure: 1.0, max_position_notional: 0.25}}
costs: {{commission_bps: 1, slippage: {{model: fixed, bps: 5}}, borrow_rate: 0.01}}
"""

_CROSSOVER = """\
# Moving-average crossover: a yardstick. Long while the fast average is above the slow one, flat otherwise.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: ma_crossover
type: ma_crossover
asset_class: equity
universe: all

params:
  fast: 20                         # bars in the fast average
  slow: 50                         # bars in the slow one; more than fast

costs: {{commission_bps: 1, slippage: {{model: fixed, bps: 5}}}}
"""

_HOLD = """\
# Buy and hold: the yardstick of everything. An equal share of the universe, bought once.
# A strategy file alone runs on the sample market of its asset class; in a run file write `- config: {file}`.

name: buy_and_hold
type: buy_and_hold
asset_class: equity
universe: all

costs: {{commission_bps: 1, slippage: {{model: fixed, bps: 5}}}}
"""

_EXAMPLE_RUN = """\
# The example run: equity momentum on the synthetic sample market equities50.
#   trading-system backtest {file}
# `trading-system config template run` prints a run file with every section explained.

data:
  source: sample                   # for your own files: csv or parquet, and in path a folder, file or pattern
  path: equities50
  calendar: XNYS
  start: 2010-01-04
  end: 2020-12-31
  benchmark: equal_weight          # or a symbol of the data

splits:                            # learn, choose, and never touch: `holdout` opens the last one, once
  train: [2010-01-04, 2016-12-30]
  validation: [2017-01-03, 2018-12-31]
  holdout: [2019-01-02, 2020-12-31]

strategies:
  - config: equity_config.yaml     # a path relative to this file, or the strategy inline
    allocation: 1.0

portfolio:
  starting_equity: 100000
  limits: {{max_positions: 16, max_gross_exposure: 1.0, max_drawdown: 0.25, max_daily_loss: 0.05, on_breach: stop_entries}}
  volatility_scaling: {{mode: continuous, lookback: 20, baseline: 252, floor: 0.33}}
  correlation_guard: {{min_positions: 4, average_threshold: 0.70, candidate_threshold: 0.75, lookback: 20}}
  ranking: {{breakout: 0.5, momentum: 0.3, diversification: 0.2}}

execution: {{fill: next_open, stop_evaluation: intrabar}}
output: {{path: results, formats: [csv, html]}}
seed: 42
"""

EXAMPLES = ("equity_momentum", "crypto_momentum", "factor", "mean_reversion", "multi_timeframe", "pairs")
"""Templates whose files stand in the folder of examples, beside its run file."""

_STRATEGIES = {
    "equity_momentum": ("equity_config.yaml", _EQUITY),
    "crypto_momentum": ("crypto_config.yaml", _CRYPTO),
    "factor": ("factor_config.yaml", _FACTOR),
    "mean_reversion": ("mean_reversion_config.yaml", _REVERSION),
    "multi_timeframe": ("multi_timeframe_config.yaml", _TIMEFRAMES),
    "pairs": ("pairs_config.yaml", _PAIRS),
    "ma_crossover": ("ma_crossover_config.yaml", _CROSSOVER),
    "buy_and_hold": ("buy_and_hold_config.yaml", _HOLD),
}


def names() -> tuple[str, ...]:
    """Names that `template` knows: ``run`` and one per strategy type."""
    return ("run", *_STRATEGIES)


def file_name(name: str) -> str:
    """What a template's file is called in a folder of examples."""
    return "run_config.yaml" if name == "run" else _STRATEGIES[name][0]


def examples() -> dict[str, str]:
    """The folder of examples: file name to text, the run file first."""
    run = file_name("run")
    return {run: _EXAMPLE_RUN.format(file=run)} | {file_name(name): template(name) for name in EXAMPLES}


def template(name: str) -> str:
    """Text of a commented file: a whole run file for ``run``, else the strategy file of that type.

    Raises
    ------
    UnknownNameError
        When there is no such template.
    """
    if name == "run":
        return _RUN
    if name not in _STRATEGIES:
        near = nearest(name, names())
        raise UnknownNameError(
            f"there is no template {name!r}", allowed=", ".join(names()), remedy=f"did you mean {near!r}?" if near else ""
        )
    file, text = _STRATEGIES[name]
    return text.format(file=file)
