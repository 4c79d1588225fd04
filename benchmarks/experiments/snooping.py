"""Experiments 17 to 19 and 23 to 27: overfitting, tests of whole sets of strategies, many p-values."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np

from experiments.base import NOMINAL, YEAR, Experiment, Line, Part, Rows, average, kind, rejections, share
from trading_system.validation import confidence_set, data_snooping, multiple_testing, overfitting
from trading_system.validation.bootstrap import resamples
from trading_system.validation.resampling import resample_keys


def pbo(rng: np.random.Generator, n: int, annual: float, zero_total: bool = False) -> list[float]:
    """Probability of overfitting of 20 trials, the first with `annual`."""
    table = rng.standard_normal((n, 20))
    table[:, 0] += annual / np.sqrt(YEAR)
    if zero_total:
        table -= table.mean(axis=0)
    return [overfitting.probability_of_overfitting(table, 10).pbo]


PBO_NOISE = Part("pbo noise", functools.partial(pbo, n=1000, annual=0.0), 1, 100, 60)
PBO_ZERO = Part("pbo zero totals", functools.partial(pbo, n=1000, annual=0.0, zero_total=True), 1, 100, 20)
SKILLS = (1.0, 1.5, 2.0, 2.5, 3.0)
PBO_SKILL = tuple(
    Part(f"pbo Sharpe {annual:g}", functools.partial(pbo, n=1260, annual=annual), 1, 200, 40) for annual in SKILLS
)


def pbo_noise(rows: Rows, full: bool) -> list[Line]:
    return [average("mean PBO", rows[PBO_NOISE.name][:, 0], 0.42, 0.58, full=full)]


def pbo_skill(rows: Rows, full: bool) -> list[Line]:
    found = [rows[part.name][:, 0] for part in PBO_SKILL]
    limits = {2.0: 0.10, 2.5: 0.05}
    lines = [
        average(f"mean PBO at Sharpe {annual:g}", each, 0.0, limits.get(annual, 1.0), full=full)
        for annual, each in zip(SKILLS, found, strict=True)
    ]
    step = max(float(b.mean() - a.mean()) for a, b in pairwise(found))
    return [*lines, Line("largest step up with Sharpe", step, -1.0, 0.0, percent=False)]


def pbo_zero(rows: Rows, full: bool) -> list[Line]:
    return [average("mean PBO", rows[PBO_ZERO.name][:, 0], 0.95, 1.0, full=full)]


BLOCK, RESAMPLES = 5.0, 299


def contest(rng: np.random.Generator, n: int, rho: float, first: float, n_poor: int, n_trials: int) -> list[float]:
    """p-values of Reality Check and consistent SPA; whether StepM found a true strategy, and a false one."""
    table = np.sqrt(1.0 - rho) * rng.standard_normal((n, n_trials)) + np.sqrt(rho) * rng.standard_normal((n, 1))
    table[:, 0] += first / np.sqrt(YEAR)
    if n_poor:
        table[:, -n_poor:] = 3.0 * (table[:, -n_poor:] - 2.0 / np.sqrt(YEAR))
    found = data_snooping.contest(table, resamples("stationary", n, BLOCK, resample_keys(rng, RESAMPLES)))
    rejected = data_snooping.step_down(found, NOMINAL).rejected
    real = 1 if first else 0
    return [
        data_snooping.reality_check(found).p_value,
        data_snooping.superior_ability(found).consistent.p_value,
        float(real and (rejected == 0).any()),
        float((rejected >= real).any()),
    ]


def contest_part(
    name: str, n: int, full: int, reduced: int, *, rho: float = 0.0, first: float = 0.0, n_poor: int = 0, n_trials: int = 20
) -> Part:
    task = functools.partial(contest, n=n, rho=rho, first=first, n_poor=n_poor, n_trials=n_trials)
    return Part(f"contest {name}", task, 4, full, reduced)


NOISE = contest_part("noise 250", 250, 4000, 300)
NOISE_LONG = contest_part("noise 1000", 1000, 2000, 250)
NOISE_TOGETHER = contest_part("correlated 250", 250, 4000, 300, rho=0.5)
ONE_GOOD = contest_part("one of Sharpe 2", 1260, 1000, 120, first=2.0)
SOME_POOR = contest_part("ten poor ones", 1260, 1000, 120, first=2.0, n_poor=10)


def snooping(rows: Rows, full: bool) -> list[Line]:
    lines = []
    for part in (NOISE, NOISE_LONG, NOISE_TOGETHER):
        found = rows[part.name]
        lines.append(rejections(f"{kind(part)}: Reality Check", found[:, 0]))
        for what, hits in (("SPA", found[:, 1] <= NOMINAL), ("StepM", found[:, 3] > 0.0)):
            if part is NOISE_LONG:
                lines.append(rejections(f"{kind(part)}: {what}", 1.0 - hits))
            else:
                lines.append(share(f"{kind(part)}: {what}", hits, None, 0.10, full=full))
    return lines


def snooping_power(rows: Rows, full: bool) -> list[Line]:
    found = rows[ONE_GOOD.name]
    return [
        share("Reality Check", found[:, 0] <= NOMINAL, 0.90, None, full=full),
        share("SPA", found[:, 1] <= NOMINAL, 0.90, None, full=full),
        share("StepM finds it", found[:, 2], 0.90, None, full=full),
        share("StepM: familywise error", found[:, 3], None, 0.085, full=full),
    ]


def poor_ones(rows: Rows, full: bool) -> list[Line]:
    found = rows[SOME_POOR.name]
    return [
        share("SPA", found[:, 1] <= NOMINAL, 0.90, None, full=full),
        share("Reality Check", found[:, 0] <= NOMINAL, None, 0.30, full=full),
    ]


def model_set(rng: np.random.Generator) -> list[float]:
    """Whether all four of the best are in the set, and how many of the four worse."""
    losses = rng.standard_normal((500, 8))
    losses[:, 4:] += 0.25
    kept = confidence_set.model_confidence_set(losses, resamples("stationary", 500, BLOCK, resample_keys(rng, 499))).kept(0.1)
    return [float((kept < 4).sum() == 4), float((kept >= 4).sum()) / 4.0]


MODELS = Part("model confidence set", model_set, 2, 1000, 150)


def models(rows: Rows, full: bool) -> list[Line]:
    found = rows[MODELS.name]
    return [
        share("all four best kept", found[:, 0], 0.82, None, full=full),
        average("share of the worse kept", found[:, 1], 0.0, 0.03, full=full),
    ]


CORRECTIONS = ("bh", "by", "bonferroni", "holm")


def corrected(rng: np.random.Generator) -> list[float]:
    """False discovery share, whether anything is false, and power of each correction: 100 tests, 20 effects of z = 3."""
    from scipy.special import ndtr

    z = rng.standard_normal(100)
    z[:20] += 3.0
    p = ndtr(-z)
    out: list[float] = []
    for method in CORRECTIONS:
        found = multiple_testing.adjusted_p_values(p, method) <= (0.10 if method in ("bh", "by") else NOMINAL)
        wrong, right = int(found[20:].sum()), int(found[:20].sum())
        out += [wrong / max(wrong + right, 1), float(wrong > 0), right / 20.0]
    return out


MANY = Part("many tests", corrected, 12, 2000, 500)


def many_tests(rows: Rows, full: bool) -> list[Line]:
    found = rows[MANY.name].reshape(-1, len(CORRECTIONS), 3)
    power = found[:, :, 2].mean(axis=0)
    lines = [
        average(f"{name}: false discovery rate", found[:, k, 0], 0.0, 0.105, full=full) for k, name in ((0, "BH"), (1, "BY"))
    ]
    lines += [
        share(f"{name}: familywise error", found[:, k, 1], None, 0.06, full=full)
        for k, name in ((2, "Bonferroni"), (3, "Holm"))
    ]
    lines += [Line(f"{name}: power (reported)", float(power[k])) for k, name in enumerate(("BH", "BY", "Bonferroni", "Holm"))]
    ordered = float(power[0] > power[1] > power[3] >= power[2])
    return [*lines, Line("power: BH > BY > Holm >= Bonferroni", ordered, 1.0, 1.0, percent=False)]


EXPERIMENTS = (
    Experiment(17, "PBO of 20 noise trials, T = 1000, S = 10", "0.46 to 0.53", (PBO_NOISE,), pbo_noise),
    Experiment(
        18, "PBO with one trial of skill among 20, T = 1260", "0.34, 0.17, 0.064, 0.012 to 0.023, 0.004", PBO_SKILL, pbo_skill
    ),
    Experiment(19, "PBO with every total forced to 0", "1.00", (PBO_ZERO,), pbo_zero),
    Experiment(
        23,
        "Reality Check, SPA and StepM on 20 noise strategies",
        "5.2 / 7.5 / 7.5, 4.9 / 5.6 / 5.8, 5.4 / 6.7 / 7.1 %",
        (NOISE, NOISE_LONG, NOISE_TOGETHER),
        snooping,
    ),
    Experiment(24, "one of Sharpe 2 among 19 noise, T = 1260", "0.95 / 0.95 / 0.95, 5.7 %", (ONE_GOOD,), snooping_power),
    Experiment(25, "one of Sharpe 2, 9 noise, 10 poor, T = 1260", "SPA 0.97, Reality Check 0.003", (SOME_POOR,), poor_ones),
    Experiment(26, "90 % model confidence set, 4 best and 4 worse", "85.8 %; 0.5 %", (MODELS,), models),
    Experiment(27, "100 tests, 20 effects of z = 3", "FDR 8.0 / 1.6 %, FWER 3.9 / 4.2 %", (MANY,), many_tests),
)
