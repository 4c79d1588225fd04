"""The runner of golden cases: every case of the shared folder passes, and a wrong number fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests import golden


@pytest.fixture(scope="module")
def shared_cases() -> Path:
    root = Path(os.environ.get("TRADING_SYSTEM_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    if not (root / "golden").is_dir():
        pytest.skip(f"no golden cases at {root / 'golden'}; set TRADING_SYSTEM_SHARED to its parent")
    return root / "golden"


def case(folder: Path, name: str, **parts: object) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"name": name, "inputs": {}, "expected": {}, "tolerance": {"abs": 1e-9}, **parts}))
    return path


def test_every_case_passes_and_none_fails(shared_cases, capsys):
    assert golden.main([str(shared_cases)]) == 0
    lines = capsys.readouterr().out.splitlines()
    outcomes = {outcome.name: outcome for outcome in golden.run_folder(shared_cases)}
    assert len(lines) == len(outcomes) + 1
    for outcome in outcomes.values():
        assert outcome.status == "pass", outcome.line()
        assert not outcome.missing
    assert lines[-1].startswith(f"{len(outcomes)} cases: ")


def test_a_wrong_number_fails_and_shows_both(tmp_path, capsys):
    case(
        tmp_path,
        "sortino__x",
        inputs={"returns": [0.1, -0.1], "mar_per_period": 0.0, "periods_per_year": 1},
        expected={"sortino": 1.0},
    )
    assert golden.main([str(tmp_path)]) == 1
    line, last = capsys.readouterr().out.splitlines()
    assert line.startswith("FAIL  sortino__x: sortino is 0.0, expected 1.0")
    assert last == "1 cases: 0 pass, 1 fail, 0 gap"


def test_what_nothing_computes_is_a_gap_and_no_failure(tmp_path, capsys):
    case(tmp_path, "unheard_of__x", expected={"a": 1})
    case(
        tmp_path, "sortino__x", inputs={"returns": [0.1], "mar_per_period": 0.0, "periods_per_year": 1},
        expected={"sortino": "inf", "other": 2},
    )  # fmt: skip
    assert golden.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pass  sortino__x (1); gap: other",
        "gap   unheard_of__x",
        "2 cases: 1 pass, 0 fail, 1 gap",
    ]


def test_a_damaged_case_fails_with_its_reason(tmp_path):
    (tmp_path / "sharpe__broken.json").write_text("{")
    (tmp_path / "sharpe__empty.json").write_text("{}")
    case(
        tmp_path,
        "sharpe__refused",
        inputs={"returns": ["nan"], "risk_free_per_period": 0.0, "periods_per_year": 1},
        expected={"sharpe": 1},
    )
    assert [outcome.status for outcome in golden.run_folder(tmp_path)] == ["FAIL", "FAIL", "FAIL"]


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["/no/such/folder"]])
def test_without_a_folder_there_is_nothing_to_run(arguments, capsys):
    assert golden.main(arguments) == 2
    assert "usage" in capsys.readouterr().err


def test_an_empty_folder_is_no_success(tmp_path, capsys):
    assert golden.main([str(tmp_path)]) == 2
    assert "holds no case" in capsys.readouterr().err


def judged(expected: dict, results: dict, tolerance: dict) -> golden.Outcome:
    outcome = golden.Outcome("x")
    golden.judge(expected, results, tolerance, outcome)
    return outcome


def test_tolerances_are_absolute_plus_relative():
    assert judged({"a": 100.0}, {"a": 100.19}, {"abs": 0.1, "rel": 0.001}).status == "pass"
    assert judged({"a": 100.0}, {"a": 100.21}, {"abs": 0.1, "rel": 0.001}).status == "FAIL"
    assert judged({"a": [1, 2]}, {"a": [1, 2]}, {"exact": True}).status == "pass"
    assert judged({"a": 1.0}, {"a": 1.0 + 1e-15}, {"exact": True}).status == "FAIL"
    assert judged({"a": 1.0}, {"a": 1.0 + 1e-10}, {"exact_enumeration_abs": 1e-9, "monte_carlo_rel": 0.1}).status == "pass"


def test_words_for_numbers_that_are_none():
    wanted = {"a": "nan", "b": "inf", "c": "-inf", "d": None}
    nan, inf = float("nan"), float("inf")
    assert judged(wanted, {"a": nan, "b": inf, "c": -inf, "d": nan}, {}).met == 4
    assert judged(wanted, {"a": 0.0, "b": -inf, "c": 0.0, "d": 3}, {}).met == 0
    assert judged({"a": True, "b": "text"}, {"a": True, "b": "text"}, {}).met == 2
    assert judged({"a": 1.0}, {"a": None}, {}).status == "FAIL"
    assert judged({"a": [1.0]}, {"a": 1.0}, {}).status == "FAIL"


def test_published_values_are_met_by_rounding():
    tolerance = {"abs": 1e-9, "paper_years_abs": 0.005, "paper_rounded_abs": 5e-4}
    assert judged({"paper_years": [4.99]}, {"years": [4.9912]}, tolerance).status == "pass"
    assert judged({"paper_years": [4.99]}, {"years": [4.9812]}, tolerance).status == "FAIL"
    assert judged({"paper_rounded": {"p": [0.5, None]}}, {"paper_rounded": {"p": [0.5003, 7.0]}}, tolerance).status == "pass"
    assert judged({"paper_rounded": {"p": [0.5, None]}}, {"paper_rounded": {"p": 1}}, tolerance).status == "FAIL"
    assert judged({"paper_years": [1.0]}, {}, tolerance).missing == ["paper_years"]
    assert judged({"paper_note": 3.0}, {"note": 9.0}, {"paper_note_abs": None}).status == "gap"  # shown, not judged


def test_a_trap_value_fails():
    outcome = judged({"psr": 0.95, "wrong_if_annualised_sr": 1.0}, {"psr": 1.0}, {"abs": 1.0})
    assert outcome.status == "FAIL"
    assert "wrong_if_annualised_sr" in outcome.wrong[0]


def test_a_tolerance_named_for_a_key_counts_for_it_alone():
    tolerance = {"abs": 1e-9, "port_rel": 0.05, "r_boot_rel_width": 0.03}
    expected = {"port": [10.0], "r_boot_ci": [1.0, 2.0], "other": 10.0}
    assert judged(expected, {"port": [10.4], "r_boot_ci": [1.02, 1.98], "other": 10.0}, tolerance).status == "pass"
    outcome = judged(expected, {"port": [10.6], "r_boot_ci": [1.04, 1.98], "other": 10.1}, tolerance)
    assert len(outcome.wrong) == 3 and outcome.met == 0


def test_mappings_inside_a_list_are_compared_with_the_tolerance():
    expected = {"rows": [{"p": 0.5}]}
    assert judged(expected, {"rows": [{"p": 0.5 + 1e-12, "more": 1}]}, {"abs": 1e-9}).status == "pass"
    assert judged(expected, {"rows": [{"p": 0.6}]}, {"abs": 1e-9}).wrong
    assert judged(expected, {"rows": [{}]}, {"abs": 1e-9}).wrong
