"""The acceptance experiments on fewer data sets: every number in the band of its size; the full table is docs/calibration.md."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def calibration():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("calibration")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def rows(calibration, tmp_path_factory):
    made = calibration.Rows(tmp_path_factory.mktemp("calibration"), full=False, fresh=True)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 33))
def test_every_number_lies_in_its_band(calibration, rows, number):
    outside = [line for line in calibration.judged(number, rows) if not (line.told or line.held)]
    assert outside == []


def test_there_are_thirty_two_experiments_and_each_part_has_one_meaning(calibration):
    found = calibration.experiments()
    assert sorted(found) == list(range(1, 33))
    parts = {}
    for _, experiment in found.values():
        for part in experiment.parts:
            assert parts.setdefault(part.name, part) is part
            assert part.reduced <= part.full


@pytest.mark.parametrize(("n", "low", "high"), [(200, 1.0, 10.5), (400, 1.75, 9.0), (1000, 2.9, 7.4), (2000, 3.45, 6.65)])
def test_the_band_of_a_rejection_rate_is_the_published_one(calibration, n, low, high):
    from experiments.base import binomial_band

    assert [100.0 * x for x in binomial_band(n)] == pytest.approx([low, high])


def test_the_skewed_mixture_has_the_moments_that_it_is_said_to_have(calibration):
    from experiments.base import mixture

    x = mixture(np.random.default_rng(1), 4_000_000)
    z = (x - x.mean()) / x.std()
    assert x.mean() == pytest.approx(0.0, abs=0.003) and x.std() == pytest.approx(1.0, abs=0.004)
    assert (z**3).mean() == pytest.approx(-2.5, abs=0.1) and (z**4).mean() == pytest.approx(17.0, abs=0.8)


def test_a_number_that_is_not_there_or_outside_its_band_is_not_held(calibration):
    from experiments.base import Line

    assert Line("x", 0.5, 0.4, 0.6).held and not Line("x", 0.7, 0.4, 0.6).held and not Line("x", np.nan, 0.0, 1.0).held


def test_the_script_says_no_when_a_number_lies_outside_and_goes_on_from_what_it_kept(
    calibration, tmp_path, capsys, monkeypatch
):
    folder = ["--profile", "reduced", "--only", "27", "--folder", str(tmp_path)]
    assert calibration.main(folder) == 0
    first = capsys.readouterr().out
    made = []
    module, experiment = calibration.experiments()[27]
    part = experiment.parts[0]
    watched = dataclasses.replace(part, task=lambda rng: made.append(1) or part.task(rng))
    monkeypatch.setattr(module, "EXPERIMENTS", (dataclasses.replace(experiment, parts=(watched,)),))
    assert calibration.main([*folder, "--resume"]) == 0 and made == []
    assert capsys.readouterr().out == first
    assert calibration.main(folder) == 0 and len(made) >= part.reduced

    def wrong(rows, full):
        return [dataclasses.replace(line, low=2.0, high=3.0) for line in experiment.judge(rows, full)]

    monkeypatch.setattr(module, "EXPERIMENTS", (dataclasses.replace(experiment, judge=wrong),))
    assert calibration.main([*folder, "--resume"]) == 1
    assert "outside their bands: 27 BH" in capsys.readouterr().out


def test_an_experiment_that_there_is_not_and_a_page_of_half_the_work_are_refused(calibration, tmp_path):
    for words in (["--only", "99"], ["--docs", str(tmp_path / "page.md"), "--profile", "reduced"]):
        with pytest.raises(SystemExit) as stopped:
            calibration.main(words)
        assert stopped.value.code == 2
