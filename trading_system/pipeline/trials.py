"""What was tried: the journal's families and rows, whether its chain is whole, and what corrections make of the best of many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.errors import OutputError, UsageError

if TYPE_CHECKING:
    from trading_system.runs.journal import Anchor, Journal, Verification
    from trading_system.types import FloatArray

RESAMPLES = 2000
SEED = 42
ALPHA = 0.05
LEAST = 20  # periods below which nothing is corrected
FIELDS = (
    *("number", "created", "family", "kind", "strategies", "period", "first", "last", "configurations", "n_periods"),
    *("sharpe_mean", "sharpe_variance", "sharpe_best", "periods_per_year", "risk_free", "repeats"),
    *("config_hash", "data_hash", "code_hash", "key"),
)


def list_trials(config: Path | str = ".", results: Path | str | None = None) -> dict[str, Any]:
    """Families and rows of the journal beside a run file, and whether its chain is whole.

    Parameters
    ----------
    config : path
        A run file, or its folder.
    results : path, optional
        A folder of runs: the journal must contain the record that each run of this project names.

    Returns
    -------
    dict
        `journal` (path), `families` (see `family_row`), `rows` (fields of each row, newest first), `chain`: `records`, `anchors`
        (how many runs were held against it), `problems`.

    Raises
    ------
    OutputError
        There is no journal, or it cannot be read.
    """
    with _opened(config) as journal:
        rows = _rows(journal)
        anchors = _anchors(journal, results)
        return {
            "journal": str(journal.path),
            "families": [family_row(journal, name, rows) for name in dict.fromkeys(row["family"] for row in rows)],
            "rows": rows[::-1],
            "chain": _chain(journal.verify(*anchors), len(anchors)),
        }


def show_trials(which: str, config: Path | str = ".", results: Path | str | None = None) -> dict[str, Any]:
    """One row of the journal, or one family, with what corrections for the number of trials make of it.

    Parameters
    ----------
    which : str
        The number of a record, or the beginning of a family's name.

    Returns
    -------
    dict
        `row` (None for a family), `family`, `rows` of the family, `corrections` (see `corrections`), `chain`.

    Raises
    ------
    UsageError
        There is no such row or family.
    OutputError
        There is no journal, it cannot be read, or returns are not what was written.
    """
    with _opened(config) as journal:
        rows = _rows(journal)
        row = _row_of(which, rows)
        family = row["family"] if row is not None else _family_of(which, rows)
        anchors = _anchors(journal, results)
        return {
            "journal": str(journal.path),
            "row": row,
            "family": family_row(journal, family, rows),
            "symbols": _symbols(journal, rows, family),
            "rows": [one for one in rows[::-1] if one["family"] == family],
            "corrections": corrections(journal, family, rows, None if row is None else row["number"]),
            "chain": _chain(journal.verify(*anchors), len(anchors)),
        }


@contextmanager
def _opened(config: Path | str) -> Iterator[Journal]:
    from trading_system.runs.journal import FOLDER, NAME, Journal

    given = Path(config)
    if not given.exists():
        raise OutputError("there is no such file", where=str(given), remedy="name the run file, or its folder, with --config")
    root = given if given.is_dir() else given.parent
    if not (root / FOLDER / NAME).is_file():
        raise OutputError(
            "there is no journal of trials here: nothing was tried yet, or the run file lies elsewhere",
            where=str(root / FOLDER / NAME),
            remedy="name the run file with --config CONFIG",
        )
    with Journal(root) as journal:
        yield journal


def _rows(journal: Journal) -> list[dict[str, Any]]:
    """Rows of trials as they stand there, oldest first; edited ones too, which the chain names."""
    from trading_system.runs import holdout

    found = journal.execute("SELECT number, body FROM records WHERE kind = 'trial' ORDER BY number")
    rows, marks = [], holdout.of_trials(journal)
    for number, body in found:
        try:
            told = json.loads(body)
        except (TypeError, ValueError):
            continue
        if isinstance(told, dict) and "family" in told and "configurations" in told:
            mark = {"number": number, "universe": told.get("universe"), "mark": marks.get(number, "")}
            rows.append({**{name: told.get(name) for name in FIELDS}, **mark})
    return rows


def _chain(found: Verification, anchors: int) -> dict[str, Any]:
    return {"records": found.count, "anchors": anchors, "whole": found.intact, "problems": list(found.problems)}


def _anchors(journal: Journal, results: Path | str | None) -> list[Anchor]:
    """What the runs below `results` that belong to this journal say of it."""
    from trading_system.runs.journal import Anchor
    from trading_system.runs.store import read_manifest, run_folders

    if results is None or not Path(results).is_dir():
        return []
    anchors, root = [], journal.folder.parent.resolve()
    for folder in run_folders(Path(results)):
        try:
            manifest = read_manifest(folder)
            if (folder / str(manifest["place"]["root"])).resolve() == root:
                anchors.append(Anchor(int(manifest["trial"]["count"]), str(manifest["trial"]["head"])))
        except (OutputError, LookupError, TypeError, ValueError):
            continue
    return anchors


def family_row(journal: Journal, family: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One family: name, strategies, number of symbols, N, rows, kept returns, first and last row, yearly Sharpe ratios."""
    from trading_system.runs import trials

    own = [row for row in rows if row["family"] == family]
    counted = trials.count(journal, family)
    once = list({row["key"]: row for row in reversed(own)}.values())
    mean, variance = trials.pooled_sharpe(once)
    scale = float(own[-1]["periods_per_year"] or 0.0) ** 0.5
    best = [row["sharpe_mean"] if row["configurations"] == 1 else row["sharpe_best"] for row in once]
    known = [float(ratio) for ratio in best if ratio is not None]
    (kept,) = journal.execute("SELECT count(*) FROM kept WHERE family = ?", family)[0]
    return {
        "family": family,
        "strategies": list(own[-1]["strategies"] or ()),
        "n_symbols": len(_symbols(journal, rows, family)),
        "trials": counted.trials,
        "rows": counted.rows,
        "kept": int(kept),
        "sampled": counted.sampled,
        "first_made": own[0]["created"],
        "last_made": own[-1]["created"],
        "first": min(str(row["first"]) for row in own),
        "last": max(str(row["last"]) for row in own),
        "periods_per_year": own[-1]["periods_per_year"],
        "sharpe_mean": None if mean is None or not scale else mean * scale,
        "sharpe_deviation": None if variance is None or not scale else variance**0.5 * scale,
        "sharpe_best": max(known) * scale if known and scale else None,
    }


def _symbols(journal: Journal, rows: Sequence[Mapping[str, Any]], family: str) -> list[str]:
    universe = next((row["universe"] for row in rows if row["family"] == family), None)
    found = journal.execute("SELECT names FROM symbols WHERE hash = ?", universe)
    return [str(name) for name in json.loads(found[0][0])] if found else []


def _row_of(which: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    if not (which.isascii() and which.isdigit() and len(which) < 12):
        return None
    for row in rows:
        if row["number"] == int(which):
            return row
    if any(str(row["family"]).startswith(which) for row in rows):
        return None
    numbers = [row["number"] for row in rows]
    allowed = f"{numbers[0]} to {numbers[-1]}" if numbers else "none: nothing was tried"
    raise UsageError(f"record {which} of the journal is no trial", allowed=allowed, remedy="see trading-system trials list")


def _family_of(which: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(str(row["family"]) for row in rows))
    found = [name for name in names if name.startswith(which)]
    if len(found) == 1:
        return found[0]
    said = f"{which!r} is the beginning of {len(found)} families" if found else f"there is no family {which!r}"
    raise UsageError(
        said, allowed=", ".join(found or names) or "none: nothing was tried", remedy="see trading-system trials list"
    )


def corrections(journal: Journal, family: str, rows: Sequence[Mapping[str, Any]], number: int | None = None) -> dict[str, Any]:
    """What is left of the best trial of a row, or of the whole family over its last sessions, after all trials.

    Its kept returns are resampled as ``validate strategy`` does by default; the judged column is the one with the largest Sharpe
    ratio of those that are kept.

    Returns
    -------
    dict
        `why` (why there is nothing, else empty), and the numbers: yearly `sharpe`, `p_single`, `p_familywise` with `method`,
        adjusted p-values, `dsr` with `expected_best`, `haircut_sharpe`, `n_trials`, `n_kept`, `resamples`, `seed`.
    """
    import numpy as np

    from trading_system.metrics.base import per_period
    from trading_system.runs import trials as ledger

    asked = next((row for row in reversed(rows) if row["family"] == family and number in (None, row["number"])), None)
    if asked is None or not asked["periods_per_year"]:
        return {"why": "the row does not say how many periods a year has: it was written by an older version"}
    source = int(asked["repeats"] or asked["number"])
    year, risk_free = float(asked["periods_per_year"]), float(asked["risk_free"] or 0.0)
    cash = float(per_period(risk_free, year, 0))
    closes = ledger.closes_of(journal, family, source)
    if number is not None and closes is None:
        return {"why": "its returns are not kept"}
    _, matrix, numbers = ledger.returns_of(journal, family, closes, rest=cash)
    mine = np.flatnonzero(numbers == source) if number is not None else np.arange(numbers.size)
    if matrix.shape[0] < LEAST or not mine.size:
        return {"why": f"it has fewer than {LEAST} returns" if mine.size else "its returns are not kept"}
    spread = matrix[:, mine].std(axis=0, ddof=1)
    ratios = np.where(np.ptp(matrix[:, mine], axis=0) > 0.0, (matrix[:, mine].mean(axis=0) - cash) / spread, -np.inf)
    if not np.isfinite(ratios).any():
        return {"why": "none of its kept returns ever varies"}
    judged = int(mine[int(np.argmax(ratios))])
    order = np.append(np.delete(np.arange(numbers.size), judged), judged)
    return _corrected(journal, family, rows, matrix[:, order], cash, year, int(numbers[judged]))


def _corrected(
    journal: Journal, family: str, rows: Sequence[Mapping[str, Any]], matrix: FloatArray, cash: float, year: float, number: int
) -> dict[str, Any]:
    import numpy as np

    from trading_system.config.validation import BootstrapConfig
    from trading_system.runs import trials as ledger
    from trading_system.validation import deflation, judged
    from trading_system.validation import sharpe_inference as inference
    from trading_system.validation.base import FamilyTrials
    from trading_system.validation.data_snooping import adjusted_p_of
    from trading_system.validation.multiple_testing import adjusted_p_values
    from trading_system.validation.suite.familywise import method_of, single_p
    from trading_system.validation.trials import trial_tests

    counted = ledger.count(journal, family)
    once = list({row["key"]: row for row in rows if row["family"] == family}.values())
    variance = ledger.pooled_sharpe(once)[1]
    known = FamilyTrials(counted.trials, counted.rows, matrix, counted.sampled, variance, min(matrix.shape[1], counted.trials))
    above = matrix - cash
    moving = above[:, np.ptp(above, axis=0) > 0.0]
    moving = moving / moving.std(axis=0, ddof=1)
    settings = BootstrapConfig()
    block = judged.common_block(settings, moving)
    drawn = judged.drawn_resamples(settings, moving.shape[0], block, RESAMPLES, np.random.default_rng(SEED))
    family_p = adjusted_p_of(moving, drawn)
    single = single_p(moving[:, -1])
    tested = trial_tests(known, cash)
    m = inference.sharpe_moments(above[:, -1])
    deflated = deflation.deflated_sharpe(
        m.sharpe, m.n, m.skew, m.kurtosis, 1.0 / m.n if variance is None else variance, max(counted.trials, 1)
    )
    cut = deflation.haircut_sharpe(m.sharpe * year**0.5, m.n, year, tested.n_tests, "holm", tested.two_sided[:-1])
    return {
        "why": "",
        "record": number,
        "sharpe": m.sharpe * year**0.5,
        "n_periods": m.n,
        "n_trials": counted.trials,
        "n_kept": int(matrix.shape[1]),
        "p_single": single,
        "p_familywise": min(family_p.adjusted_p + known.n_without * single, 1.0),
        "method": method_of(known.n_without, moving.shape[1]),
        "p_adjusted": {
            name: float(adjusted_p_values(tested.p_values, name, tested.n_tests)[-1])
            for name in ("bonferroni", "holm", "hochberg", "bh", "by", "bhy_harvey_liu")
        },
        "survivors_holm": int(np.count_nonzero(adjusted_p_values(tested.p_values, "holm", tested.n_tests) <= ALPHA)),
        "dsr": judged.plain(deflated.dsr),
        "expected_best": deflated.threshold * year**0.5 if counted.trials > 1 else 0.0,
        "haircut_sharpe": cut.sharpe,
        "resamples": RESAMPLES,
        "block": block,
        "seed": SEED,
    }
