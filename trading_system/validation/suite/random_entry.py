"""Would entries at random times, as many and as long, have earned as much? The market stays, the positions are randomised."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.held import held_of, paired_totals, rotated_totals, run_totals
from trading_system.validation.pictures import histogram
from trading_system.validation.random_entry import TIE
from trading_system.validation.resampling import monte_carlo_error, n_exceeding, p_value_of_count

if TYPE_CHECKING:
    import numpy as np

WAYS = {
    "random entry p, rotation": rotated_totals,
    "random entry p, pairing": paired_totals,
    "random entry p, runs": run_totals,
}


@register("random_entry")
class RandomEntry(ValidationTest):
    """The run's positions against the same positions at other times: rotated, paired at random, shuffled in whole runs."""

    title: ClassVar[str] = "Random entry"
    asks: ClassVar[str] = (
        "Would as many entries, held as long and as large, at other times have earned as much in this very market?"
    )
    null: ClassVar[str] = "When a position is held says nothing about what the market does meanwhile."
    reading: ClassVar[str] = (
        "A small p says that the times were well chosen. The drift of the market is in every draw, so being long in a rising market is"
        " not rewarded. Rotation keeps everything about the positions but their date, and is the one to read first."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "a position earns its size at a close times the change to the next close, before costs, which are alike in every draw",
        "rotation: the market's moves are stationary; pairing: they are exchangeable in time too",
        "runs: symbols are shuffled apart, so that what they have in common makes p too small; one symbol has no such flaw",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "the search that chose the rule: the permutation test runs it inside",
        "what is earned inside a bar, between an open and the close or at a stop",
        "which symbols were chosen, where all of them move alike",
    )
    source: ClassVar[str] = "Aronson (2006), Evidence-Based Technical Analysis; p = (1 + k) / (1 + B)."
    order: ClassVar[int] = 44

    @classmethod
    def applies(cls, examination: Examination) -> str:
        return "" if examination.baseline.ledger.fills.size else "the run never held a position"

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        n = examination.settings.permutation.random_entry
        held = held_of(examination.baseline.ledger)
        found, pictures, details = [], [], {}
        for name, draws in WAYS.items():
            drawn = draws(held, rng, n)
            count = n_exceeding(held.mean, drawn, TIE * held.scale)
            p = p_value_of_count(count, n)
            found.append(Bar(name, p, unit="p"))
            details[name] = {
                "n_exceeding": count,
                "monte_carlo_error": monte_carlo_error(p, n),
                "mean_of_draws": float(drawn.mean()),
            }
            pictures.append(histogram(name.split(", ")[1], drawn, {"this run": held.mean}, "fraction"))
        warnings = []
        if (held.positions == held.positions[0]).all():
            warnings.append("the positions never change: at any other time they would have been the same")
        n_symbols = held.positions.shape[1]
        if n_symbols > 1:
            warnings.append(
                f"runs of {n_symbols} symbols are shuffled apart: that p-value is too small where they move together"
            )
        return TestResult(
            name="random_entry",
            bars=found,
            work=f"3 x {n} draws of the positions of {n_symbols} symbols",
            seed=examination.experiment.config.seed,
            p_value=found[0].measured,
            warnings=warnings,
            details={
                "mean_return_per_bar": held.mean,
                "mean_exposure": float(held.positions.sum(axis=1).mean()),
                "n_draws": n,
                "ways": details,
            },
            picture={"pictures": pictures},
        )
