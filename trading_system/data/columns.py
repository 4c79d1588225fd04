"""Header names as vendors write them -> our column names."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading_system.config.names import COLUMNS
from trading_system.data.source import NOT_READ, PRICES, QUOTES, YAHOO
from trading_system.errors import DataError

_ALIASES = {
    "epoch": "unix unix_timestamp unixtime epoch ts_event open_time_ms opentime",
    "datetime": "datetime date_time timestamp ts gmt_time local_time open_time time_utc snapped_at dt time_open timeopen bar_time",
    "date": "date day session trade_date tradedate trading_date price_date business_date dtyyyymmdd",
    "time": "time hour tradetime",
    "symbol": "symbol ticker sym instrument asset pair code ticker_file secid tic act_symbol product name",
    "open": "open o open_price price_open first openp",
    "high": "high h high_price price_high max highp hi",
    "low": "low l low_price price_low min lowp lo",
    "close": "close c close_price price_close last close_last closing_price closep settle",
    "adj_close": "adj_close adjclose adjusted_close adj_closing_price closeadj close_adj",
    "volume": "volume v vol volume_base base_volume total_volume shares_traded volumefrom tickvol tick_volume",
    "dividend": "dividend dividends div_cash divcash dividend_amount ex_dividend cash_dividend cash_dividends cash_div cashdiv "
    "dividends_paid dividend_paid divs div div_amount div_amt divamt",
    "split": "split splits stock_splits stock_split split_ratio splitratio split_factor splitfactor split_coefficient "
    "splitcoefficient split_coeff",
    "funding": "funding funding_rate fundingrate",
    "prev_adj_ratio": "prev_adj_ratio",
}
_KNOWN = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
_RANK = {alias: rank for aliases in _ALIASES.values() for rank, alias in enumerate(aliases.split())}
_RESEMBLING = {
    "dividend": re.compile(r"dividend|(^|_)divs?(_|$)|(^|_)div(amt|amount|cash|paid)|cash_?div"),
    "split": re.compile(r"split"),
    "adj_close": re.compile(r"(^|_)adj(usted)?_?(close|price|last|px|c)?(_|$)"),
}
_NO_AMOUNT = re.compile(r"yield|date|flag|freq|type|currency|open|high|low|vol")
NUMBERS = (*PRICES, "volume", "dividend", "split", "funding", "adj_close", "prev_adj_ratio", *QUOTES)


_POINT = "write numbers with a decimal point and nothing between thousands"
_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*(?::|/|-?for-?|\bfor\b)\s*(\d+(?:\.\d+)?)", re.IGNORECASE)


def number_mend(text: str, name: str) -> str:
    """What would make a number of our column `name` of this cell; empty where nobody knows."""
    ratio = _RATIO.fullmatch(text)
    if ratio and name == "split" and float(ratio[1]) > 0.0 and float(ratio[2]) > 0.0:
        return f"a split is new shares per old, as one number: write {float(ratio[1]) / float(ratio[2]):g}"
    point = re.fullmatch(r"[+-]?(\d{1,3}(?:[. ]?\d{3})*|\d*),(\d+)", text)
    if point and not re.fullmatch(r"[1-9]\d{0,2},\d{3}", text):
        whole = re.sub(r"[. ]", "", point[1])
        return f"{_POINT}, here {text[0].strip('0123456789.,')}{whole or 0}.{point[2]}"
    if re.fullmatch(r"[+-]?[\d., ']*\d", text) and re.search(r"[, ']|\..*\.", text):
        return _POINT
    return ""


@dataclass(frozen=True)
class Layout:
    """Which column of a table plays which part.

    `numbers` maps our names to column numbers; `time` lists the column numbers that make up the stamp (one, or date and
    time of day) and `epoch` says that it counts from 1970; `symbol` is None where the table has one symbol only.
    """

    numbers: Mapping[str, int]
    time: tuple[int, ...]
    epoch: bool
    symbol: int | None
    notes: tuple[str, ...]

    @property
    def used(self) -> tuple[int, ...]:
        """Every column number that is read."""
        return (*self.time, *(() if self.symbol is None else (self.symbol,)), *self.numbers.values())


def plain(header: str) -> str:
    """A header in lower case, without numbering, brackets and blanks: ``5. Adjusted Close`` -> ``adjusted_close``."""
    name = header.replace("\ufeff", "").strip().strip("\"'<>").strip().lower()
    name = re.sub(r"^\d+[a-z]?\.\s*", "", name)
    return re.sub(r"[^0-9a-z]+", "_", name).strip("_")


def layout(headers: Sequence[str], where: str, columns: Mapping[str, str] | None = None) -> Layout:
    """Find the stamp, symbol, price, volume and action columns among `headers`.

    `columns` (our name -> the file's header) is heard before the aliases.

    Raises
    ------
    DataError
        When a needed column is missing, a header stands twice, or `columns` names one that is not there.
    """
    found = _asked_for(headers, where, columns or {})
    names = [plain(header) for header in headers]
    for name in dict.fromkeys(names):
        if name in _KNOWN and names.count(name) > 1 and _KNOWN[name] not in found:
            raise DataError(f"the column {name!r} stands twice", where=where, remedy="remove one, or choose with data.columns")
    taken = set(found.values())
    best: dict[str, int] = {}
    for i, name in enumerate(names):
        meaning = _quote_name(name) or _KNOWN.get(name)
        if meaning is None or i in taken or meaning in found:
            continue
        if meaning not in best or _RANK.get(name, 0) < _RANK.get(names[best[meaning]], 0):
            best[meaning] = i
    found = {**best, **found}
    _prefer_ticks(names, found)
    _named_volume(names, found)
    return _checked(headers, found, where)


def check_names(columns: Mapping[str, str]) -> None:
    """DataError when `columns` (ours: theirs) names a column of ours that does not exist; needs no file."""
    for ours in columns:
        if ours not in COLUMNS:
            close = difflib.get_close_matches(ours, COLUMNS, n=1)
            raise DataError(
                f"{ours!r} is none of our columns",
                where=f"data.columns.{ours}",
                allowed=", ".join(COLUMNS),
                remedy=f"did you mean {close[0]!r}?" if close else "write ours: theirs",
            )


def _asked_for(headers: Sequence[str], where: str, columns: Mapping[str, str]) -> dict[str, int]:
    check_names(columns)
    stripped = [header.replace("\ufeff", "").strip() for header in headers]
    found: dict[str, int] = {}
    for ours, theirs in columns.items():
        if theirs.strip() not in stripped:
            raise DataError(f"no column {theirs!r} for {ours}", where=where, allowed=", ".join(stripped[:40]))
        found[ours] = stripped.index(theirs.strip())
    return found


def _quote_name(name: str) -> str | None:
    for side in ("bid", "ask"):
        for price in PRICES:
            if name in (f"{side}_{price}", f"{side}{price}", f"{price}_{side}", f"{price}{side}", f"{side}_{price[0]}"):
                return f"{side}_{price}"
    return None


def _prefer_ticks(names: Sequence[str], found: dict[str, int]) -> None:
    """MetaTrader writes a VOL of zeros beside the TICKVOL that was counted."""
    if "volume" in found and names[found["volume"]] == "vol" and "tickvol" in names:
        found["volume"] = names.index("tickvol")


def _named_volume(names: Sequence[str], found: dict[str, int]) -> None:
    """``Volume BTC`` beside ``Volume USDT``: the first is in units, the second in quote currency."""
    if "volume" in found:
        return
    named = [i for i, name in enumerate(names) if name.startswith("volume_")]
    quote = ("volume_usd", "volume_usdt", "volume_eur", "volume_usdc", "volume_busd", "volume_quote")
    units = [i for i in named if names[i] not in quote]
    if units or named:
        found["volume"] = (units or named)[0]


def _checked(headers: Sequence[str], found: dict[str, int], where: str) -> Layout:
    seen = ", ".join(repr(header.strip()[:40]) for header in headers[:20])
    numbers = {name: found[name] for name in NUMBERS if name in found}
    quoted = all(name in numbers for name in QUOTES)
    missing = [name for name in PRICES if name not in numbers]
    if missing and not quoted:
        raise DataError(
            f"no column for {', '.join(missing)}",
            where=where,
            allowed="open, high, low, close, or bid_ and ask_ of each",
            remedy=f"the header has {seen}; say which is which with data.columns",
        )
    if not quoted:
        numbers = {name: i for name, i in numbers.items() if name not in QUOTES}
    if "epoch" in found:
        time: tuple[int, ...] = (found["epoch"],)
    elif "date" in found and "time" in found:
        time = (found["date"], found["time"])
    else:
        time = tuple(found[name] for name in ("datetime", "date", "time") if name in found)[:1]
    if not time:
        raise DataError(
            "no column for the date or time", where=where, remedy=f"the header has {seen}; name it with data.columns"
        )
    result = Layout(numbers, time, "epoch" in found, found.get("symbol"), ())
    unused = [headers[i].strip() for i in range(len(headers)) if i not in result.used and headers[i].strip()]
    notes = [f"columns not used: {', '.join(sorted(unused))}"] if unused else []
    notes += _perhaps_actions(unused, numbers)
    volume = numbers.get("volume")
    if volume is not None and plain(headers[volume]) in ("tickvol", "tick_volume"):
        notes.append("the volume is a count of ticks")
    if volume is not None and plain(headers[volume]).startswith("volume_us"):
        notes.append(f"the volume is {headers[volume].strip()}: it may be in quote currency")
    if any(header.strip() == "Adj Close" for header in headers):
        notes.append(YAHOO)
    if "prev_adj_ratio" in numbers:
        notes.append("prev_adj_ratio is not applied: `trading-system data import` turns it into splits and dividends")
    return Layout(result.numbers, result.time, result.epoch, result.symbol, tuple(notes))


def _perhaps_actions(unused: Sequence[str], numbers: Mapping[str, int]) -> list[str]:
    """A warning per kind of action that no column was found for and the name of an unused one speaks of."""
    notes = []
    for ours, pattern in _RESEMBLING.items():
        near = [header for header in unused if pattern.search(plain(header)) and not _NO_AMOUNT.search(plain(header))]
        if near and ours not in numbers:
            named = near[0] if re.fullmatch(r"[A-Za-z][\w .-]*", near[0]) else json.dumps(near[0], ensure_ascii=False)
            notes.append(
                f"{NOT_READ} {near[0][:40]!r}, which may hold what belongs in {ours!r}: if so, set data.columns: {{{ours}: {named}}}"
            )
    return notes
