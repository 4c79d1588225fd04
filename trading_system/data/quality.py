"""Which bars cannot be right, which look wrong, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.source import MOST_VOLUME, PRICE_RANGE, PRICES, WITHHELD
from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.config.models import QualityConfig
    from trading_system.data.source import Rows
    from trading_system.data.timeline import Timeline
    from trading_system.types import BoolArray, FloatArray, IntArray

SPLIT_RATIOS = (1 / 2, 2 / 3, 1 / 3, 1 / 4, 1 / 5, 1 / 7, 1 / 10, 1 / 20)
_NEAR = 0.04
_RATIOS = sorted(abs(float(np.log(ratio))) for ratio in SPLIT_RATIOS)
_SIGNED = [sign * ratio for ratio in _RATIOS for sign in (1.0, -1.0)]
_BEYOND = float(np.log(4.0))
_KEPT_CLOSES = 5
_AROUND = 10  # bars before and after a suspected split in which its record is looked for
_SHOWN = 20
NO_ACTION = {"split": 1.0, "dividend": 0.0, "funding": 0.0}
IMPOSSIBLE = (
    "nan_price",
    "nonfinite_price",
    "nonpositive_price",
    "extreme_number",
    "ohlc_violation",
    "negative_volume",
    "duplicate_timestamp",
)
_NEVER_KEPT = ("nan_price", "nonfinite_price", "extreme_number", "duplicate_timestamp")  # whatever the policy


@dataclass
class Findings:
    """What was found, counted by symbol and kind; of each such pair the first incidents are kept."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    absent: dict[str, int] = field(default_factory=dict)
    held: tuple[int, int] | None = None  # first and last day that is held out, since 1970
    hidden: dict[str, int] = field(default_factory=dict)  # by kind, how many lie there

    def hides(self, data: Ordered, i: int) -> bool:
        """Whether row i is of a held-out day, of which neither date nor figures are told."""
        return self.held is not None and self.held[0] <= int(data.time.session[data.bar[i]]) <= self.held[1]

    def drop(self, symbols: tuple[str, ...], code: IntArray, kind: str) -> None:
        """Remember that the rows of these symbols (numbers in `symbols`) were left out for `kind`."""
        number = np.bincount(code, minlength=len(symbols))
        for i in np.flatnonzero(number):
            of_kind = self.dropped.setdefault(kind, {})
            of_kind[symbols[i]] = of_kind.get(symbols[i], 0) + int(number[i])

    def add(self, symbol: str, kind: str, count: int, dates: list[str], details: list[str] | None = None) -> None:
        """Count `count` incidents of `kind`, and keep the first few by date."""
        if count == 0:
            return
        of_symbol = self.counts.setdefault(symbol, {})
        of_symbol[kind] = of_symbol.get(kind, 0) + int(count)
        for i, date in enumerate(dates[:_SHOWN]):
            self.incidents.append({"symbol": symbol, "kind": kind, "date": date, "detail": details[i] if details else ""})

    def totals(self) -> dict[str, int]:
        """Counts over all symbols, by kind."""
        out: dict[str, int] = {}
        for of_symbol in self.counts.values():
            for kind, count in of_symbol.items():
                out[kind] = out.get(kind, 0) + count
        return dict(sorted(out.items()))


@dataclass(frozen=True, eq=False)
class Ordered:
    """The kept rows of a source, sorted by symbol and bar.

    Attributes
    ----------
    source : int64, shape (n,)
        Row of the source.
    code, bar : int64, shape (n,)
        Symbol and row of the market.
    calendar_of : int64, shape (n_symbols,)
        Which calendar of `time` holds for each symbol.
    """

    rows: Rows
    source: IntArray
    code: IntArray
    bar: IntArray
    time: Timeline
    calendar_of: IntArray
    daily: bool

    @cached_property
    def _whole(self) -> bool:
        """Whether this is every row of the source in the source's own order."""
        size = self.source.size
        return size == len(self.rows) and bool(np.array_equal(self.source, np.arange(size)))

    @cached_property
    def _taken(self) -> dict[str, FloatArray]:
        return {}

    def values(self, name: str) -> FloatArray | None:
        """A column of the source in this order; None where the source lacks it."""
        column = self.rows.columns.get(name)
        return column if column is None or self._whole else self.price(name)

    def price(self, name: str) -> FloatArray:
        """A price column, which is always there."""
        if self._whole:
            return self.rows.columns[name]
        if name not in self._taken:
            self._taken[name] = self.rows.columns[name][self.source]
        return self._taken[name]

    def date(self, i: int) -> str:
        """The label of row i: its session (daily) or UTC close."""
        bar = int(self.bar[i])
        if self.daily:
            return str(np.datetime64(int(self.time.session[bar]), "D"))
        return str(np.datetime64(int(self.time.index[bar]), "ns").astype("datetime64[s]")) + "Z"

    def symbol(self, i: int) -> str:
        """The symbol of row i."""
        return self.rows.symbols[int(self.code[i])]

    def only(self, mask: BoolArray) -> Ordered:
        """Those rows."""
        if mask.all():
            return self
        return Ordered(self.rows, self.source[mask], self.code[mask], self.bar[mask], self.time, self.calendar_of, self.daily)


def ordered(rows: Rows, time: Timeline, calendar_of: IntArray, daily: bool) -> Ordered:
    """Sort by symbol, then bar, then place in the file; free when the file already is."""
    code, bar, source = rows.code[time.kept], time.row, time.kept
    n_bars = max(time.index.size, 1)
    key = code * n_bars + bar
    if key.size > 1 and bool(np.any(key[1:] < key[:-1])):
        order = _sorted(key, n_bars * len(rows.symbols))
        code, bar, source = code[order], bar[order], source[order]
    return Ordered(rows, source, code, bar, time, calendar_of, daily)


def _sorted(key: IntArray, n_keys: int) -> IntArray:
    """Stable order of `key`, by counting where the keys are dense and distinct."""
    if n_keys <= 4 * key.size:
        place = np.full(n_keys, -1, np.int64)
        place[key] = np.arange(key.size)
        order = place[place >= 0]
        if order.size == key.size:
            return order
    return np.argsort(key, kind="stable")


def clean(all_rows: Ordered, config: QualityConfig, found: Findings) -> Ordered:
    """Count what is wrong, refuse or drop what cannot be, and give back the rows that stay.

    Raises
    ------
    DataError
        Where the policy says `error`; names file, row and column of the first case.
    """
    repeated, conflict = _duplicates(all_rows)
    masks = impossible(all_rows)
    masks["duplicate_timestamp"] = repeated
    bad = np.zeros(repeated.size, np.bool_)
    for kind, mask in masks.items():
        _count(found, all_rows, kind, mask)
        bad |= mask
    if config.impossible == "error" and bad.any():
        _refuse(all_rows, masks, bad, found)
    softer(all_rows, config, found)
    _missing(all_rows, found)
    masks["duplicate_timestamp"] = _earlier(repeated) | (conflict & (config.impossible != "warn"))
    gone = np.zeros(repeated.size, np.bool_)
    for kind, mask in masks.items():
        if config.impossible != "warn" or kind in _NEVER_KEPT:
            found.drop(all_rows.rows.symbols, all_rows.code[mask & ~gone], kind)
            gone |= mask
    return all_rows.only(~gone)


def _duplicates(data: Ordered) -> tuple[BoolArray, BoolArray]:
    """Rows that repeat the key of the row before, and all rows of a key whose prices, volumes or actions differ."""
    same = np.zeros(data.code.size, np.bool_)
    same[1:] = (data.code[1:] == data.code[:-1]) & (data.bar[1:] == data.bar[:-1])
    conflict = np.zeros(same.size, np.bool_)
    if same.any():
        at = np.flatnonzero(same)
        differs = np.zeros(at.size, np.bool_)
        for name in (*PRICES, "volume", *NO_ACTION):
            values = data.values(name)
            if values is not None:
                before, here = (said(name, values[rows]) for rows in (at - 1, at))
                differs |= (here != before) & ~(np.isnan(here) & np.isnan(before))
        group = np.cumsum(~same)
        conflict = np.isin(group, group[at[differs]])
    return same, conflict


def said(name: str, values: FloatArray) -> FloatArray:
    """Values of a column; in one of actions an empty cell, or a split of 0, is none."""
    if name not in NO_ACTION:
        return values
    nothing = np.isnan(values) | ((values == 0.0) & (name == "split"))
    return np.where(nothing, NO_ACTION[name], values)


def _earlier(repeated: BoolArray) -> BoolArray:
    """Of rows with one key all but the last."""
    out = np.zeros(repeated.size, np.bool_)
    out[:-1] = repeated[1:]
    return out


def impossible(data: Ordered) -> dict[str, BoolArray]:
    """Masks of bars that cannot be, by kind; a row counts under the first kind that holds."""
    o, h, low, c = (data.price(name) for name in PRICES)
    nan = np.isnan(o) | np.isnan(h) | np.isnan(low) | np.isnan(c)
    infinite = (np.isinf(o) | np.isinf(h) | np.isinf(low) | np.isinf(c)) & ~nan
    bad = nan | infinite
    nonpositive = ((o <= 0) | (h <= 0) | (low <= 0) | (c <= 0)) & ~bad
    bad |= nonpositive
    extreme = _extreme(data) & ~bad
    bad |= extreme
    violation = ((low > o) | (low > c) | (high_below(h, o, c)) | (low > h)) & ~bad
    volume = data.values("volume")
    negative = np.zeros(o.size, np.bool_) if volume is None else (volume < 0) | np.isinf(volume)
    return {
        "nan_price": nan,
        "nonfinite_price": infinite,
        "nonpositive_price": nonpositive,
        "extreme_number": extreme,
        "ohlc_violation": violation,
        "negative_volume": negative,
    }


def _extreme(data: Ordered) -> BoolArray:
    """Prices and volumes that no market has and no float can be reckoned with."""
    out = np.zeros(data.code.size, np.bool_)
    limits = {name: PRICE_RANGE for name in PRICES} | {"volume": (0.0, MOST_VOLUME)}
    for name, (least, most) in limits.items():
        values = data.values(name)
        if values is not None and values.size and (np.fmin.reduce(values) < least or np.fmax.reduce(values) > most):
            out |= ((values < least) & (values > 0.0)) | ((values > most) & np.isfinite(values))
    return out


def high_below(high: FloatArray, open: FloatArray, close: FloatArray) -> BoolArray:
    """Whether the high lies below the open or the close."""
    return np.asarray((high < open) | (high < close))


def without_afterlife(data: Ordered, delisted_row: IntArray, found: Findings) -> Ordered:
    """The rows up to each symbol's delisting (-1: none); those after it are counted and left out."""
    last = delisted_row[data.code]
    after: BoolArray = np.asarray((last >= 0) & (data.bar > last))
    _count(found, data, "bar_after_delisting", after)
    found.drop(data.rows.symbols, data.code[after], "bar_after_delisting")
    return data.only(~after)


def softer(data: Ordered, config: QualityConfig, found: Findings) -> None:
    """Count what is odd and stays: a high more than `max_jump` above the open and the close or a low as far below them, no volume, absent volume, crossed quotes, adjusted closes below 0."""
    o, h, low, c = (data.price(name) for name in PRICES)
    most = 1.0 + config.max_jump
    at = np.flatnonzero((h > low * most) & (low > 0) & (h < np.inf))
    inner, outer = np.minimum(o[at], c[at]), np.maximum(o[at], c[at])
    wide = np.zeros(o.size, np.bool_)
    wide[at] = (h[at] > outer * most) | (low[at] < inner / most) | (outer > inner * most)
    _count(found, data, "wide_bar", wide)
    volume = data.values("volume")
    if volume is not None:
        _count(found, data, "zero_volume", volume == 0)
        if not np.isnan(volume).all():
            _count(found, data, "nan_volume", np.isnan(volume))
    bid, ask = data.values("bid_close"), data.values("ask_close")
    if bid is not None and ask is not None:
        _count(found, data, "crossed_quote_close", ask < bid)
    adjusted = data.values("adj_close")
    if adjusted is not None:
        _count(found, data, "nan_adj_close", np.isnan(adjusted) & _has(data.rows, "adj_close")[data.code])
        _count(found, data, "nonpositive_adj_close", adjusted <= 0)


def off_sessions(rows: Rows, time: Timeline, daily: bool, found: Findings) -> None:
    """Count the bars off their calendar, which were dropped, and those of them without a price, or with crossed quotes."""
    code, day = rows.code[time.off], time.off_day
    empty = {"nan_price": np.any([np.isnan(rows.columns[name][time.off]) for name in PRICES], axis=0)}
    for kind, name in (("nan_volume", "volume"), ("nan_adj_close", "adj_close")):
        if name in rows.columns:
            empty[kind] = np.isnan(rows.columns[name][time.off]) & _has(rows, name)[code]
    if "bid_close" in rows.columns and "ask_close" in rows.columns:
        empty["crossed_quote_close"] = rows.columns["ask_close"][time.off] < rows.columns["bid_close"][time.off]
    off = "row_on_non_session" if daily else "bar_outside_session"
    found.drop(rows.symbols, code, off)
    for kind, mask in {off: np.ones(code.size, np.bool_), **empty}.items():
        for symbol in np.unique(code[mask]):
            days = np.sort(day[mask & (code == symbol)])
            dates = [str(np.datetime64(int(one), "D")) for one in days[:_SHOWN]]
            found.add(rows.symbols[int(symbol)], kind, days.size, dates)


def _has(rows: Rows, name: str) -> BoolArray:
    """Whether each symbol has any number in a column: another file may have brought the column."""
    there = np.zeros(len(rows.symbols), np.bool_)
    there[rows.code[~np.isnan(rows.columns[name])]] = True
    return there


def _count(found: Findings, data: Ordered, kind: str, mask: BoolArray, details: Callable[[int], str] | None = None) -> None:
    at = np.flatnonzero(mask)
    if at.size == 0:
        return
    if found.held is not None:
        day = data.time.session[data.bar[at]]
        found.hidden[kind] = int(((day >= found.held[0]) & (day <= found.held[1])).sum())
    starts = np.flatnonzero(np.r_[True, np.diff(data.code[at]) != 0])
    ends = np.r_[starts[1:], at.size]
    for a, b in zip(starts, ends, strict=True):
        shown = [int(i) for i in at[a : min(b, a + _SHOWN)]]
        hides = [found.hides(data, i) for i in shown]
        texts = [("held out" if hide else details(i) if details else "") for i, hide in zip(shown, hides, strict=True)]
        dates = ["" if hide else data.date(i) for i, hide in zip(shown, hides, strict=True)]
        found.add(data.symbol(shown[0]), kind, int(b - a), dates, texts)


def _refuse(data: Ordered, masks: dict[str, BoolArray], bad: BoolArray, found: Findings) -> None:
    i = int(np.flatnonzero(bad)[np.argmin(data.source[bad])])
    kind = next(kind for kind in IMPOSSIBLE if masks[kind][i])
    column = _guilty(data, kind, i)
    total = int(bad.sum())
    shown = ", ".join(f"{name} {float(data.price(name)[i]):g}" for name in PRICES)
    what = (
        f"{data.symbol(i)}: {kind} {WITHHELD}"
        if found.hides(data, i)
        else f"{data.symbol(i)} {data.date(i)}: {kind} ({shown})"
    )
    raise DataError(
        f"{what}; {total:,} impossible bar{'' if total == 1 else 's'} in all",
        where=f"{data.rows.place(int(data.source[i]))}: column {column}",
        allowed="0 < low <= open, close <= high, volume >= 0, prices from 1e-15 to 1e15, one bar per stamp",
        remedy="mend the file, or set data.quality.impossible: drop",
    )


def _guilty(data: Ordered, kind: str, i: int) -> str:
    value = {name: float(data.price(name)[i]) for name in PRICES}
    if kind == "negative_volume":
        return "volume"
    if kind == "extreme_number":
        least, most = PRICE_RANGE
        return next((name for name, number in value.items() if not least <= number <= most), "volume")
    if kind == "duplicate_timestamp":
        return "date"
    if kind == "ohlc_violation":
        return "low" if value["low"] > min(value["open"], value["close"]) else "high"
    return next((name for name, number in value.items() if not np.isfinite(number) or number <= 0), "close")


def _missing(data: Ordered, found: Findings) -> None:
    """Sessions between a symbol's first and last row on which it has none."""
    time = data.time
    inside = time.expected[data.bar, data.calendar_of[data.code]] if time.expected.shape[1] > 1 or not data.daily else None
    code, session = data.code, time.session[data.bar]
    if inside is not None and not inside.all():
        code, session = code[inside], session[inside]
    if code.size == 0:
        return
    new = np.ones(code.size, np.bool_)
    new[1:] = (session[1:] != session[:-1]) | (code[1:] != code[:-1])
    starts = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
    ends = np.r_[starts[1:], code.size]
    there = np.add.reduceat(new, starts, dtype=np.int64)
    for a, b, n in zip(starts.tolist(), ends.tolist(), there.tolist(), strict=True):
        expected = time.calendars[int(data.calendar_of[code[a]])].between(int(session[a]), int(session[b - 1])).day
        if expected.size > n:
            absent = np.setdiff1d(expected, session[a:b])
            symbol = data.rows.symbols[int(code[a])]
            found.add(symbol, "missing_session", absent.size, [str(np.datetime64(int(day), "D")) for day in absent[:_SHOWN]])


def priced(data: Ordered) -> Ordered:
    """Rows with a believable close, of repeated keys the last: what moves are counted over."""
    close = data.price("close")
    repeated = np.zeros(close.size, np.bool_)
    repeated[1:] = (data.code[1:] == data.code[:-1]) & (data.bar[1:] == data.bar[:-1])
    return data.only((close >= PRICE_RANGE[0]) & (close <= PRICE_RANGE[1]) & ~_earlier(repeated))


def jumps(data: Ordered, config: QualityConfig, split_of: FloatArray, dividend_of: FloatArray, found: Findings) -> None:
    """Count close-to-close moves beyond `max_jump` and suspected splits, with recorded actions taken into account.

    Parameters
    ----------
    split_of : float64, shape (n,)
        Recorded new shares per old between the row before of the same symbol and this one.
    dividend_of : float64, shape (n,)
        Recorded cash between them, per share of this row.

    Raises
    ------
    DataError
        Where the policy says `error`.
    """
    if data.code.size < 2:
        return
    close, open_ = data.price("close"), data.price("open")
    before = np.empty(close.size)
    before[0], before[1:] = np.nan, close[:-1]
    before[1:][data.code[1:] != data.code[:-1]] = np.nan
    with np.errstate(over="ignore"):
        move = close * split_of / before - 1.0
        overnight = (open_ + dividend_of) * split_of / before
    mask: BoolArray = np.asarray(np.abs(move) > config.max_jump)
    _count(found, data, "jump", mask, lambda i: f"{move[i]:+.4f}")
    if config.jump == "error" and mask.any():
        i = int(np.argmax(mask))
        what = f"{data.symbol(i)} {data.date(i)} moves {move[i]:+.1%} against its last bar"
        if found.hides(data, i):
            what = f"{data.symbol(i)} moves too far against its last bar {WITHHELD}"
        raise DataError(
            f"{what}; {int(mask.sum()):,} such move{'' if mask.sum() == 1 else 's'} in all",
            where=f"{data.rows.place(int(data.source[i]))}: column close",
            allowed=f"at most {config.max_jump:.0%} (data.quality.max_jump)",
            remedy="mend the file, or set data.quality.jump: warn",
        )
    _splits(data, config, found, overnight, before, split_of)


def _splits(
    data: Ordered, config: QualityConfig, found: Findings, overnight: FloatArray, before: FloatArray, split_of: FloatArray
) -> None:
    least = _RATIOS[0] - 2 * _NEAR
    far = np.flatnonzero(
        ((overnight > np.exp(least)) | (overnight < np.exp(-least))) & (overnight > 0) & np.isfinite(overnight)
    )
    far = far[data.time.session[data.bar[far]] != data.time.session[data.bar[far - 1]]]
    suspects: dict[int, float] = {}
    for row, level in zip(far.tolist(), np.log(overnight[far]).tolist(), strict=True):
        ratio = _suspected(data, row, level, before, split_of)
        if ratio is not None:
            suspects[row] = ratio
    mask = np.zeros(data.code.size, np.bool_)
    mask[list(suspects)] = True

    def told(i: int) -> str:
        if split_of[i] != 1.0:
            return f"{_misrecorded(float(overnight[i]), float(split_of[i]))}{_elsewhere(data, i, overnight, split_of, found)}"
        return f"opens at {overnight[i]:.4f} of its last close, {_ratio(suspects[i])}; {_recorded(data, i, split_of, found)}"

    _count(found, data, "split_suspect", mask, told)
    if config.split_suspect == "error" and suspects:
        i, *others = suspects
        named = ", ".join(f"{data.symbol(k)} {'(held out)' if found.hides(data, k) else data.date(k)}" for k in others[:5])
        more = f"; {len(others)} more: {named}" if others else ""
        what = f"{data.symbol(i)} {data.date(i)} {told(i)}"
        if found.hides(data, i):
            what = f"{data.symbol(i)} opens as after a split {WITHHELD}"
        if split_of[i] == 1.0:
            guess = "a split that is not recorded?"
            mend = "record it in the file of data.actions (symbol, date, split, dividend)"
        else:
            guess = "a split that is recorded with a wrong ratio or date?"
            mend = "mend or remove that record, in the file of data.actions or in the column `split`"
        raise DataError(
            f"{what}; it stays there: {guess}{more}",
            where=f"{data.rows.place(int(data.source[i]))}: column open",
            remedy=f"{mend}, or set data.quality.split_suspect: warn if the move was real",
        )


def _suspected(data: Ordered, i: int, level: float, before: FloatArray, split_of: FloatArray) -> float | None:
    """The log-ratio of a split that row i looks like: near a usual one, or 0 where it is beyond all belief; None where it does not.

    Where a split is recorded, `level` is what it leaves of the move: none is left when it fits.

    The next five closes stay nearer to the new level than to the old one, and none of the four before the last was there
    (else this is the way back from a few wrong bars).
    """
    usual = min(_SIGNED, key=lambda ratio: abs(ratio - level))
    near = abs(np.expm1(level - usual)) <= _NEAR
    if not near and split_of[i] != 1.0:  # the prices moved as after another split than the recorded one, or as after none
        recorded = float(np.log(split_of[i]))
        usual = min((0.0, *_SIGNED), key=lambda ratio: abs(ratio + recorded - level)) + recorded
        near = abs(np.expm1(level - usual)) <= _NEAR
    if not near and abs(level) < _BEYOND:
        return None
    target = usual if near else level
    room = min(0.5 * abs(target), 0.25) if near else 0.5 * abs(target)
    end = min(i + _KEPT_CLOSES, data.code.size)
    mine = np.flatnonzero(data.code[i:end] == data.code[i]) + i
    held = np.log(data.price("close")[mine] * np.cumprod(split_of[mine]) / before[i]) - target
    if not np.all(np.abs(held) < room if near else held * np.sign(target) > -room):
        return None
    shares = 1.0
    back = (
        range(i - 2, max(i - 1 - _KEPT_CLOSES, -1), -1) if split_of[i] == 1.0 else ()
    )  # a recorded split that did not happen stays one
    for k in back:
        if data.code[k] != data.code[i]:
            break
        shares *= split_of[k + 1]
        if abs(np.log(data.price("close")[k] / (shares * before[i])) - target) < 0.5 * abs(target):
            return None
    return usual if near else 0.0


def _ratio(ratio: float) -> str:
    """log 1/7 -> "near 7 new for 1 old share": a price that falls to a seventh; 0 is no usual ratio."""
    if ratio == 0.0:
        return "too far to be believed"
    price = np.exp(ratio)
    new, old = next(((n, o) for n in range(1, 21) for o in range(1, 21) if abs(n / o * price - 1) < 1e-9), (1, 1))
    return f"near a split of {new} new for {old} old"


def _misrecorded(overnight: float, recorded: float) -> str:
    """What the prices did on the day of a recorded split that does not explain them."""
    moved = overnight / recorded
    usual = min((0.0, *_SIGNED), key=lambda ratio: abs(ratio - np.log(moved)))
    near = abs(moved / np.exp(usual) - 1.0) <= _NEAR
    like = "as without a split" if near and usual == 0.0 else _ratio(usual) if near else "near no usual split"
    shares = f"{recorded:g} new for 1 old" if recorded >= 1.0 else f"1 new for {1.0 / recorded:g} old"
    return f"opens at {moved:.4f} of its last close, {like}, but a split of {shares} is recorded there"


def _elsewhere(data: Ordered, i: int, overnight: FloatArray, split_of: FloatArray, found: Findings) -> str:
    """The nearest day on which the prices move as the split that is recorded at row i would move them."""
    near = np.flatnonzero((data.code == data.code[i]) & (split_of == 1.0))
    near = near[np.abs(near - i) <= _AROUND]
    near = near[np.abs(overnight[near] * split_of[i] - 1.0) <= _NEAR]
    if near.size == 0:
        return ""
    k = int(near[np.argmin(np.abs(near - i))])
    return "" if found.hides(data, k) else f"; the prices move like that on {data.date(k)}"


def _recorded(data: Ordered, i: int, split_of: FloatArray, found: Findings) -> str:
    near = np.flatnonzero((data.code == data.code[i]) & (split_of != 1.0))
    near = near[np.abs(near - i) <= _AROUND]
    if near.size == 0:
        return "no split is recorded near it"
    k = int(near[np.argmin(np.abs(near - i))])
    if found.hides(data, k):
        return "the nearest recorded split is on a held-out day"
    return f"the nearest recorded split is {split_of[k]:g} on {data.date(k)}"
