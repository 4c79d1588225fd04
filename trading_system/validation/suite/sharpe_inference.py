"""How sure is the Sharpe ratio itself? Standard errors, the probability that it is above a bar, the record it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.validation import judged
from trading_system.validation import sharpe_inference as inference
from trading_system.validation.autocorrelation import autocorrelations, ljung_box, newey_west_lags
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register

if TYPE_CHECKING:
    from trading_system.types import FloatArray

LAGS = 10
ALPHA = 0.05
APART = 1.25  # ratio of two standard errors that is worth a word
LEAST = 20  # periods


@register("sharpe_inference")
class SharpeInference(ValidationTest):
    """Standard errors (Lo, Mertens, HAC), PSR against 0 and against the bar, minimum track record, Ljung-Box."""

    title: ClassVar[str] = "Sharpe inference"
    asks: ClassVar[str] = (
        "Taken alone, as if it were the only strategy ever tried: how probable is a true Sharpe ratio above 0, and above the bar of "
        "the run file, given the length, skewness and tails of the record?"
    )
    null: ClassVar[str] = "The true Sharpe ratio is 0 (or the bar); returns of one period do not depend on earlier ones."
    reading: ClassVar[str] = (
        "PSR is a probability: 0.95 or more is the usual demand. Two forms are shown, with the variance at the observed ratio (2012) "
        "and at the null (2025, with the first autocorrelation); on short, skewed records they differ much. MinTRL is the length of "
        "record at which PSR would reach 0.95 if the ratio stayed as it is. Where the Ljung-Box p is small, read the HAC error."
    )
    source: ClassVar[str] = (
        "Lo (2002), FAJ 58(4); Mertens (2002); Opdyke (2007), J. Asset Management 8; Bailey & Lopez de Prado (2012), J. Risk 15(2); "
        "Lopez de Prado, Lipton & Zoonekynd (2025); Ljung & Box (1978), Biometrika 65(2)."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "one strategy, chosen before the data were seen",
        "returns with four moments, from one distribution",
        "Lo: Normal, no dependence; Mertens and PSR: no dependence; HAC: dependence that fades",
    )
    blind_to: ClassVar[tuple[str, ...]] = ("every other trial: see Familywise and Deflated Sharpe", "a change of regime")
    order: ClassVar[int] = 34

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        series, year = judged.excess(examination), examination.periods_per_year
        gate = examination.settings.gates.min_sharpe
        work = f"{series.size:,} returns"
        if not judged.varies(series):
            return TestResult(
                "sharpe_inference", bars=(Bar("PSR(0)", None, unit="fraction", why=judged.NEVER_VARIES),), work=work
            )
        m = inference.sharpe_moments(series)
        found = _inference(m, series, gate, year)
        forms = found["psr"]
        ends = inference.confidence_interval(m.sharpe, found["standard_errors_period"]["hac"], 0.95, year)
        return TestResult(
            name="sharpe_inference",
            bars=(
                Bar("PSR(0), observed", forms["observed"]["above_0"], unit="fraction"),
                Bar("PSR(0), null", forms["null"]["above_0"], unit="fraction"),
                Bar(f"PSR({gate:g}), observed", forms["observed"]["above_bar"], unit="fraction"),
                Bar(f"PSR({gate:g}), null", forms["null"]["above_bar"], unit="fraction"),
            ),
            work=work,
            p_value=judged.plain(1.0 - float(forms["observed"]["above_0"])),
            interval=(ends.low, ends.high),
            warnings=_warnings(m, found),
            details=found,
        )


def _inference(m: inference.SharpeMoments, series: FloatArray, gate: float, year: float) -> dict[str, Any]:
    """Everything that is known of one Sharpe ratio; per period unless a name says annual."""
    scale, bar = float(np.sqrt(year)), gate / float(np.sqrt(year))
    rho = float(np.clip(autocorrelations(series, 1)[1], -0.99, 0.99))
    errors = {
        "lo": inference.standard_error_normal(m.sharpe, m.n),
        "mertens": inference.standard_error(m.sharpe, m.n, m.skew, m.kurtosis),
        "hac": inference.standard_error_hac(series),
    }
    lags = max(min(LAGS, m.n // 5), 1)
    box = ljung_box(series, lags)
    psr, record = {}, {}
    for form, options in (("observed", {"variance": "observed"}), ("null", {"variance": "null", "rho": rho})):
        given: Any = {"skew": m.skew, "kurtosis": m.kurtosis, **options}
        above = [inference.probabilistic_sharpe(m.sharpe, m.n, benchmark=level, **given) for level in (0.0, bar)]
        needed = [inference.min_track_record(m.sharpe, benchmark=level, alpha=ALPHA, **given) for level in (0.0, bar)]
        psr[form] = {"above_0": judged.plain(above[0]), "above_bar": judged.plain(above[1])}
        record[form] = {
            "periods_above_0": judged.plain(needed[0]),
            "years_above_0": judged.plain(needed[0] / year),
            "periods_above_bar": judged.plain(needed[1]),
            "years_above_bar": judged.plain(needed[1] / year),
        }
    return {
        "sharpe_period": m.sharpe,
        "sharpe_annual": m.sharpe * scale,
        "skew_g1": m.skew,
        "kurtosis_raw": m.kurtosis,
        "n_periods": m.n,
        "years": m.n / year,
        "bar_annual": gate,
        "rho_1": rho,
        "standard_errors_period": errors,
        "standard_errors_annual": {name: error * scale for name, error in errors.items()},
        "hac_lags": newey_west_lags(m.n),
        "psr": psr,
        "min_track_record": record,
        "ljung_box": {"lags": lags, "statistic": judged.plain(box.statistic), "p_value": judged.plain(box.p_value)},
    }


def _warnings(m: inference.SharpeMoments, found: dict[str, Any]) -> list[str]:
    said, errors = [], found["standard_errors_period"]
    p = found["ljung_box"]["p_value"]
    if p is not None and p < ALPHA:
        said.append(f"returns depend on earlier ones (Ljung-Box p = {p:.2g}): PSR with the observed variance assumes not")
    if errors["hac"] > APART * errors["mertens"]:
        said.append(f"with dependence the standard error is {errors['hac'] / errors['mertens']:.2f} times Mertens'")
    observed, null = (found["psr"][form]["above_0"] for form in ("observed", "null"))
    if observed is not None and null is not None and abs(observed - null) > 0.05:
        said.append(f"the two forms of PSR differ: {observed:.3f} with the observed variance, {null:.3f} with the null's")
    if m.n < LEAST:
        said.append(f"{m.n} returns: these formulas hold for long records")
    return said
