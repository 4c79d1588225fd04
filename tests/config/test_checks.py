"""Rules across sections, paths, and warnings of what is legal and dangerous."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.config.files import RUN, load, mistakes
from trading_system.config.checks import SOURCES
from trading_system.config.names import COLUMNS

SAFE = """\
data: {source: csv, path: data}
splits: {train: [2010-01-04, 2011-12-30], holdout: [2012-01-03, 2012-12-31]}
strategies:
  - {name: a, type: ma_crossover}
portfolio: {limits: {max_drawdown: 0.3}}
"""
TWO = "data: {source: csv, path: data}\nstrategies:\n  - {name: a, type: x}\n  - {name: b, type: x}\n"


def warned(folder: Path, text: str = SAFE, *overrides: str) -> list[str]:
    """Warnings with the folder left out."""
    return [warning.replace(f"{folder}/", "") for warning in load(folder, text, overrides).warnings]


def test_a_safe_run_warns_of_nothing(tmp_path: Path) -> None:
    assert warned(tmp_path) == []


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("splits=null", "splits"),
        ("splits.holdout=null", "splits.holdout"),
        ("data.quality.split_suspect=ignore", "data.quality.split_suspect"),
        ("data.quality.impossible=warn", "data.quality.impossible"),
        ("execution.fill=same_close", "execution.fill"),
        ("output.path=/srv/results", "output.path"),
        ("output.path=../results", "output.path"),
        ("output.path=a/../../results", "output.path"),
        ("portfolio.limits.max_drawdown=null", "portfolio.limits.max_drawdown"),
        ("portfolio.limits.max_drawdown=0.301", "portfolio.limits.max_drawdown"),
        ("portfolio.limits.max_gross_exposure=2.1", "portfolio.limits.max_gross_exposure"),
        ("portfolio.limits.max_position_notional=0.51", "portfolio.limits.max_position_notional"),
        ("strategies.0.sizing.risk=0.051", "strategies.0.sizing.risk"),
        ("strategies.0.sizing={method: fixed_fraction, fraction: 0.6}", "strategies.0.sizing.fraction"),
        ("strategies.0.sizing={method: kelly, kelly_cap: 0.6}", "strategies.0.sizing.kelly_cap"),
        ("strategies.0.sizing={method: equal_weight, fraction: 0.1}", "strategies.0.sizing.fraction"),
        ("strategies.0.limits.max_position_notional=0.51", "strategies.0.limits.max_position_notional"),
        ("strategies.0.limits.max_gross_exposure=2.1", "strategies.0.limits.max_gross_exposure"),
        ("strategies.0.costs={slippage: {model: none}}", "strategies.0.costs"),
        ("strategies.0.costs={slippage: {bps: 0}, commission_minimum: 1}", "strategies.0.costs"),
        ("strategies.0.costs={slippage: {model: none}, commission_tiers: [{from_notional: 0, bps: 0}]}", "strategies.0.costs"),
        ("strategies.0.costs.slippage={model: full, bps: 3}", "strategies.0.costs.slippage.bps"),
    ],
)
def test_warns_of_exactly(override: str, key: str, tmp_path: Path) -> None:
    (warning,) = warned(tmp_path, SAFE, override)
    assert warning.split(": ")[1] == key


@pytest.mark.parametrize(
    "override",
    [
        "output.path=a/../results",
        "output.path=..results",
        "portfolio.limits.max_drawdown=0.3",
        "portfolio.limits.max_gross_exposure=2",
        "portfolio.limits.max_position_notional=0.5",
        "strategies.0.sizing.risk=0.05",
        "strategies.0.costs={slippage: {model: none}, commission_bps: 1}",
        "strategies.0.costs={slippage: {model: none}, commission_per_share: 0.01}",
        "strategies.0.costs={slippage: {model: none}, commission_tiers: [{from_notional: 0, bps: 1}]}",
        "strategies.0.costs.slippage={model: sqrt_impact, bps: 3}",
        "strategies.0.sizing={method: kelly, fraction: 0.1}",
    ],
)
def test_does_not_warn_of(override: str, tmp_path: Path) -> None:
    assert warned(tmp_path, SAFE, override) == []


def test_a_warning_names_its_line(tmp_path: Path) -> None:
    assert warned(tmp_path, SAFE.replace("0.3}", "0.5}")) == [
        "run.yaml:5: portfolio.limits.max_drawdown: 50% of equity may be lost before trading stops"
    ]


@pytest.mark.parametrize(
    ("data", "splits", "places"),
    [
        (
            "start: 2010-01-05",
            "train: [2010-01-04, 2011-01-03]",
            ["splits.train: starts 2010-01-04, before the data's start 2010-01-05"],
        ),
        (
            "end: 2011-01-02",
            "train: [2010-01-04, 2011-01-03]",
            ["splits.train: ends 2011-01-03, after the data's end 2011-01-02"],
        ),
        ("start: 2010-01-04, end: 2011-01-03", "train: [2010-01-04, 2011-01-03]", []),
        (
            "start: 2012-01-01, end: 2011-01-03",
            "train: [2010-01-04, 2011-01-03]",
            ["data.start: 2012-01-01 is after end 2011-01-03"],
        ),
        ("end: null", "train: [2010-01-04, 2009-01-03]", ["splits.train: starts 2010-01-04, after its end 2009-01-03"]),
        (
            "end: null",
            "train: [2010-01-04, 2011-01-03], validation: [2011-01-03, 2012-01-03]",
            ["splits.validation: starts 2011-01-03, inside or before the period that ends 2011-01-03"],
        ),
        (
            "end: null",
            "train: [2012-01-04, 2013-01-03], holdout: [2010-01-03, 2011-01-03]",
            ["splits.holdout: starts 2010-01-03, inside or before the period that ends 2013-01-03"],
        ),
    ],
)
def test_periods_are_in_order_and_inside_the_data(data: str, splits: str, places: list[str], tmp_path: Path) -> None:
    text = RUN.replace("path: data", f"path: data, {data}") + f"splits: {{{splits}}}\n"
    assert [sentence.split(": ", 1)[1] for sentence in mistakes(tmp_path, text)] == places


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["strategies.0.allocation=0.6", "strategies.1.allocation=0.4"], None),
        (["strategies.0.allocation=0.5"], None),
        (["strategies.0.allocation=0.6"], "the allocations add up to 1.1, more than portfolio.limits.max_gross_exposure (1)"),
        (
            ["strategies.0.allocation=1", "strategies.1.allocation=1", "portfolio.limits.max_gross_exposure=1.5"],
            "add up to 2, more than",
        ),
        (["strategies.0.allocation=0.9", "strategies.1.allocation=0.5", "portfolio.limits.max_gross_exposure=1.5"], None),
    ],
)
def test_allocations_stay_within_the_exposure_limit(overrides: list[str], said: str | None, tmp_path: Path) -> None:
    found = mistakes(tmp_path, TWO, overrides)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_allocations_above_one_within_the_limit_are_warned_of(tmp_path: Path) -> None:
    options = ("strategies.0.allocation=0.9", "strategies.1.allocation=0.5", "portfolio.limits.max_gross_exposure=1.5")
    assert any("the allocations add up to 1.4" in warning for warning in warned(tmp_path, TWO, *options))


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("America/New_Yrok", "did you mean 'America/New_York'?"),
        ("../etc/passwd", ""),
        ("/etc/localtime", ""),
        ("EST5EDT4", ""),
        ("x" * 200, ""),
    ],
)
def test_a_time_zone_must_exist(name: str, mend: str, tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN, [f"data.timezone={name}"])
    assert "data.timezone: " in sentence and "is no time zone" in sentence and mend in sentence


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York"])
def test_time_zones_that_exist_pass(name: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, RUN, [f"data.timezone={name}"]) == []


def test_a_data_source_must_exist(tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN.replace("source: csv", "source: cvs"))
    assert (
        sentence
        == "run.yaml:1: data.source: there is no data source 'cvs'; allowed: csv, parquet, sample; did you mean 'csv'?"
    )


def test_the_known_sources_are_those_that_come_with_the_program() -> None:
    sources = importlib.import_module("trading_system.data.source").sources
    assert set(SOURCES) == {name for name in sources.names() if sources.get(name).__module__.startswith("trading_system.")}


def test_intraday_bars_say_what_their_stamps_mean(tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN, ["data.timeframe=5m"])
    assert "data.stamp: bars of 5m are stamped at their open or their close; allowed: open, close" in sentence
    assert mistakes(tmp_path, RUN, ["data.timeframe=5m", "data.stamp=open"]) == []


def test_a_sample_market_is_one_of_four_and_daily(tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN, ["data.source=sample", "data.path=us6"])
    assert "data.path: 'us6' is no sample market; allowed: us5, equities50, etfs10, crypto10" in sentence
    (sentence,) = mistakes(tmp_path, RUN, ["data.source=sample", "data.path=us5", "data.timeframe=5m", "data.stamp=open"])
    assert "data.timeframe: the sample markets have daily bars; allowed: 1d" in sentence


@pytest.mark.parametrize("path", ["../u.csv", "/etc/passwd", "a/../../u.csv", "link/u.csv"])
@pytest.mark.parametrize("key", ["universe={{file: '{}'}}", "type='{}:Rule'"])
def test_files_that_leave_the_folder_are_refused(key: str, path: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (tmp_path / "u.csv").touch()
    path = path if "universe" in key else path.replace(".csv", ".py").replace("passwd", "passwd.py")
    (sentence,) = mistakes(folder, RUN, [f"strategies.0.{key.format(path)}"])
    assert "leads out of the run file's folder" in sentence


def test_a_file_that_is_not_there_is_told_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "members.csv").touch()
    (tmp_path / "my_rule.py").touch()
    (sentence,) = mistakes(tmp_path, RUN, ["strategies.0.universe={file: member.csv}"])
    assert sentence.endswith("there is no file 'member.csv'; did you mean 'members.csv'?")
    (sentence,) = mistakes(tmp_path, RUN, ["strategies.0.type=my_rul.py:Rule"])
    assert sentence.endswith("there is no file 'my_rul.py'; did you mean 'my_rule.py'?")
    assert mistakes(tmp_path, RUN, ["strategies.0.type=my_rule.py:Rule", "strategies.0.universe={file: members.csv}"]) == []


@pytest.mark.parametrize(
    ("data", "actions", "inside"),
    [
        ("data", "data/actions.csv", True),
        ("data", "actions.csv", True),
        ("../market", "../market/actions.csv", True),
        ("../market/*.csv", "../market/actions.csv", True),
        ("../market/a.csv", "../market/actions.csv", True),
        ("../market", "../other/actions.csv", False),
        ("data", "../actions.csv", False),
        ("data", "/etc/passwd", False),
    ],
)
@pytest.mark.parametrize("key", ["actions", "delistings"])
def test_actions_lie_below_the_run_files_folder_or_the_datas(
    key: str, data: str, actions: str, inside: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "market").mkdir()
    found = mistakes(folder, RUN, [f"data.path={data}", f"data.{key}={actions}"])
    assert len(found) == (not inside)
    assert inside or f"data.{key}: " in found[0]


@pytest.mark.parametrize("key", ["data.path", "output.path"])
def test_data_and_output_may_lead_elsewhere(key: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, RUN, [f"{key}=../elsewhere"]) == []


@pytest.mark.parametrize(
    ("tiers", "legal"),
    [
        ("[]", True),
        ("[{from_notional: 0, bps: 5}, {from_notional: 10, bps: 4}]", True),
        ("[{from_notional: 1, bps: 5}]", False),
        ("[{from_notional: 0, bps: 5}, {from_notional: 0, bps: 4}]", False),
        ("[{from_notional: 0, bps: 5}, {from_notional: 9, bps: 4}, {from_notional: 8, bps: 4}]", False),
    ],
)
def test_commission_tiers_start_at_nothing_and_rise(tiers: str, legal: bool, tmp_path: Path) -> None:
    found = mistakes(tmp_path, RUN, [f"strategies.0.costs.commission_tiers={tiers}"])
    assert ["must start at from_notional 0 and rise" in sentence for sentence in found] == [True] * (not legal)


@pytest.mark.parametrize(
    ("ranking", "legal"), [("{a: 1, b: 0}", True), ("{a: 0}", False), ("{}", False), ("{a: -1, b: 2}", False), ("null", True)]
)
def test_ranking_weights_are_not_negative_and_not_all_zero(ranking: str, legal: bool, tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, RUN, [f"portfolio.ranking={ranking}"])) == (not legal)


def test_names_and_symbols_are_told_when_they_repeat(tmp_path: Path) -> None:
    assert "'a' is the name of strategies.0 too" in mistakes(tmp_path, TWO.replace("name: b", "name: a"))[0]
    (sentence,) = mistakes(tmp_path, TWO, ["strategies.1.universe=[A, B, A, A]"])
    assert sentence.endswith("strategies.1.universe: 'A' stands 3 times")


@pytest.mark.parametrize(
    "universe",
    ["[]", "['']", "[' A']", "['A ']", "[A, [B]]", "[A, {B: 1}]", "[A, ]x", "some", "{file: ''}", "{}", "[" + "A" * 65 + "]"],
)
def test_a_universe_is_all_a_file_or_symbols(universe: str, tmp_path: Path) -> None:
    (sentence, *_) = mistakes(tmp_path, RUN, [f"strategies.0.universe={universe}"])
    assert sentence.startswith("--set strategies.0.universe: ")


@pytest.mark.parametrize(
    ("data", "key", "mend"),
    [
        ("calendar: XNY", "data.calendar", "did you mean 'XNYS'?"),
        ("calendar: xnys", "data.calendar", "did you mean 'XNYS'?"),
        ("calendar: {crypto: 24/77}", "data.calendar.crypto", "did you mean '24/7'?"),
        ("columns: {opn: Open}", "data.columns.opn", "did you mean 'open'?"),
        ("columns: {Last: close}", "data.columns.Last", "write ours: theirs, as in close: Last"),
        ("columns: {high: ' '}", "data.columns.high", "a header of the file"),
    ],
)
def test_a_wrong_calendar_or_column_is_one_mistake_with_its_mend(data: str, key: str, mend: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, RUN.replace("path: data", f"path: data, {data}"))
    assert found.startswith(f"run.yaml:1: {key}: ")
    assert found.endswith(mend)


def test_every_calendar_and_column_is_accepted(tmp_path: Path) -> None:
    columns = ", ".join(f"{name}: {name.upper()}" for name in COLUMNS)
    for name in ("XNYS", "24/7", "24/5", "us_futures"):
        assert mistakes(tmp_path, RUN.replace("path: data", f"path: data, calendar: {name}, columns: {{{columns}}}")) == []


def test_actions_may_lie_beside_the_data_and_the_message_says_so(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, RUN.replace("path: data", "path: data, actions: ../../x.csv"))
    assert found.endswith("allowed: a path below the run file's folder, or below the folder that data.path names")


def test_what_lacks_below_a_misspelt_key_is_named_by_the_key_that_was_meant(tmp_path: Path) -> None:
    found = mistakes(tmp_path, RUN.replace("data: {source: csv, path: data}", "dat: {source: csv}"))
    assert [sentence.split(": ")[1] for sentence in found] == ["dat", "data.path"]
    both = mistakes(tmp_path, "dat: {source: csv}\n" + RUN)
    assert [sentence.split(": ")[1] for sentence in both] == ["dat"]
