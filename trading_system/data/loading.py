"""The door to the room: from a run file's `data` to the market, and from the market to what one strategy may trade."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.config.models import DataConfig, RunConfig, StrategyConfig, UniverseFile
from trading_system.data import cache as caching
from trading_system.data.assembly import Listing, assemble
from trading_system.data.bars import Bars
from trading_system.data.columns import check_names
from trading_system.data.listings import Membership, read_actions, read_delistings, read_universe
from trading_system.data.notes import alarming
from trading_system.data.quality import Findings
from trading_system.data.source import WITHHELD, DataSource, Rows, sources
from trading_system.data.stamps import DAY, parse_stamps
from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.types import IntArray


@dataclass(frozen=True, eq=False)
class Market:
    """Everything that a run knows about the market.

    Attributes
    ----------
    bars : Bars
        All symbols of all universes and the benchmark, over the whole range of the data.
    quality : dict
        JSON-able: what was found wrong, by symbol and kind; becomes data_quality.json.
    notes : tuple of str
        What the reader should know about the data, one sentence each.
    hashes : dict of str
        sha256 per symbol over its own bars and recorded actions.
    """

    bars: Bars
    quality: dict[str, Any]
    notes: tuple[str, ...]
    hashes: dict[str, str]


def load_market(config: RunConfig, root: Path, cache: Path | None) -> Market:
    """Read, check and align the bars of a run.

    Parameters
    ----------
    root : Path
        Folder of the run file; relative paths start there.
    cache : Path or None
        Folder for the columnar cache and the calendars; None keeps nothing. A cache that cannot be read or written
        costs time and a note, never the run.

    Raises
    ------
    DataError
        When files are missing or wrong, names file, row and column; `InsufficientDataError` when nothing is left.
    CapacityError
        When the market would not fit into memory.
    """
    source = source_of(config.data, root)
    if cache is None:
        return _market(_read(config, root, source, None))
    inputs = (*source.files(), *_listing_files(config, root))
    name = caching.key(caching.content_hash(inputs), _options(config))
    stored, note = caching.load(cache, name)
    if stored is not None:
        return _market(stored)
    fresh = _read(config, root, source, cache)
    if name == caching.key(caching.content_hash(inputs), _options(config)):  # else a file changed while it was read
        failed = caching.save(cache, name, fresh)
        note = "; ".join(text for text in (note, failed) if text)
    return _market(fresh, note)


def _market(stored: caching.Stored, note: str = "") -> Market:
    bars, report, notes, hashes = stored
    return Market(caching.frozen(bars), report, (*notes, note) if note else notes, hashes)


def _read(config: RunConfig, root: Path, source: DataSource, cache: Path | None) -> caching.Stored:
    """The market from its files."""
    held = _held(config)
    with _withholding(held):
        rows, notes = _chosen(source.load(), _wanted(config, root), config)
    if config.data.actions or config.data.prices != "raw":  # columns of actions would not be read
        rows = replace(rows, notes=tuple(note for note in rows.notes if not alarming(note)))
    with _withholding(held):
        listing = _listing(rows, config, root, notes)
    bars, found, hashes = assemble(rows, config.data, listing, config.data.benchmark, cache, held)
    notes += found.notes
    report = quality_report(rows, bars, found, config.data, notes)
    bars = _of_members(bars, config, root)
    return bars, report, tuple(dict.fromkeys((*rows.notes, *notes))), hashes


@contextmanager
def _withholding(held: tuple[int, int] | None) -> Iterator[None]:
    """An error about a cell of a held-out day, or of a day that cannot be told, says no figure."""
    try:
        yield
    except DataError as error:
        if held is None or not error.stamp or not _near(error.stamp, held):
            raise
        text = f"a cell {WITHHELD} cannot be right"
        raise DataError(text, where=error.where, allowed=error.allowed, remedy="mend that cell") from None


def _near(stamp: str, held: tuple[int, int]) -> bool:
    """Whether a stamp may be of a held-out day, whatever its time zone; one that cannot be read may."""
    try:
        value, kind, _ = parse_stamps([stamp], lambda row: "")
    except DataError:
        return True
    day = int(value[0]) if kind == "date" else int(value[0] // DAY)
    return held[0] - 1 <= day <= held[1] + 1


def _of_members(bars: Bars, config: RunConfig, root: Path) -> Bars:
    """The same bars, tradable only while some strategy's universe has the symbol: what `equal_weight` is the mean of."""
    if not any(isinstance(strategy.universe, UniverseFile) for strategy in config.strategies):
        return bars
    somewhere = np.zeros(bars.tradable.shape, np.bool_)
    for strategy in config.strategies:
        member = _membership(strategy, root)
        if member is not None:
            somewhere |= member.mask(bars.session, bars.symbols)
        elif strategy.universe == "all":
            somewhere[:, [i for i in range(bars.n_symbols) if not _benchmark_only(bars, i, strategy)]] = True
        else:
            somewhere[:, [i for i, symbol in enumerate(bars.symbols) if symbol in strategy.universe]] = True
    return replace(bars, tradable=bars.tradable & somewhere)


def _listing_files(config: RunConfig, root: Path) -> list[Path]:
    """Small files whose content decides the market too."""
    files = [file for file in (config.data.actions, config.data.delistings) if file]
    files += [strategy.universe.file for strategy in config.strategies if isinstance(strategy.universe, UniverseFile)]
    return [_beside(root, file, Path(config.data.path)) for file in dict.fromkeys(files)]


def _options(config: RunConfig) -> list[Any]:
    """What a run file says that changes the market."""
    data = config.data.model_dump(mode="json")
    return [data, _held(config), [[s.asset_class, s.model_dump(mode="json", include={"universe"})] for s in config.strategies]]


def _held(config: RunConfig) -> tuple[int, int] | None:
    """First and last held-out day, since 1970."""
    if config.splits is None or config.splits.holdout is None:
        return None
    first, last = (day.toordinal() - 719_163 for day in config.splits.holdout)
    return first, last


def source_of(config: DataConfig, root: Path) -> DataSource:
    """The data source that `config` names, with its path resolved against `root`."""
    kind = sources.get(config.source)
    check_names(config.columns)
    path = Path(config.path) if config.source == "sample" else root / config.path
    return kind(path=path, columns=dict(config.columns))


def strategy_bars(market: Market, strategy: StrategyConfig, root: Path) -> tuple[Bars, IntArray]:
    """The bars of a strategy's universe and their columns in ``market.bars``.

    With a universe file `tradable` is also False on sessions when a symbol is not a member; a symbol of the file without bars is
    left out (the market's notes count them).

    Raises
    ------
    DataError
        When a named symbol has no bars, or none of the universe has.
    """
    bars = market.bars
    member = _membership(strategy, root)
    if member is not None:
        columns = np.array([i for i, symbol in enumerate(bars.symbols) if symbol in member.symbols], np.int64)
    elif strategy.universe == "all":
        columns = np.array([i for i in range(bars.n_symbols) if not _benchmark_only(bars, i, strategy)], np.int64)
    else:
        assert isinstance(strategy.universe, tuple)
        columns = np.array(sorted({bars.column(symbol) for symbol in strategy.universe}), np.int64)
    if columns.size == 0:
        raise DataError(
            f"no symbol of the universe of {strategy.name} has bars", where="universe", remedy="name symbols of the data"
        )
    chosen = bars.select(columns)
    if member is not None:
        chosen = replace(chosen, tradable=chosen.tradable & member.mask(chosen.session, chosen.symbols))
    return chosen, columns


def _benchmark_only(bars: Bars, column: int, strategy: StrategyConfig) -> bool:
    """In a mixed market `all` means all symbols of the strategy's asset class."""
    return len(set(bars.asset_class)) > 1 and bars.asset_class[column] != strategy.asset_class


def _membership(strategy: StrategyConfig, root: Path) -> Membership | None:
    if isinstance(strategy.universe, UniverseFile):
        return read_universe(_beside(root, strategy.universe.file))
    return None


def _beside(root: Path, file: str, data: Path | None = None) -> Path:
    """A small file under the run file's folder or, where `data` is given, the data's own; DataError when it lies elsewhere."""
    path = (root / file).resolve()
    homes = [root.resolve()] if data is None else [root.resolve(), (root / data).resolve().parent, (root / data).resolve()]
    if not any(path.is_relative_to(home) for home in homes):
        raise DataError(
            "the file lies outside the run file's folder", where=file, allowed="a path below the run file or the data"
        )
    return path


def _wanted(config: RunConfig, root: Path) -> dict[str, bool] | None:
    """Symbols of all universes and the benchmark -> whether it is an error when one has no bars; None: all of the source."""
    wanted: dict[str, bool] = {}
    for strategy in config.strategies:
        if strategy.universe == "all":
            return None
        member = _membership(strategy, root)
        for symbol in member.symbols if member is not None else strategy.universe:
            wanted[str(symbol)] = wanted.get(str(symbol), False) or member is None
    if config.data.benchmark != "equal_weight":
        wanted[config.data.benchmark] = True
    return wanted


def _chosen(rows: Rows, wanted: dict[str, bool] | None, config: RunConfig) -> tuple[Rows, list[str]]:
    """The rows of the wanted symbols, symbols renumbered in text order."""
    notes: list[str] = []
    benchmark = config.data.benchmark
    needed = [symbol for symbol, must in (wanted or {}).items() if must]
    if wanted is None:
        needed = [benchmark] if benchmark != "equal_weight" else []
        needed += [
            symbol for strategy in config.strategies if isinstance(strategy.universe, tuple) for symbol in strategy.universe
        ]
    missing = sorted({symbol for symbol in needed if symbol not in rows.symbols})
    if missing:
        raise _no_bars(missing, rows, config)
    keep = [symbol for symbol in rows.symbols if wanted is None or symbol in wanted]
    if wanted is not None and len(keep) < len(wanted):
        notes.append(f"{len(wanted) - len(keep)} of {len(wanted)} symbols of the universe files have no bars in the data")
    if not keep:
        raise DataError(
            "none of the symbols of the universes has bars", where=rows.place(0), remedy="name symbols of the data"
        )
    return renumbered(rows, keep), notes


def _no_bars(missing: list[str], rows: Rows, config: RunConfig) -> DataError:
    close = difflib.get_close_matches(missing[0], rows.symbols, n=1)
    shown = ", ".join(repr(symbol) for symbol in missing[:10])
    known = ", ".join(rows.symbols[:15]) + (", ..." if len(rows.symbols) > 15 else "")
    return DataError(
        f"no bars for {shown}" + (f" and {len(missing) - 10} more" if len(missing) > 10 else ""),
        where=config.data.path,
        allowed=known,
        remedy=f"did you mean {close[0]!r}?" if close else "",
    )


def renumbered(rows: Rows, keep: Sequence[str]) -> Rows:
    """The rows of the symbols `keep`, numbered in text order."""
    symbols = tuple(sorted(keep))
    number = {symbol: i for i, symbol in enumerate(symbols)}
    place = np.array([number.get(symbol, -1) for symbol in rows.symbols], np.int64)
    if np.array_equal(place, np.arange(len(symbols))):
        return rows
    code = place[rows.code]
    if (place >= 0).all():
        return replace(rows, symbols=symbols, code=code)
    chosen = np.flatnonzero(code >= 0)
    return replace(rows.take(chosen), symbols=symbols, code=code[chosen])


def _listing(rows: Rows, config: RunConfig, root: Path, notes: list[str]) -> Listing:
    data = config.data
    classes = tuple(_asset_class(symbol, config, root) for symbol in rows.symbols)
    names, calendar_of = _calendars(rows.symbols, classes, data)
    events = read_actions(_beside(root, data.actions, Path(data.path)) if data.actions else None, rows.symbols, notes)
    delisted = read_delistings(_beside(root, data.delistings, Path(data.path)), rows.symbols, notes) if data.delistings else {}
    return Listing(classes, names, calendar_of, events, delisted)


def _asset_class(symbol: str, config: RunConfig, root: Path) -> str:
    named = config.data.asset_class.get(symbol)
    if named is not None:
        return named
    for strategy in config.strategies:
        if isinstance(strategy.universe, tuple) and symbol in strategy.universe:
            return strategy.asset_class
    for strategy in config.strategies:
        member = _membership(strategy, root)
        if strategy.universe == "all" or (member is not None and symbol in member.symbols):
            return strategy.asset_class
    return config.strategies[0].asset_class


def _calendars(symbols: Sequence[str], classes: Sequence[str], data: DataConfig) -> tuple[tuple[str, ...], IntArray]:
    if isinstance(data.calendar, str):
        return (data.calendar,), np.zeros(len(symbols), np.int64)
    mapping: dict[str, str] = {str(name): calendar for name, calendar in data.calendar.items()}
    for symbol, kind in zip(symbols, classes, strict=True):
        if kind not in mapping:
            raise DataError(
                f"no calendar for {kind}, the asset class of {symbol}",
                where="data.calendar",
                remedy=f"add {kind}: to the mapping",
            )
    names = tuple(dict.fromkeys(mapping[kind] for kind in classes))
    return names, np.array([names.index(mapping[kind]) for kind in classes], np.int64)


def quality_report(rows: Rows, bars: Bars, found: Findings, data: DataConfig, notes: Sequence[str]) -> dict[str, Any]:
    """What becomes data_quality.json: counts by kind, by symbol and kind, the first incidents of each, the policy."""
    n_bars = bars.has_bar.sum(axis=0)
    n_rows = np.bincount(rows.code, minlength=len(rows.symbols))
    first, last = _ends(bars)
    symbols = {
        symbol: {
            "rows": int(n_rows[i]),
            "bars": int(n_bars[i]),
            "first": first[i],
            "last": last[i],
            "missing_bars": found.absent.get(symbol, 0),
            "found": found.counts.get(symbol, {}),
        }
        for i, symbol in enumerate(bars.symbols)
    }
    return {
        "source": data.source,
        "synthetic": rows.synthetic,
        "prices": data.prices,
        "adjust": data.adjust,
        "timeframe": data.timeframe,
        "calendars": list(bars.calendars),
        "periods_per_year": bars.periods_per_year,
        "rows": len(rows),
        "bars": int(n_bars.sum()),
        "sessions": int(np.unique(bars.session).size),
        "actions": {
            "splits": int((bars.actions.split != 1.0).sum()),
            "dividends": int((bars.actions.dividend != 0.0).sum()),
            "funding": int((bars.actions.funding != 0.0).sum()),
        },
        "delistings": int((bars.delisted_row >= 0).sum()),
        "policy": data.quality.model_dump(),
        "counts": found.totals(),
        "symbols": symbols,
        "incidents": found.incidents,
        "notes": list(dict.fromkeys((*rows.notes, *notes))),
    }


def _ends(bars: Bars) -> tuple[list[str | None], list[str | None]]:
    there = bars.has_bar
    labels = bars.dates()
    first, last = there.argmax(axis=0), bars.n_bars - 1 - there[::-1].argmax(axis=0)
    has = np.flatnonzero(there.any(axis=0))
    starts: list[str | None] = [None] * bars.n_symbols
    ends: list[str | None] = [None] * bars.n_symbols
    for i in has:
        starts[i], ends[i] = str(labels[first[i]]), str(labels[last[i]])
    return starts, ends
