"""A run file to a RunConfig: the example of the documents, files merged in, places, paths, resolution and hash."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config import mutations
from tests.config.files import RUN, load, mistakes
from trading_system.config.loading import load_run, place_of
from trading_system.config.models import RunConfig
from trading_system.errors import ConfigError

DESIGN_RUN = """\
# a run file; every key but data and strategies has a default
data:
  source: csv                      # csv | parquet | sample | sql; path: folder, file or pattern, relative to this file
  path: data/equities              # sample: us5, equities50, etfs10, crypto10
  timeframe: 1d
  calendar: XNYS                   # 24/7 for crypto; a mapping by asset class when mixed
  timezone: America/New_York       # of naive stamps in the files
  adjust: splits_and_dividends     # none | splits | splits_and_dividends: which recorded actions are applied
  start: 2010-01-04
  end: 2020-12-31
  benchmark: SPY                   # a symbol, or equal_weight
  quality: {impossible: drop, jump: warn, max_jump: 0.5, split_suspect: error}
splits: {train: [2010-01-04, 2016-12-30], validation: [2017-01-03, 2018-12-31], holdout: [2019-01-02, 2020-12-31]}
strategies:
  - config: equity_config.yaml     # a path relative to this file, or the strategy inline
    allocation: 1.0
portfolio:
  starting_equity: 100000
  limits: {max_positions: 16, max_gross_exposure: 1.0, max_drawdown: 0.25, max_daily_loss: 0.05, on_breach: stop_entries}
  volatility_scaling: {mode: continuous, lookback: 20, baseline: 252, floor: 0.33}
  correlation_guard: {min_positions: 4, average_threshold: 0.70, candidate_threshold: 0.75, lookback: 20}
  ranking: {breakout: 0.5, momentum: 0.3, diversification: 0.2}
execution: {fill: next_open, stop_evaluation: intrabar, lot: {equity: whole, crypto: fractional}}
validation: {}                     # sizes and thresholds of each test; gates: the go / no-go numbers
output: {path: results, formats: [csv, html]}
seed: 42
"""
DESIGN_STRATEGY = """\
# a strategy file
name: equity_momentum
type: equity_momentum
asset_class: equity
universe: [AAPL, MSFT, IBM]        # or all, or {file: universe.csv} with symbol, start, end: point in time
params: {trend_ma: 50, fast_breakout: 20, slow_breakout: 55, exit_ma: 20, stop_atr: 2.5}
sizing: {method: risk_per_trade, risk: 0.0075}
limits: {max_positions: 8, max_gross_exposure: 0.8, max_position_notional: 0.10}
capacity: {max_fraction_of_adv: 0.005, when_exceeded: reject}
costs: {commission_bps: 1, slippage: {model: full, base_bps: 8}, borrow_rate: 0.01}
"""
STRATEGY = "name: s\ntype: ma_crossover\n"
WITH_FILE = "data: {source: csv, path: data}\nstrategies:\n  - config: s.yaml\n"


def test_the_example_of_the_design_loads_as_printed(tmp_path: Path) -> None:
    run = load(tmp_path, DESIGN_RUN, equity_config=DESIGN_STRATEGY)
    config = run.config
    assert [entry.name for entry in config.strategies] == ["equity_momentum"]
    assert config.strategies[0].universe == ("AAPL", "MSFT", "IBM")
    assert config.strategies[0].params == {
        "trend_ma": 50,
        "fast_breakout": 20,
        "slow_breakout": 55,
        "exit_ma": 20,
        "stop_atr": 2.5,
    }
    assert config.strategies[0].costs.slippage.model == "full"
    assert config.splits is not None and config.splits.holdout is not None
    assert [str(day) for day in config.splits.holdout] == ["2019-01-02", "2020-12-31"]
    assert config.portfolio.limits.max_daily_loss == 0.05
    assert run.warnings == () and run.config.output.formats == ("csv", "html")
    assert (run.path, run.root, run.sample_note) == (tmp_path / "run.yaml", tmp_path.resolve(), "")


def test_every_mistake_is_told_in_one_pass_with_its_line(tmp_path: Path) -> None:
    text = """\
    data:
      sorce: csv
      path: data
      timeframe: 5m
      calendar: {equty: XNYS}
      benchmark:
      quality: {max_jump: 50%}
    splits: {train: [2016-12-30, 2010-01-04], validation: [2017-01-03]}
    strategies:
      - config: s.yaml
        risk: 3
        sizing: {}
      - name: b
        type: pairs
        universe: [AAPL, MSFT, AAPL]
        costs: {commission_tiers: [{from_notional: 1, bps: 1}]}
      - {}
    portfolio:
      limits: {max_positions: 0, resume: nevr}
      ranking: {a: 0}
    """
    strategy = "name: b\ntype: pairs\nallocation: 1\nparams: {x: on}\nlimits: [1]\n"
    places = [sentence.split(": ")[:2] for sentence in mistakes(tmp_path, text, s=strategy)]
    assert places == [
        ["run.yaml:1", "data.stamp"],
        ["run.yaml:2", "data.sorce"],
        ["run.yaml:5", "data.calendar.equty"],
        ["run.yaml:6", "data.benchmark"],
        ["run.yaml:7", "data.quality.max_jump"],
        ["run.yaml:8", "splits.validation"],
        ["run.yaml:8", "splits.train"],
        ["run.yaml:11", "strategies.0.risk"],
        ["run.yaml:12", "strategies.0.sizing"],
        ["run.yaml:13", "strategies.1.name"],
        ["run.yaml:15", "strategies.1.universe"],
        ["run.yaml:16", "strategies.1.costs.commission_tiers"],
        ["run.yaml:17", "strategies.2.name"],
        ["run.yaml:17", "strategies.2.type"],
        ["run.yaml:19", "portfolio.limits.max_positions"],
        ["run.yaml:19", "portfolio.limits.resume"],
        ["run.yaml:20", "portfolio.ranking"],
        ["s.yaml:3", "allocation"],
        ["s.yaml:4", "params.x"],
        ["s.yaml:5", "limits"],
    ]


def test_a_mistyped_key_is_not_told_as_missing_too(tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN.replace("source:", "soruce:"))
    assert sentence.endswith("did you mean 'source'?")


def test_an_error_names_the_file_and_its_count(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, RUN + "a: 1\nb: 2\n")
    assert caught.value.message == f"2 mistakes in {tmp_path / 'run.yaml'}"
    assert len(caught.value.problems) == 2 and str(caught.value).count("\n") == 1


def test_places_lead_to_the_line_of_every_key(tmp_path: Path) -> None:
    text = "data: {source: csv, path: data}\nstrategies:\n  - config: s.yaml\n    allocation: 0.5\nportfolio:\n  limits:\n    max_positions: 3\n"
    places = load(tmp_path, text, s="name: s\ntype: x\nparams:\n  fast: 1\n  list:\n  - 1\n  - 2\n").places
    short = {key: place.replace(f"{tmp_path}/", "") for key, place in places.items()}
    assert short["strategies.0.params.fast"] == "s.yaml:4"
    assert short["strategies.0.params.list.1"] == "s.yaml:7"
    assert short["strategies.0.allocation"] == "run.yaml:4"
    assert short["portfolio.limits.max_positions"] == "run.yaml:7"
    assert place_of(short, "portfolio.limits.max_drawdown") == "run.yaml:6"
    assert place_of(short, "execution.fill") == ""


def test_two_strategies_may_share_a_file_when_their_names_differ(tmp_path: Path) -> None:
    text = WITH_FILE + "  - config: s.yaml\n"
    assert "is the name of strategies.0 too" in mistakes(tmp_path, text, s=STRATEGY)[0]
    assert len(load(tmp_path, text, ["strategies.1.name=t"], s=STRATEGY).config.strategies) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.yaml", STRATEGY, "'t.yaml' cannot be read: there is no such file; did you mean 's.yaml'?"),
        ("s.yaml", "", "'s.yaml' is empty"),
        ("s.yaml", "- a", "'s.yaml' is not a mapping"),
        ("s.yaml", RUN, "'s.yaml' is a run file, not a strategy file"),
        (".", STRATEGY, "'.' is a folder"),
        ("../s.yaml", STRATEGY, "'../s.yaml' leads out of the run file's folder"),
        ("/etc/passwd", STRATEGY, "'/etc/passwd' leads out of the run file's folder"),
        ("a/../../s.yaml", STRATEGY, "'a/../../s.yaml' leads out of the run file's folder"),
        ("''", STRATEGY, "is no file name"),
        ("[s.yaml]", STRATEGY, "is no file name"),
        ('"s\\0.yaml"', STRATEGY, "is no file name"),
    ],
)
def test_a_strategy_file_that_cannot_be_read_is_told_where_it_is_named(
    name: str, text: str, said: str, tmp_path: Path
) -> None:
    (sentence,) = mistakes(tmp_path, WITH_FILE.replace("s.yaml", name), s=text)
    assert sentence.startswith(f"run.yaml:3: strategies.0.config: {said}")


def test_links_that_leave_the_folder_are_refused_and_those_that_stay_followed(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "s.yaml").write_text(STRATEGY, "utf-8")
    (project / "away.yaml").symlink_to(outside / "s.yaml")
    (project / "folder").symlink_to(outside)
    (project / "loop.yaml").symlink_to(project / "loop.yaml")
    (project / "inside.yaml").symlink_to(project / "s.yaml")
    for name in ("away.yaml", "folder/s.yaml", "loop.yaml"):
        (sentence,) = mistakes(project, WITH_FILE.replace("s.yaml", name), s=STRATEGY)
        assert "leads out of the run file's folder" in sentence or "cannot be read" in sentence
    assert mistakes(project, WITH_FILE.replace("s.yaml", "inside.yaml"), s=STRATEGY) == []


def test_a_folder_that_is_itself_a_link_is_no_escape(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert load(tmp_path / "link", WITH_FILE, s=STRATEGY).root == (tmp_path / "real").resolve()


def test_a_strategy_alone_runs_on_the_sample_market_of_its_class(tmp_path: Path) -> None:
    run = load(tmp_path, STRATEGY)
    assert (run.config.data.source, run.config.data.path, run.config.data.calendar) == ("sample", "equities50", "XNYS")
    assert run.sample_note.endswith(
        "is a strategy alone: it runs on the sample market equities50; write a run file to use your own data"
    )
    crypto = load(tmp_path, STRATEGY + "asset_class: crypto\n").config.data
    assert (crypto.path, crypto.calendar, crypto.timezone) == ("crypto10", "24/7", "UTC")


@pytest.mark.parametrize("market", ["us5", "equities50", "etfs10", "crypto10"])
def test_a_strategy_alone_holds_out_the_last_years_of_its_sample_market(market: str, tmp_path: Path) -> None:
    run = load(tmp_path, STRATEGY, [f"data.path={market}"])
    assert run.config.splits is not None and run.config.splits.holdout is not None
    assert [warning.split(": ")[1] for warning in run.warnings] == ["portfolio.limits.max_drawdown"]
    assert load(tmp_path, STRATEGY, ["splits=null"]).config.splits is None
    assert load(tmp_path, STRATEGY, ["data.end=2012-12-31"]).config.splits is None


def test_a_strategy_alone_and_the_example_run_hold_out_the_same_dates() -> None:
    examples = Path(__file__).parents[2] / "EXAMPLE_CONFIGS"
    runs = [load_run(examples / name).config.splits for name in ("run_config.yaml", "equity_config.yaml", "pairs_config.yaml")]
    assert runs[0] is not None and runs == [runs[0]] * 3


def test_a_strategy_alone_may_be_led_to_other_data(tmp_path: Path) -> None:
    run = load(tmp_path, STRATEGY + "asset_class: fx\n", ["data.source=csv", "data.path=fx"])
    assert (run.config.data.path, run.sample_note) == ("fx", "")
    assert load(tmp_path, STRATEGY, ["data.path=us5"]).sample_note.count("sample market us5")


@pytest.mark.parametrize("asset_class", ["fx", "future"])
def test_a_strategy_alone_without_a_sample_market_needs_a_run_file(asset_class: str, tmp_path: Path) -> None:
    found = mistakes(tmp_path, STRATEGY + f"asset_class: {asset_class}\nsizing: {{risk: 2}}\n")
    assert (
        found[0]
        == f"run.yaml:3: asset_class: there is no sample market of {asset_class}; write a run file that names the data"
    )
    assert len(found) == 2


def test_mistakes_of_a_strategy_alone_have_the_keys_of_its_file(tmp_path: Path) -> None:
    assert [s.split(": ")[:2] for s in mistakes(tmp_path, "name: s\nparams: {x: no}\nallocation: 1\nsizng: {}\n")] == [
        ["run.yaml:1", "type"],
        ["run.yaml:2", "params.x"],
        ["run.yaml:3", "allocation"],
        ["run.yaml:4", "sizng"],
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "is empty"), ("# x\n", "is empty"), ("- a\n", "is a list, not a mapping"), ("a\n", "is one value, not a mapping")],
)
def test_what_is_no_run_file_says_what_one_is(text: str, what: str, tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, text)
    assert sentence.startswith(f"run.yaml:1: (document): {what}; allowed: a run file (data, splits, strategies, ")


@pytest.mark.parametrize("name", ["missing.yaml", ".", "pipe"])
def test_a_path_that_is_no_file_is_one_message(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    place = r"missing\.yaml: cannot be read: there is no such file" if name == "missing.yaml" else r":1: \(document\): "
    with pytest.raises(ConfigError, match=place):
        load_run(tmp_path / name)


def test_the_resolved_text_has_every_field_and_loads_to_the_same_run(tmp_path: Path) -> None:
    run = load(tmp_path, DESIGN_RUN, equity_config=DESIGN_STRATEGY)
    (tmp_path / "again.yaml").write_text(run.resolved, "utf-8")
    again = load_run(tmp_path / "again.yaml")
    assert (again.hash, again.resolved) == (run.hash, run.resolved)
    assert again.config == RunConfig.model_validate_json(run.config.model_dump_json())
    for name in RunConfig.model_fields:
        assert f"\n{name}:" in "\n" + run.resolved


def test_a_resolved_text_that_lies_elsewhere_reads_with_its_own_root(tmp_path: Path) -> None:
    (tmp_path / "u.csv").touch()
    run = load(tmp_path, RUN.replace("ma_crossover}", "ma_crossover, universe: {file: u.csv}}"))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "config.yaml").write_text(run.resolved, "utf-8")
    again = load_run(tmp_path / "results" / "config.yaml", root=tmp_path)
    assert (again.hash, again.root) == (run.hash, run.root)


def test_the_hash_depends_on_what_is_run_alone(tmp_path: Path) -> None:
    first = load(
        tmp_path,
        WITH_FILE + "portfolio: {starting_equity: 100000, debit_rate: 0.01}\n",
        s=STRATEGY + "params: {a: 20, b: [1.5]}\n",
    )
    inline = """\
    # another order, another form, another folder
    portfolio:
      debit_rate: 1e-2
      starting_equity: 1e5
    output: {path: elsewhere}
    strategies: [{type: ma_crossover, params: {b: [1.50], a: 20.0}, name: s, allocation: 1}]
    data:
      path: "data"
      source: csv
    """
    (tmp_path / "other").mkdir()
    assert load(tmp_path / "other", inline).hash == first.hash
    for change in (
        "seed=43",
        "strategies.0.params.a=21",
        "data.path=datb",
        "strategies.0.name=t",
        "output.formats=[csv, html]",
    ):
        assert load(tmp_path, WITH_FILE, [change], s=STRATEGY).hash != first.hash


def test_the_hash_is_the_same_in_any_process_and_locale(tmp_path: Path) -> None:
    run = load(tmp_path, DESIGN_RUN, equity_config=DESIGN_STRATEGY)
    code = "import sys; from trading_system.config.loading import load_run; print(load_run(sys.argv[1]).hash)"
    for environment in (
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8"},
    ):
        command = [sys.executable, "-c", code, str(tmp_path / "run.yaml")]
        assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip() == run.hash


def test_texts_of_any_look_survive_resolution(tmp_path: Path) -> None:
    texts = [
        "NO",
        "010",
        "1e3",
        "a: b",
        "#x",
        "- a",
        "'",
        '"',
        "\\",
        "{",
        "&a",
        "*",
        "null",
        "~",
        "",
        " ",
        "a ",
        "é",
        "株",
        "=",
        "<<",
        "x" * 300,
        "y",
        "2010-01-04",
    ]
    written = ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)
    run = load(tmp_path, RUN.replace("ma_crossover}", f"ma_crossover, params: {{x: [{written}], \"a b: c\": 1, '010': 2}}}}"))
    (tmp_path / "again.yaml").write_text(run.resolved, "utf-8")
    assert load_run(tmp_path / "again.yaml").config.strategies[0].params == run.config.strategies[0].params
    assert run.config.strategies[0].params["x"] == texts


@pytest.mark.parametrize(
    "value", [1e-5, 1e20, 0.1, 1 / 3, 5e-324, 1.7976931348623157e300, -0.0, 123456789.123456789, 2**53 + 1]
)
def test_numbers_survive_resolution_to_the_bit(value: float, tmp_path: Path) -> None:
    run = load(tmp_path, RUN.replace("ma_crossover}", f"ma_crossover, params: {{x: {value!r}}}}}"))
    (tmp_path / "again.yaml").write_text(run.resolved, "utf-8")
    assert repr(load_run(tmp_path / "again.yaml").config.strategies[0].params["x"]) == repr(value)


def test_reading_a_run_file_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "strategy.yaml").write_text(mutations.emit(mutations.STRATEGY, random.Random(0)), "utf-8")
    (tmp_path / "run.yaml").write_text(mutations.emit(mutations.RUN, random.Random(0)), "utf-8")
    code = (
        "import sys; from trading_system.config.loading import load_run; load_run(sys.argv[1]);"
        "print([m for m in ('numpy', 'pandas', 'numba', 'pyarrow', 'scipy', 'exchange_calendars', 'rich', 'typer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run.yaml")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
