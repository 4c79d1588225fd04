"""Which bars a run may read, and on which of them it trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import InsufficientDataError, UsageError
from trading_system.runs import holdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars

PERIODS = ("train", "validation", "holdout", "all")


@dataclass(frozen=True)
class Window:
    """Which bars a run reads, and on which of them it trades.

    Attributes
    ----------
    name : str
        ``train+validation``, ``train``, ``validation``, ``all``, ``holdout``.
    first, stop : int
        Trading and curves begin at row `first` of the market's bars; rows from `stop` on are not read by anybody.
    read_from, first_session, last_session : str
        Session labels of row 0, `first` and `stop` - 1.
    warmup : int
        Bars of history that the strategies asked for.
    """

    name: str
    first: int
    stop: int
    read_from: str
    first_session: str
    last_session: str
    warmup: int

    def document(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "name": self.name,
            "read_from": self.read_from,
            "first": self.first_session,
            "last": self.last_session,
            "bars": self.stop - self.first,
            "warmup": self.warmup,
        }


def period_name(config: RunConfig, period: str | None) -> str:
    """What `period` means for this run file; asking for the holdout is refused here."""
    if period is not None and period not in PERIODS:
        from trading_system.strategies.parameters import nearest

        near = nearest(period, PERIODS)
        remedy = f"did you mean {near!r}?" if near else ""
        raise UsageError(f"{period!r} is no period", allowed=", ".join(PERIODS), remedy=remedy)
    splits = config.splits
    if splits is None:
        if period not in (None, "all"):
            raise UsageError(f"--period {period} needs splits in the run file", remedy="add splits: {train: [...], ...}")
        return "all"
    if period is None:
        return "train" if splits.validation is None else "train+validation"
    if period in ("holdout", "all") and splits.holdout is not None:
        raise holdout.refusal(*splits.holdout, period)
    if period != "all" and getattr(splits, period) is None:
        raise UsageError(
            f"--period {period}: the run file's splits have no {period}", remedy="add it, or choose another period"
        )
    return period


def rows(bars: Bars, config: RunConfig, name: str) -> tuple[int, int]:
    """Half-open range of the rows of a period; InsufficientDataError when it has none."""
    splits = config.splits
    if splits is None or name == "all":
        start, stop, asked = 0, bars.n_bars, "the data"
    else:
        first, last = {
            "train": splits.train,
            "validation": splits.validation,
            "train+validation": (splits.train[0], (splits.validation or splits.train)[1]),
            "holdout": splits.holdout,
        }[name] or splits.train
        start, stop = bars.row_range(first, last)
        asked = f"{name}, {first} to {last},"
    if start >= stop:
        raise InsufficientDataError(
            f"{asked} has no bar; the data has {session(bars, 0)} to {session(bars, bars.n_bars - 1)}"
            if bars.n_bars
            else "the data has no bar at all",
            remedy="move the splits, or load more data",
        )
    return start, stop


def window(
    bars: Bars, config: RunConfig, name: str, start: int, stop: int, warmups: Sequence[int]
) -> tuple[Window, tuple[str, ...]]:
    """The window of rows `start`..`stop` - 1, and what to be careful about.

    Trading begins at the period's first bar, or after the warm-up where there is less history than that. In a market of several
    calendars the window ends with the last row on which equity is sampled: what follows could not be measured.

    Parameters
    ----------
    warmups : sequence of int
        Bars of history that each strategy of `config` asks for.

    Raises
    ------
    InsufficientDataError
        The period ends before the warm-up does.
    """
    warmup = max(warmups)
    stop = start + int(np.flatnonzero(bars.sampled[start:stop])[-1]) + 1 if bars.sampled[start:stop].any() else stop
    first = max(
        start, *(history_row(bars, strategy.asset_class, n) for strategy, n in zip(config.strategies, warmups, strict=True))
    )
    if first >= stop:
        raise InsufficientDataError(
            f"the strategies need {warmup} bars of history, and there are {stop} up to the end of the period",
            remedy="load more data (data.start), or shorten the strategies' windows",
        )
    warnings = []
    if first > start:
        warnings.append(
            f"trading and every figure begin on {session(bars, first)}, not {session(bars, start)}: the strategies need"
            f" {warmup} bars of history and the data begins on {session(bars, 0)}"
        )
    found = Window(name, first, stop, session(bars, 0), session(bars, first), session(bars, stop - 1), warmup)
    return found, tuple(warnings)


def history_row(bars: Bars, asset_class: str, warmup: int) -> int:
    """First row by which every calendar of that asset class has had `warmup` of its own rows; n_bars when there is none."""
    own = [n for n, kind in zip(bars.calendar_of.tolist(), bars.asset_class, strict=False) if kind == asset_class]
    row = 0
    for number in set(own or bars.calendar_of.tolist()):
        rows = np.flatnonzero(bars.expected[:, number]) if bars.expected.shape[1] > 1 else np.arange(bars.n_bars)
        row = max(row, int(rows[max(warmup - 1, 0)]) if warmup <= rows.size else bars.n_bars)
    return row


def session(bars: Bars, row: int) -> str:
    """Session label of a row, YYYY-MM-DD."""
    return str(bars.session[row].astype("M8[D]"))
