"""What is dropped or doubtful is said in a sentence."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from tests.data.markets import config, load
from trading_system.config.models import SplitsConfig
from trading_system.data.loading import load_market
from trading_system.data.quality import Findings
from trading_system.errors import DataError

DAYS = [str(day) for day in np.busday_offset("2019-01-02", np.arange(40), roll="forward")]
HEAD = "date,open,high,low,close,volume\n"


def write(tmp_path: Path, *bars: str) -> Path:
    (tmp_path / "A.csv").write_text(HEAD + "".join(f"{bar}\n" for bar in bars))
    return tmp_path / "A.csv"


def flat(price: float, first: int, stop: int) -> list[str]:
    return [f"{day},{price},{price},{price},{price},5" for day in DAYS[first:stop]]


def test_nothing_is_said_when_nothing_is_dropped(tmp_path: Path) -> None:
    assert load(write(tmp_path, *flat(10, 0, 5)), calendar="24/5").notes == ()


def test_dropped_rows_are_said_by_kind_and_symbol(tmp_path: Path) -> None:
    bars = [*flat(10, 0, 3), *flat(11, 2, 3), f"{DAYS[3]},10,9,11,10,5", f"{DAYS[4]},10,10,10,10,-1", *flat(10, 5, 7)]
    market = load(write(tmp_path, *bars), calendar="24/5")
    assert market.notes == (
        "4 of 8 rows were dropped (duplicate_timestamp 2: A 2; negative_volume 1: A 1; ohlc_violation 1: A 1); see data_quality.json",
    )
    assert market.bars.has_bar.sum() == 8 - 4
    assert market.notes[0] in market.quality["notes"]


def test_bars_that_are_kept_are_not_said_to_be_dropped(tmp_path: Path) -> None:
    file = write(tmp_path, *flat(10, 0, 2), f"{DAYS[2]},10,9,11,10,5")
    assert load(file, calendar="24/5", quality={"impossible": "warn"}).notes == ()


@pytest.mark.parametrize(("policy", "words"), [("warn", 1), ("ignore", 0)])
def test_jumps_are_warned_of_with_their_dates(policy: str, words: int, tmp_path: Path) -> None:
    file = write(tmp_path, *flat(10, 0, 3), *flat(19, 3, 9))
    told = [
        note for note in load(file, calendar="24/5", quality={"jump": policy, "split_suspect": "warn"}).notes if "50%" in note
    ]
    assert len(told) == words
    assert all("1 bar is more than 50% away" in note and f"A {DAYS[3]}" in note for note in told)


def test_suspected_splits_are_warned_of(tmp_path: Path) -> None:
    file = write(tmp_path, *flat(10, 0, 3), *flat(5, 3, 12))
    notes = load(file, calendar="24/5", quality={"jump": "ignore", "split_suspect": "warn"}).notes
    assert notes == (
        f"1 bar is after a suspected split that is not recorded, or recorded wrongly: A {DAYS[3]}; see data_quality.json",
    )


def test_of_many_symbols_the_worst_are_named() -> None:
    from trading_system.config.models import QualityConfig
    from trading_system.data.notes import said

    lost = Findings()
    lost.drop(("A", "B", "C", "D", "E"), np.repeat(np.arange(5), [1, 2, 3, 4, 1]), "nan_price")
    assert said(lost, 1200, QualityConfig()) == [
        "11 of 1,200 rows were dropped (nan_price 11: D 4, C 3, B 2 and 2 more symbols); see data_quality.json"
    ]


@pytest.mark.parametrize("policy", ["warn", "error"])
@pytest.mark.parametrize("kind", ["impossible", "jump", "split_suspect"])
def test_of_held_out_days_neither_date_nor_figure_is_told(kind: str, policy: str, tmp_path: Path) -> None:
    bad = [f"{DAYS[4]},17.5,9,11,10,5"] if kind == "impossible" else []
    write(tmp_path, *flat(10, 0, 4), *bad, *(flat(10, 5, 15) if bad else flat(5, 4, 15)))
    run = config(
        source="csv", path="A.csv", calendar="24/5", quality={"jump": "ignore", "split_suspect": "warn"} | {kind: policy}
    )
    days = [dt.date.fromisoformat(DAYS[i]) for i in (0, 1, 2, 3, 4, 14)]
    held = SplitsConfig(train=(days[0], days[1]), validation=(days[2], days[3]), holdout=(days[4], days[5]))
    try:
        quality = load_market(run.model_copy(update={"splits": held}), tmp_path, None).quality
        said = str([quality["notes"], quality["incidents"]])
    except DataError as error:
        said = str(error)
        assert policy == "error" and "figures are withheld" in said and "A.csv: row 6" in said
    assert "held" in said and DAYS[4] not in said and "17.5" not in said and "0.5000" not in said
    assert kind == "impossible" or policy == "error" or "1 in the held-out days" in said


def held_out(tmp_path: Path, row: str, files: dict[str, str], policy: str) -> str:
    """What is said of a market whose last days are held out, `row` of its file among them."""
    header = "date,open,high,low,close,volume,split\n"
    bars = [f"{day},10,10,10,10,100,1" for day in DAYS[:8]]
    day = row.split(",")[0]
    lines = [row if bar.startswith(day) else bar for bar in bars]
    (tmp_path / "A.csv").write_text(header + "\n".join(lines) + "\n")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    named = {name.removesuffix(".csv"): name for name in files}
    run = config(source="csv", path="A.csv", calendar="24/5", quality={"impossible": policy, "split_suspect": "warn"}, **named)
    days = [dt.date.fromisoformat(DAYS[i]) for i in (0, 1, 2, 3, 4, 7)]
    held = SplitsConfig(train=(days[0], days[1]), validation=(days[2], days[3]), holdout=(days[4], days[5]))
    try:
        quality = load_market(run.model_copy(update={"splits": held}), tmp_path, None).quality
        return str([quality["notes"], quality["incidents"], quality["counts"]])
    except DataError as error:
        return f"refused: {error}"


@pytest.mark.parametrize(("day", "told"), [(6, False), (1, True)])
@pytest.mark.parametrize(
    ("row", "files"),
    [
        ("{day},10,10,10,76.5x,100,1", {}),
        ("{day},10,10,10,10,100,76.5:1", {}),
        ("{day},10,10,10,10,100,1", {"actions.csv": "symbol,date,split\nA,{day},-76.5\n"}),
        ("{day},10,10,10,10,100,1", {"actions.csv": "symbol,date,dividend\nA,{day},76.5 USD\n"}),
        ("{day},10,10,10,10,100,1", {"delistings.csv": "symbol,date,price\nA,{day},-76.5\n"}),
    ],
)
def test_a_cell_of_a_held_out_day_that_cannot_be_right_shows_no_figure(
    row: str, files: dict[str, str], day: int, told: bool, tmp_path: Path
) -> None:
    date = DAYS[day]
    said = held_out(tmp_path, row.format(day=date), {name: text.format(day=date) for name, text in files.items()}, "drop")
    assert said.startswith("refused: ") and ".csv: row " in said
    assert ("76.5" in said) == told and ("figures are withheld" in said) != told and date not in said


@pytest.mark.parametrize(("day", "told"), [(6, False), (1, True)])
@pytest.mark.parametrize("policy", ["drop", "error"])
def test_a_bad_action_of_a_held_out_day_is_counted_without_its_figure(
    day: int, told: bool, policy: str, tmp_path: Path
) -> None:
    said = held_out(tmp_path, f"{DAYS[day]},10,10,10,10,100,76500000", {}, policy)
    assert said.startswith("refused: ") == (policy == "error")
    assert ("7.65e+07" in said) == told
    if policy == "drop":
        assert "'bad_action': 1" in said and ("held out" in said) != told


def test_a_cell_whose_day_cannot_be_told_shows_no_figure_where_days_are_held_out(tmp_path: Path) -> None:
    said = held_out(
        tmp_path, f"{DAYS[1]},10,10,10,10,100,1", {"actions.csv": "symbol,date,split\nA,01/02/2019,76.5x\n"}, "drop"
    )
    assert "76.5" not in said or "cannot be told apart" in said
