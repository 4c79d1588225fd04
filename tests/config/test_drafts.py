"""Types and parameters of strategies, told in one pass with every other mistake of their files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from trading_system import pipeline
from trading_system.errors import ConfigError, StrategyError

RUN = """\
data: {source: csv, path: data}
strategies:
  - {name: a, type: ma_crossover}
"""


def mistakes(folder: Path, text: str, *overrides: str, load: bool = False, **others: str) -> list[str]:
    for stem, other in {"run": text, **others}.items():
        (folder / f"{stem}.yaml").write_text(dedent(other), "utf-8")
    try:
        pipeline.load_run(folder / "run.yaml", overrides, load=load)
    except ConfigError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems or (error,)]
    return []


def places(found: list[str]) -> list[str]:
    return [": ".join(sentence.split(": ")[:2]) for sentence in found]


def test_shape_type_and_parameters_are_told_together_each_with_line_and_full_key(tmp_path: Path) -> None:
    text = """\
    data: {source: csv, path: data, timeframe: 5x}
    strategies:
      - {name: a, type: ma_crosover}
      - name: b
        type: ma_crossover
        params:
          fast: 2.5
          slw: 60
        sizing: {risk: -1}
      - config: s.yaml
      - {name: p, type: pairs, universe: [KO, PEP], params: {pairs: [[KO, MCD]]}}
    """
    found = mistakes(tmp_path, text, s="name: s\ntype: equity_momentum\nparams: {atr: 0}\nlimits: {max_positions: 0}\n")
    assert places(found) == [
        "run.yaml:1: data.timeframe",
        "run.yaml:3: strategies.0.type",
        "run.yaml:7: strategies.1.params.fast",
        "run.yaml:8: strategies.1.params.slw",
        "run.yaml:9: strategies.1.sizing.risk",
        "run.yaml:11: strategies.3.params",
        "s.yaml:3: params.atr",
        "s.yaml:4: limits.max_positions",
    ]
    assert found[1].endswith("did you mean 'ma_crossover'?")
    assert found[3].endswith("allowed: fast, slow; did you mean 'slow'?")


def test_an_override_of_a_parameter_is_named_by_its_option(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, RUN, "strategies.0.params.fast=x")
    assert found.startswith("--set strategies.0.params.fast: 'x' is not allowed; allowed: a whole number")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("{fast: 010, slow: 15}", ["strategies.0.params.fast"]),  # no word about slow against the default of fast
        ("{fast: 10, slow: 010}", ["strategies.0.params.slow"]),
        ("[1]", ["strategies.0.params"]),
        ("{fast: 60}", ["strategies.0.params"]),
    ],
)
def test_a_parameter_that_cannot_be_read_is_told_once_and_judged_no_further(
    params: str, expected: list[str], tmp_path: Path
) -> None:
    found = mistakes(tmp_path, RUN.replace("ma_crossover}", f"ma_crossover, params: {params}}}"))
    assert [sentence.split(": ")[1] for sentence in found] == expected


def test_a_missing_file_of_a_strategy_is_told_once(tmp_path: Path) -> None:
    found = mistakes(tmp_path, RUN.replace("ma_crossover", "mine.py:Mine"), load=True)
    assert places(found) == ["run.yaml:3: strategies.0.type"]


def test_code_that_fails_is_one_of_the_mistakes_and_alone_it_is_a_strategy_error(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\nraise RuntimeError('ran')\n")
    text = RUN.replace("ma_crossover", "mine.py:Mine")
    assert mistakes(tmp_path, text) == []
    with pytest.raises(StrategyError, match=r"mine.py:2.*ran"):
        mistakes(tmp_path, text, load=True)
    both = mistakes(tmp_path, text, "seed=x", load=True)
    assert [sentence.partition(": ")[0] for sentence in both] == ["mine.py:2", "--set seed"]


def test_a_comma_in_a_number_is_named_with_its_mend(tmp_path: Path) -> None:
    found = mistakes(tmp_path, RUN + "portfolio: {starting_equity: 100,000}\n", "strategies.0.params.fast=1,0")
    assert found[0].startswith("run.yaml:4: portfolio.000: unknown key")
    assert found[0].endswith("a number is written without commas: starting_equity: 100000")
    assert found[1].endswith("write 10")


def test_checking_loads_neither_numba_nor_pandas(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(
        RUN.replace("}\n", ", params: {fast: x}}\n").replace("path: data,", "path: data") + "\n"
    )
    code = """\
import sys
import trading_system as ts
try:
    ts.validate_config(sys.argv[1])
except ts.TradingSystemError as error:
    print(len(str(error)) > 0, {"numba", "pandas", "exchange_calendars", "pyarrow"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run.yaml")], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "set()"]


RANKED = """\
data: {{source: csv, path: data}}
strategies:
  - {{name: a, type: {type}}}
  - {{name: b, type: ma_crossover}}
portfolio:
  ranking:
    breakout: 0.5
    {other}: 0.5
"""


@pytest.mark.parametrize(
    ("type_", "other", "said"),
    [
        ("equity_momentum", "momentum", []),
        ("equity_momentum", "diversification", []),
        (
            "equity_momentum",
            "momentun",
            [
                (
                    "run.yaml:8: portfolio.ranking.momentun: no strategy supplies a ranking component called 'momentun'; "
                    "allowed: breakout, momentum, diversification; did you mean 'momentum'?"
                )
            ],
        ),
        (
            "ma_crossover",
            "diversification",
            [
                (
                    "run.yaml:7: portfolio.ranking.breakout: no strategy supplies a ranking component called 'breakout'; "
                    "allowed: diversification"
                )
            ],
        ),
        ("rule.py:Rule", "momentum", []),
    ],
)
def test_ranking_by_what_no_strategy_supplies_is_told_with_the_near_name(
    type_: str, other: str, said: list[str], tmp_path: Path
) -> None:
    (tmp_path / "rule.py").write_text("raise SystemExit", "utf-8")
    assert mistakes(tmp_path, RANKED.format(type=type_, other=other)) == said


@pytest.mark.parametrize(
    ("declared", "said"), [("", 0), ("    components = ('breakout',)\n", 1), ("    components = ('breakout', 'x')\n", 0)]
)
def test_a_rule_of_ones_own_is_asked_for_its_components_when_it_is_loaded(declared: str, said: int, tmp_path: Path) -> None:
    rule = (
        "from trading_system import Bars, Signals, Strategy\n\n\nclass Rule(Strategy):\n"
        + declared
        + "    @property\n    def warmup(self): return 1\n    def decide(self, bars: Bars) -> Signals: ...\n"
    )
    (tmp_path / "rule.py").write_text(rule, "utf-8")
    found = mistakes(tmp_path, RANKED.format(type="rule.py:Rule", other="x"), load=True)
    assert len(found) == said and all("portfolio.ranking.x" in sentence for sentence in found)


def test_a_strategy_whose_type_is_unknown_leaves_the_ranking_unjudged(tmp_path: Path) -> None:
    found = mistakes(tmp_path, RANKED.format(type="equity_momentun", other="x"))
    assert places(found) == ["run.yaml:3: strategies.0.type"]


def test_filters_are_judged_with_the_rest_of_the_file(tmp_path: Path) -> None:
    text = """\
    data: {source: csv, path: data}
    strategies:
      - {name: a, type: ma_crossover, filters: {trend: {}}}
      - name: b
        type: mean_reversion
        filters:
          trnd: {}
          trend: {average: 2.5, tiemframe: week}
      - {name: c, type: mean_reversion, filters: {swing_stop: {span: no}}}
      - config: s.yaml
    """
    found = mistakes(tmp_path, text, s="name: s\ntype: factor\nfilters:\n  trend: {}\n")
    assert places(found) == [
        "run.yaml:3: strategies.0.filters",
        "run.yaml:7: strategies.1.filters.trnd",
        "run.yaml:8: strategies.1.filters.trend.average",
        "run.yaml:8: strategies.1.filters.trend.tiemframe",
        "run.yaml:9: strategies.2.filters.swing_stop.span",
        "s.yaml:3: filters",
    ]
    assert "filters act on signals; take `filters` out" in found[0]
    assert "did you mean 'trend'?" in found[1]
