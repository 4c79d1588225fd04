"""Every evaluation of a strategy on data is a trial, counted for good; what it earned is kept beside the count."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from trading_system.errors import OutputError
from trading_system.files import real_folder, sweep, write_file
from trading_system.runs.journal import Anchor, Journal
from trading_system.runs.parquet_writer import parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from trading_system.types import FloatArray, IntArray

KEPT_PER_FAMILY = 2000
OVERLAP = 0.8  # share of the longer record that two trials have in common to be put beside each other
Columns: TypeAlias = "Callable[[int], FloatArray]"
"""Number of a configuration -> its returns, shape (n_periods,)."""


@dataclass(frozen=True)
class Trial:
    """One evaluation, or a whole grid of them that counts `configurations`.

    Attributes
    ----------
    strategies : tuple of str
        Type of each strategy.
    symbols : tuple of str
        What they may trade.
    config_hash, data_hash, code_hash : str
        sha256 of what was run.
    period : str
        ``train+validation``, ``train``, ``validation``, ``all``.
    read_from, first, last : str
        Sessions: the first that could be read, the first and last on which equity was measured.
    configurations : int
        Parameter sets evaluated.
    sharpe_mean, sharpe_variance : float or None
        Of their Sharpe ratios per period (not annualised); variance with ddof 1, None for one configuration.
    n_periods : int
        Returns of each.
    deciding_hash : str
        sha256 of the part of the configuration that decides the outcome, and of the kind of work; empty: `config_hash`.
    kind : str
        ``backtest``, ``search``, ``walk-forward``.
    sharpe_best : float or None
        The largest Sharpe ratio per period among several configurations.
    periods_per_year, risk_free : float or None
        Of the returns; the yearly rate that Sharpe ratios are above. None in rows of older versions.
    """

    strategies: tuple[str, ...]
    symbols: tuple[str, ...]
    config_hash: str
    data_hash: str
    code_hash: str
    period: str
    read_from: str
    first: str
    last: str
    configurations: int
    sharpe_mean: float | None
    sharpe_variance: float | None
    n_periods: int
    deciding_hash: str = ""
    kind: str = "backtest"
    sharpe_best: float | None = None
    periods_per_year: float | None = None
    risk_free: float | None = None

    @property
    def universe(self) -> str:
        """sha256 of the symbols."""
        return _universe(self.symbols)

    @property
    def family(self) -> str:
        """What trials are counted by: strategy types and universe."""
        return family_of(self.strategies, self.symbols)

    @property
    def key(self) -> str:
        """Equal for the same work done twice: what decides it, data, code and period."""
        whole = (self.deciding_hash or self.config_hash, self.data_hash, self.code_hash, self.period)
        return hashlib.sha256("\n".join(whole).encode()).hexdigest()


def family_of(strategies: Iterable[str], symbols: Iterable[str]) -> str:
    """What trials are counted by: the types of the strategies and the symbols that they may trade, in order of their names."""
    return hashlib.sha256("\n".join([*sorted(strategies), _universe(symbols)]).encode()).hexdigest()[:16]


def _universe(symbols: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(symbols).encode()).hexdigest()


def record(journal: Journal, trial: Trial, index: IntArray, returns: FloatArray | Columns) -> Anchor:
    """Append `trial` and keep its returns; the row is on the disk when this returns.

    Parameters
    ----------
    index : int64, shape (n_periods,)
        UTC nanoseconds of each sampled close.
    returns : float64, shape (n_periods,) or (n_periods, n_columns), or callable
        Simple returns, one column per configuration; kept as float32. Above `KEPT_PER_FAMILY` columns in a family a
        seeded reservoir decides which are kept, and `sampled` of the family says so. A callable gives one of the
        ``trial.configurations`` columns by its number, and is asked for those that are kept.

    Raises
    ------
    OutputError
        The journal or the returns cannot be written.
    """
    if callable(returns):
        column, n_columns = returns, trial.configurations
    else:
        panel = returns[:, None] if returns.ndim == 1 else returns
        column, n_columns = lambda number: panel[:, number], panel.shape[1]
    ready: dict[int, NDArray[np.float32]] = {}
    while True:
        for number in planned(journal, trial, n_columns):  # before the others have to wait
            if number not in ready:
                ready[number] = np.asarray(column(number), np.float32)
        anchor = _recorded(journal, trial, index, ready, n_columns)
        if anchor is not None:
            return anchor


def planned(journal: Journal, trial: Trial, n_columns: int) -> list[int]:
    """Columns of `trial` whose returns would be kept if it were recorded now; none of work that has been recorded before."""
    if _same(journal, trial):
        return []
    return sorted(_slots(trial.family, _seen(journal, trial.family), n_columns).values())


def _same(journal: Journal, trial: Trial) -> list[tuple[Any, ...]]:
    return journal.execute(
        "SELECT number, json_extract(body, '$.returns') FROM records WHERE kind = 'trial' AND json_extract(body, '$.key') = ?"
        " ORDER BY number LIMIT 1",
        trial.key,
    )


def _recorded(
    journal: Journal, trial: Trial, index: IntArray, ready: Mapping[int, NDArray[np.float32]], n_columns: int
) -> Anchor | None:
    """Append the row; None, and nothing written, where others have written since and columns that are not `ready` would be kept."""
    gone: list[int] = []
    with journal.transaction():
        if not set(planned(journal, trial, n_columns)) <= ready.keys():
            return None
        number = journal.anchor().count + 1
        body: dict[str, Any] = asdict(trial)
        del body["symbols"]
        body |= {"family": trial.family, "universe": trial.universe, "key": trial.key, "created": now()}
        journal.execute("INSERT OR IGNORE INTO symbols VALUES (?, ?)", trial.universe, json.dumps(trial.symbols))
        same = _same(journal, trial)
        if same:
            body |= {"repeats": same[0][0], "returns": None if same[0][1] is None else json.loads(same[0][1])}
        else:
            kept, gone = _sampled(journal, trial.family, number, n_columns)
            body["returns"] = _keep(journal, trial.family, number, index, ready, kept)
        anchor = journal.append("trial", body)
    for old in gone:
        with contextlib.suppress(OSError):
            _place(journal, trial.family, old).unlink()
    return anchor


def now() -> str:
    """UTC time to the second."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sampled(journal: Journal, family: str, trial: int, n_columns: int) -> tuple[list[int], list[int]]:
    """Columns of this trial that are kept, and older trials of which nothing is kept any more (reservoir sampling).

    References
    ----------
    .. [1] Vitter (1985), "Random Sampling with a Reservoir", ACM TOMS 11(1), 37-57, algorithm R.
    """
    seen = _seen(journal, family)
    slots = _slots(family, seen, n_columns)
    before = {row[0] for row in journal.execute("SELECT DISTINCT trial FROM kept WHERE family = ?", family)} if seen else set()
    journal.execute("INSERT OR REPLACE INTO families VALUES (?, ?)", family, seen + n_columns)
    for slot, column in slots.items():
        journal.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", family, slot, trial, column)
    after = {row[0] for row in journal.execute("SELECT DISTINCT trial FROM kept WHERE family = ?", family)}
    return sorted(slots.values()), sorted(before - after)


def _seen(journal: Journal, family: str) -> int:
    """Columns of the family that the reservoir has seen."""
    rows = journal.execute("SELECT seen FROM families WHERE family = ?", family)
    return int(rows[0][0]) if rows else 0


def _slots(family: str, seen: int, n_columns: int) -> dict[int, int]:
    """Slot of the reservoir -> column that takes it, after `seen` columns before these."""
    slots: dict[int, int] = {}
    for column in range(n_columns):
        place = seen + column
        if place >= KEPT_PER_FAMILY:
            draw = hashlib.sha256(f"{family}:{place}".encode()).digest()
            place = int.from_bytes(draw[:8], "big") % (place + 1)
        if place < KEPT_PER_FAMILY:
            slots[place] = column
    return slots


def _place(journal: Journal, family: str, trial: int) -> Path:
    return journal.folder / "returns" / family / f"{trial:08d}.parquet"


def _keep(
    journal: Journal,
    family: str,
    trial: int,
    index: IntArray,
    columns: Mapping[int, NDArray[np.float32]],
    kept: Sequence[int],
) -> dict[str, str] | None:
    if not kept:
        return None
    path = _place(journal, family, trial)
    real_folder(path.parent.parent)
    real_folder(path.parent)
    sweep(path.parent)
    table: dict[str, NDArray[Any]] = {
        "time": np.asarray(index, np.int64),
        **{f"r{i}": columns[i] for i in kept},
    }
    data = parquet(table, utc_nanoseconds=("time",))
    write_file(path, data)
    return {"path": path.relative_to(journal.folder).as_posix(), "sha256": hashlib.sha256(data).hexdigest()}


@dataclass(frozen=True)
class FamilyCount:
    """How often one kind of strategy was tried on one universe.

    Attributes
    ----------
    trials : int
        Configurations over all rows, the same work done twice counted once: the N of the deflated Sharpe ratio.
    rows : int
        Rows of the journal.
    sampled : bool
        Whether only some of the returns are kept.
    """

    trials: int
    rows: int
    sampled: bool


def count(journal: Journal, family: str, upto: int | None = None) -> FamilyCount:
    """Trials of `family` so far, or up to and with record `upto` of the journal."""
    rows = journal.execute(
        "SELECT json_extract(body, '$.key'), json_extract(body, '$.configurations') FROM records"
        " WHERE kind = 'trial' AND json_extract(body, '$.family') = ? AND number <= coalesce(?, number)",
        family,
        upto,
    )
    once: dict[str, int] = {}
    for key, configurations in rows:
        once[key] = max(once.get(key, 0), int(configurations))
    seen = journal.execute("SELECT seen FROM families WHERE family = ?", family)
    return FamilyCount(sum(once.values()), len(rows), bool(seen and seen[0][0] > KEPT_PER_FAMILY))


@dataclass(frozen=True)
class Standing:
    """Where a trial stands among those of its family.

    Attributes
    ----------
    compared : int
        Trials over the same sessions of which the Sharpe ratio, or the largest of a search, is known; this one included.
    sharpe, best_other : float or None
        Yearly Sharpe ratio of this trial, and the largest of the others over the same sessions.
    repeats : bool
        Whether the same work was counted before.
    others : int
        Trials of other families in the same journal.
    """

    compared: int
    sharpe: float | None
    best_other: float | None
    repeats: bool
    others: int


def standing(journal: Journal, number: int) -> Standing:
    """Where the trial of record `number` stands among those of its family up to then."""
    fields = ("family", "key", "configurations", "first", "last", "periods_per_year", "sharpe_mean", "sharpe_best")
    columns = ", ".join("json_extract(body, '$." + name + "')" for name in fields)
    found = journal.execute(f"SELECT {columns} FROM records WHERE kind = 'trial' AND number <= ? ORDER BY number", number)
    rows = [dict(zip(fields, row, strict=True)) for row in found]
    own = rows[-1]
    others = {row["key"]: int(row["configurations"]) for row in rows if row["family"] != own["family"]}
    same = [row for row in rows if all(row[name] == own[name] for name in ("family", "first", "last", "periods_per_year"))]
    beside = {row["key"]: row for row in same if row["key"] != own["key"]}.values()
    ratios = [row["sharpe_mean"] if row["configurations"] == 1 else row["sharpe_best"] for row in beside]
    known = [int(row["configurations"]) for row, ratio in zip(beside, ratios, strict=True) if _said(row, ratio)]
    scale = float(own["periods_per_year"] or 1.0) ** 0.5
    above = [float(ratio) * scale for ratio in ratios if ratio is not None]
    mine = own["sharpe_mean"] if own["configurations"] == 1 else own["sharpe_best"]
    return Standing(
        compared=sum(known) + int(own["configurations"]),
        sharpe=None if mine is None else float(mine) * scale,
        best_other=max(above, default=None),
        repeats=any(row["key"] == own["key"] for row in rows[:-1]),
        others=sum(others.values()),
    )


def _said(row: Mapping[str, Any], ratio: float | None) -> bool:
    """Whether a row says how good its best configuration was; a single one without a Sharpe ratio never varied."""
    return ratio is not None or row["configurations"] == 1


def rows_of(journal: Journal, family: str, upto: int | None = None) -> list[dict[str, Any]]:
    """Rows of `family` up to and with record `upto`, oldest first, the same work done twice once: as it was first written."""
    once: dict[str, dict[str, Any]] = {}
    for row in journal.records("trial"):
        if row["family"] == family and (upto is None or row["number"] <= upto):
            once.setdefault(row["key"], row)
    return list(once.values())


def pooled_sharpe(rows: Iterable[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Mean and variance (ddof 1) of the per-period Sharpe ratios of every configuration of `rows`, from each row's own.

    Rows without a Sharpe ratio, which never traded, are left out. None where there is no configuration, or one.
    """
    known = [row for row in rows if row["sharpe_mean"] is not None]
    number = np.array([row["configurations"] for row in known], np.float64)
    mean = np.array([row["sharpe_mean"] for row in known], np.float64)
    inside = np.array([row["sharpe_variance"] or 0.0 for row in known], np.float64)
    total = float(number.sum())
    if total == 0.0:
        return None, None
    centre = float(number @ mean) / total
    if total == 1.0:
        return centre, None
    squares = float((number - 1.0) @ inside + number @ (mean - centre) ** 2)
    return centre, squares / (total - 1.0)


class Spread(NamedTuple):
    """Mean, variance (ddof 1) and largest of the per-period Sharpe ratios of several configurations; None where there is none."""

    mean: float | None
    variance: float | None
    best: float | None


def sharpe_spread(ratios: FloatArray) -> Spread:
    """What a row says of several Sharpe ratios per period, shape (n,); NaN, of what never traded, is left out."""
    known = ratios[np.isfinite(ratios)]
    if not known.size:
        return Spread(None, None, None)
    return Spread(float(known.mean()), float(known.var(ddof=1)) if known.size > 1 else None, float(known.max()))


def returns_of(
    journal: Journal,
    family: str,
    index: IntArray | None = None,
    *,
    without: Collection[str] = (),
    upto: int | None = None,
    rest: float | None = None,
) -> tuple[IntArray, FloatArray, IntArray]:
    """Kept returns of a family: stamps (n_periods,), returns (n_periods, n_kept), row of each column (n_kept,).

    Trials over other sessions than `index`, or than the last one's, are left out: their returns are not synchronous.

    Parameters
    ----------
    without : collection of str
        Keys of work that is left out.
    upto : int, optional
        Records after this one are left out too.
    rest : float, optional
        With it trials over nearly the same sessions are not left out: where both have at least `OVERLAP` of the longer record in common
        (another warm-up, data that has grown), theirs is cut to `index`, and what it lacks is `rest`: the return of cash, as of a
        strategy that does not trade yet.

    Raises
    ------
    OutputError
        A file of returns is missing or is not what was written.
    """
    wanted = journal.execute("SELECT trial, place FROM kept WHERE family = ? ORDER BY trial, place", family)
    rows = {row["number"]: row for row in journal.records("trial") if row["family"] == family}
    out: list[FloatArray] = []
    numbers: list[int] = []
    tables: dict[int, Any] = {}
    for trial, place in reversed(wanted):
        row = rows[trial]
        if upto is not None and trial > upto:
            continue
        if row["key"] in without or (index is not None and rest is None and row["n_periods"] not in (0, index.size)):
            continue
        if trial not in tables:
            tables[trial] = _table(journal, row["returns"])
        stamps, table = tables[trial]
        index = stamps if index is None else index
        places = common_rows(index, stamps, 1.0 if rest is None else OVERLAP)
        if places is None:
            continue
        column = np.full(index.size, 0.0 if rest is None else rest)
        column[places[0]] = _column(table, f"r{place}", np.float32)[places[1]]
        out.append(column)
        numbers.append(trial)
    if index is None:
        return np.zeros(0, np.int64), np.zeros((0, 0)), np.zeros(0, np.int64)
    kept = np.column_stack(out[::-1]) if out else np.zeros((index.size, 0))
    return index, kept, np.array(numbers[::-1], np.int64)


def common_rows(index: IntArray, stamps: IntArray, overlap: float) -> tuple[slice, slice] | None:
    """Rows of both that are the same closes; None where they are fewer than the share `overlap` of the longer, or differ between."""
    if not (index.size and stamps.size):
        return (slice(0, 0), slice(0, 0)) if index.size == stamps.size else None
    first, last = max(index[0], stamps[0]), min(index[-1], stamps[-1])
    ours, theirs = (slice(*np.searchsorted(one, (first, last + 1)).tolist()) for one in (index, stamps))
    n = ours.stop - ours.start
    if n < overlap * max(index.size, stamps.size) or not np.array_equal(index[ours], stamps[theirs]):
        return None
    return ours, theirs


def closes_of(journal: Journal, family: str, number: int) -> IntArray | None:
    """Closes over which the trial of record `number` was measured, int64 UTC nanoseconds; None where its returns are not kept.

    Raises
    ------
    OutputError
        The file of its returns is missing or is not what was written.
    """
    for row in journal.records("trial"):
        if row["family"] == family and row["number"] == number and row["returns"] is not None:
            if not journal.execute("SELECT 1 FROM kept WHERE family = ? AND trial = ? LIMIT 1", family, number):
                return None
            return _table(journal, row["returns"])[0]
    return None


def _table(journal: Journal, reference: dict[str, str]) -> tuple[IntArray, Any]:
    """Stamps of one file of returns, and the file."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(_checked(journal, reference)).read()
    return _column(table, "time", np.int64), table


def _column(table: Any, name: str, kind: Any) -> NDArray[Any]:
    """One column of a Parquet table without copying it; the file has one row group and no nulls."""
    if not table.num_rows:
        return np.zeros(0, kind)
    return np.frombuffer(table.column(name).chunk(0).buffers()[1], kind)


def _checked(journal: Journal, reference: dict[str, str]) -> Any:
    import io

    path = journal.folder / reference["path"]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutputError(f"the returns of a trial cannot be read: {error.strerror}", where=str(path)) from error
    if hashlib.sha256(data).hexdigest() != reference["sha256"]:
        raise OutputError(
            "the returns of a trial are not what was written", where=str(path), remedy="restore it from a backup"
        )
    return io.BytesIO(data)
