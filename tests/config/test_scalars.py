"""YAML 1.1 traps and YAML 1.2 numbers, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.config.files import RUN, load, mistakes, params
from trading_system.config import scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-2", -2),
        ("+1", 1),
        ("0", 0),
        ("-2.0", -2.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1e-3", 0.001),
        ("2.5E+2", 250.0),
    ],
)
def test_numbers_of_the_core_are_numbers(text: str, value: float, tmp_path: Path) -> None:
    assert scalars.number(text) == value
    found = (
        load(tmp_path, RUN.replace("ma_crossover}", f"ma_crossover, params: {{x: {text}}}}}")).config.strategies[0].params["x"]
    )
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["010", "1_000", "0x1F", "1:30", "1,5", "１２", "1e400", "nan", "inf", ".inf", "1" * 61, "1e", "--1", ""]
)
def test_anything_else_is_no_number(text: str) -> None:
    assert scalars.number(text) is None


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("yes", "write true, or 'yes' in quotes"),
        ("No", "write false, or 'No' in quotes"),
        ("ON", "write true, or 'ON' in quotes"),
        ("off", "write false, or 'off' in quotes"),
        ("16:00", "write '16:00' in quotes"),
        ("-1:30:00", "write '-1:30:00' in quotes"),
        ("010", "write 10, or '010' in quotes"),
        ("-007", "write -7, or '-007' in quotes"),
        ("00.5", "write 0.5, or '00.5' in quotes"),
        ("0x1F", "write 31, or '0x1F' in quotes"),
        ("0o17", "write 15, or '0o17' in quotes"),
        ("0b11", "write 3, or '0b11' in quotes"),
        ("1_000", "write 1000, or '1_000' in quotes"),
        ("2010-01-04", "write '2010-01-04' in quotes"),
        ("2010-1-4", "write '2010-1-4' in quotes"),
        ("2010-01-04T09:30:00Z", "write '2010-01-04T09:30:00Z' in quotes"),
        (".inf", "write a number"),
        ("-.INF", "write a number"),
        (".NaN", "write a number"),
        ("=", "write '=' in quotes"),
    ],
)
def test_a_trap_in_params_says_what_to_write(text: str, mend: str, tmp_path: Path) -> None:
    (sentence,) = params(tmp_path, text)
    assert sentence.startswith("run.yaml:3: strategies.0.params.x: ") and sentence.endswith(mend)
    assert params(tmp_path, f"'{text}'") == []


def test_no_scalar_that_yaml_1_1_converts_passes_unquoted_as_text() -> None:
    texts = "yes Yes YES no No NO true True TRUE on On ON off Off OFF null Null NULL ~ 010 0b1 0x1 1_0 1:20 12:30:45 1.5:30 +12 -12 .5 1. "
    texts += "1e3 1.e+3 .inf -.Inf +.INF .nan .NaN 2001-12-14 2001-12-14t21:59:43.10-05:00 2001-1-1 685_230 0o14 = <<"
    for text in texts.split():
        assert not scalars.is_plain_text(text)
        if text in ("=", "<<") or not isinstance(yaml.safe_load(text), str):
            known = scalars.NULLS | scalars.TRUE | scalars.FALSE
            assert text in known or scalars.looks_numeric(text) or scalars.trap(text) is not None, text


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "010",
        "1e3",
        "TRUE",
        "NULL",
        "16:00",
        "2010-01-04",
        "1_000",
        "0x1F",
        "=",
        ".5",
        "~",
        "off",
        "株",
        "BRK.B",
        "^GSPC",
    ],
)
def test_a_symbol_is_the_text_of_the_file(text: str, tmp_path: Path) -> None:
    run = load(tmp_path, RUN.replace("ma_crossover}", f"ma_crossover, universe: [A, {text}]}}"))
    assert run.config.strategies[0].universe == ("A", text)


def test_a_word_of_a_choice_is_text_too(tmp_path: Path) -> None:
    assert (
        load(tmp_path, RUN + "portfolio: {volatility_scaling: {mode: off}}").config.portfolio.volatility_scaling.mode == "off"
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("50%", "write 0.5"),
        ("0.75 %", "write 0.0075"),
        ("100,000", "'100,000' is not a number"),
        ("1_000", "write 1000"),
        ("010", "write 10"),
        ("0x10", "write 16"),
        ("'0.5'", "write 0.5 without quotes"),
        ("16:00", "'16:00' is not a number"),
        ("1e999", "'1e999' is not a number"),
        (".nan", "'.nan' is not a number"),
        ("yes", "'yes' is not a number"),
        ("", "has no value"),
        ("~", "'~' is not a number"),
        ("[1]", "is a list"),
        ("{a: 1}", "is a mapping"),
    ],
)
def test_a_number_written_wrongly_says_how(written: str, said: str, tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN + f"portfolio:\n  starting_equity: {written}\n")
    assert sentence.startswith("run.yaml:5: portfolio.starting_equity: ")
    assert said in sentence and "allowed: a number above 0 and at most 1e15" in sentence


@pytest.mark.parametrize(
    ("written", "mend"),
    [("16.0", "write 16"), ("1e3", "write 1000"), ("2.5", ""), ("true", ""), ("'3'", "write 3 without quotes")],
)
def test_a_whole_number_is_written_without_a_point(written: str, mend: str, tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN + f"seed: {written}\n")
    assert sentence.startswith("run.yaml:4: seed: ") and sentence.endswith(mend)


@pytest.mark.parametrize(
    "written",
    ["2010-1-4", "20100104", "2010-W01-1", "2010-02-30", "04.01.2010", "2010-01-04T00:00:00", "0000-01-01", "today", "12"],
)
def test_a_date_has_one_form(written: str, tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN.replace("path: data", f"path: data, start: {written}"))
    assert sentence == f"run.yaml:1: data.start: '{written}' is not a date; allowed: a date as YYYY-MM-DD"


def test_a_date_may_stand_in_quotes(tmp_path: Path) -> None:
    run = load(tmp_path, RUN.replace("path: data", "path: data, start: '2010-01-04', end: 2010-01-05"))
    assert (str(run.config.data.start), str(run.config.data.end)) == ("2010-01-04", "2010-01-05")


@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL"])
def test_what_may_be_unset_is_unset_by_null(written: str, tmp_path: Path) -> None:
    assert (
        load(tmp_path, f"data:\n  source: csv\n  path: data\n  start: {written}\n" + RUN.split("\n", 1)[1]).config.data.start
        is None
    )


def test_keys_inside_params_must_be_text_to_every_reader(tmp_path: Path) -> None:
    assert ["write '1' in quotes" in sentence for sentence in params(tmp_path, "{1: a}")] == [True]
    assert ["write 'no' in quotes" in sentence for sentence in params(tmp_path, "{no: a}")] == [True]
    assert params(tmp_path, "{'1': a, b: 1}") == []
