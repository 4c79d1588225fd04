"""Is the mean above 0, if gains were as likely as losses of the same size? Random signs on returns and on trades."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.permutation import SignFlip, sign_flip_test
from trading_system.validation.resampling import monte_carlo_error, resample_keys

if TYPE_CHECKING:
    import numpy as np

SKEWED = (
    0.5  # of the population skewness, from which the signs of single values are no longer exchangeable enough to be trusted
)


@register("sign_flip")
class SignFlipped(ValidationTest):
    """Mean return, and mean profit of a trade, against the same numbers with random signs."""

    title: ClassVar[str] = "Sign flip"
    asks: ClassVar[str] = (
        "Could the mean return, and the mean profit of a trade, come from gains and losses that are equally likely?"
    )
    null: ClassVar[str] = "Returns (profits of trades) are symmetric about 0."
    reading: ClassVar[str] = (
        "A small p says that the mean is above 0. It says nothing of why: a rising market is enough. A skewed distribution distorts"
        " it, and then a warning says so."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "symmetry about 0 under the null",
        "periods, and trades, that do not depend on each other",
    )
    blind_to: ClassVar[tuple[str, ...]] = ("the drift of the market", "the search that chose the rule", "dependence in time")
    source: ClassVar[str] = (
        "Fisher (1935); Aronson (2006). Exact under symmetry; 7.8 % at nominal 5 % for 100 returns of skewness -2.5."
    )
    order: ClassVar[int] = 46

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        n = examination.settings.permutation.random_entry
        series = {"returns": examination.baseline.returns, "trades": examination.baseline.pnl}
        bars, warnings, details = [], [], dict[str, Any]()
        for name, values in series.items():
            keys = resample_keys(rng, n)
            if values.size < 2:
                bars.append(Bar(f"sign flip p, {name}", None, unit="p", why=f"fewer than two {name}"))
                continue
            found = sign_flip_test(values, keys)
            bars.append(Bar(f"sign flip p, {name}", found.p_value, unit="p"))
            details[name] = {
                "n": int(values.size),
                "mean": found.mean,
                "skewness": _number(found.skewness),
                "monte_carlo_error": monte_carlo_error(found.p_value, n),
            }
            if abs(found.skewness) > SKEWED:
                warnings.append(_skewed(name, found))
        return TestResult(
            name="sign_flip",
            bars=bars,
            work=f"2 x {n} draws of signs",
            seed=examination.experiment.config.seed,
            p_value=bars[0].measured,
            warnings=warnings,
            details={"n_draws": n, **details},
        )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _skewed(name: str, found: SignFlip) -> str:
    direction = "often small gains and seldom large losses: too small" if found.skewness < 0.0 else "too large"
    return f"{name} have a skewness of {found.skewness:.2g}; a sign-flip p-value assumes symmetry and is {direction}"
