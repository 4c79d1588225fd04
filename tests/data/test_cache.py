"""The cache: never stale, never in the way; how much faster it is stands in `benchmarks/second_load.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.damage import good_table, text_of
from tests.data.markets import WARN, load
from trading_system.data import blobs
from trading_system.data import cache as module
from trading_system.data.loading import Market


def bars_file(tmp_path: Path, seed: int = 0) -> Path:
    import random

    (tmp_path / "bars.csv").write_text(text_of(good_table(random.Random(seed))))
    return tmp_path / "bars.csv"


def entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "bars").glob("*.sqlite"))


def cached(tmp_path: Path, **data: Any) -> Market:
    return load(tmp_path / "bars.csv", cache=tmp_path / "cache", **{"calendar": "24/5", **data})


def assert_same(a: Market, b: Market) -> None:
    assert a.hashes == b.hashes and a.quality == b.quality and a.notes == b.notes
    for name in (*module._ARRAYS, "factor", "split_factor"):
        x, y = getattr(a.bars, name), getattr(b.bars, name)
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_array_equal(x, y)
            assert x.dtype == y.dtype and not y.flags.writeable
    for name in module._PLAIN:
        assert getattr(a.bars, name) == getattr(b.bars, name)
    for item in ("row", "col", "split", "dividend", "funding"):
        np.testing.assert_array_equal(getattr(a.bars.actions, item), getattr(b.bars.actions, item))


def test_the_second_load_is_the_first_to_the_bit(tmp_path: Path) -> None:
    file = bars_file(tmp_path)
    fresh = load(file, calendar="24/5")
    assert_same(fresh, cached(tmp_path))
    assert_same(fresh, cached(tmp_path))
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize(
    "file", ["equities_daily/us_raw_actions_1999_2020.parquet", "intraday/fx_usdjpy_minute_bidask_2013_02.parquet"]
)
def test_a_real_file_is_the_same_from_the_cache(file: str, tmp_path: Path, shared_data: Path) -> None:
    settings: dict[str, Any] = {
        "quality": WARN,
        **({"calendar": "24/5", "timeframe": "1m", "stamp": "open"} if "fx" in file else {}),
    }
    fresh = load(shared_data / file, **settings)
    for _ in range(2):
        stored = load(shared_data / file, cache=tmp_path, **settings)
        assert_same(fresh, stored)
        if fresh.bars.quotes is not None and stored.bars.quotes is not None:
            np.testing.assert_array_equal(fresh.bars.quotes.ask_low, stored.bars.quotes.ask_low)


def test_a_changed_byte_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    file = bars_file(tmp_path)
    before = cached(tmp_path)
    stat, text = file.stat(), file.read_text()
    line = text.splitlines()[5]
    changed = line[:-1] + ("1" if line[-1] != "1" else "2")
    file.write_text(text.replace(line, changed))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_size == stat.st_size and file.stat().st_mtime_ns == stat.st_mtime_ns
    after = cached(tmp_path)
    assert after.hashes != before.hashes
    assert_same(after, load(file, calendar="24/5"))


def test_a_touched_or_moved_file_is_still_the_same(tmp_path: Path) -> None:
    file = bars_file(tmp_path)
    cached(tmp_path)
    os.utime(file, ns=(0, 0))
    cached(tmp_path)
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize(
    "option",
    [
        {"adjust": "none"},
        {"universe": ("NA",)},
        {"benchmark": "NA"},
        {"calendar": "XTSE"},
        {"quality": WARN},
        {"prices": "adjusted"},
        {"asset_class": {"NA": "fx"}},
    ],
)
def test_every_option_has_its_own_entry(option: dict[str, Any], tmp_path: Path) -> None:
    bars_file(tmp_path)
    cached(tmp_path)
    assert_same(cached(tmp_path, **option), load(tmp_path / "bars.csv", **{"calendar": "24/5", **option}))
    assert len(entries(tmp_path)) == 2


def test_the_files_beside_the_bars_count(tmp_path: Path) -> None:
    bars_file(tmp_path)
    for price in ("5", "6"):
        (tmp_path / "gone.csv").write_text(f"symbol,date,price\nNA,2019-02-04,{price}\n")
        assert cached(tmp_path, delistings="gone.csv").bars.delisted_price[2] == float(price)


def test_a_change_of_this_rooms_code_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    one = module.key("x", [])
    monkeypatch.setattr(module, "_code", lambda: "other")
    assert module.key("x", []) != one


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_is_found_and_the_market_built_anew(seed: int, tmp_path: Path) -> None:
    bars_file(tmp_path)
    good = cached(tmp_path)
    (entry,) = entries(tmp_path)
    raw = bytearray(entry.read_bytes())
    rng = np.random.default_rng(seed)
    if seed % 4 == 0:
        raw = raw[: int(rng.integers(0, len(raw)))]
    elif seed % 4 == 1:
        raw = bytearray(rng.bytes(2000))
    else:
        raw[int(rng.integers(0, len(raw)))] ^= 1 << int(rng.integers(0, 8))
    entry.write_bytes(raw)
    again = cached(tmp_path)
    assert again.hashes == good.hashes
    np.testing.assert_array_equal(again.bars.close, good.bars.close)
    if again.notes != good.notes:  # a flipped bit in an unused byte of a page changes nothing and may pass unseen
        assert "damaged" in again.notes[-1]
    assert cached(tmp_path).notes == good.notes


def test_no_flipped_bit_of_an_array_passes(tmp_path: Path) -> None:
    arrays = {"x": np.arange(1000.0), "b": np.array([[True, False]])}
    blobs.write(tmp_path / "a.sqlite", {"k": 1}, arrays)
    raw = (tmp_path / "a.sqlite").read_bytes()
    start = raw.index(np.arange(1000.0).tobytes()[64:128]) - 64
    for at in range(start, start + 8000, 97):
        bad = bytearray(raw)
        bad[at] ^= 4
        (tmp_path / "b.sqlite").write_bytes(bad)
        with pytest.raises(blobs.DamagedError):
            blobs.read(tmp_path / "b.sqlite")


def test_arrays_of_many_parts_come_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "_CHUNK", 1000)
    arrays = {"x": np.arange(999.0).reshape(37, 27), "empty": np.zeros((0, 3)), "i": np.arange(5, dtype=np.int32)}
    blobs.write(tmp_path / "a.sqlite", {"k": [1, None]}, arrays)
    meta, back = blobs.read(tmp_path / "a.sqlite")
    assert meta == {"k": [1, None]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


def test_a_folder_that_cannot_be_written_costs_a_note_and_nothing_else(tmp_path: Path) -> None:
    bars_file(tmp_path)
    (tmp_path / "cache").write_text("a file where the folder should be")
    market = cached(tmp_path)
    assert "cannot be written" in market.notes[-1] or "cannot be read" in market.notes[-1]
    assert market.bars.n_bars == 60


@pytest.mark.parametrize("errno", [28, 13, 5, 24])
def test_a_full_disk_leaves_nothing_behind(errno: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars_file(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(errno, os.strerror(errno))

    monkeypatch.setattr(blobs.os, "fsync", fail)
    market = cached(tmp_path)
    assert os.strerror(errno) in market.notes[-1]
    assert list((tmp_path / "cache" / "bars").iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bars_file(tmp_path)
    from trading_system.data import csv as reader

    original = reader.read_csv

    def meddle(path: Path, columns: dict[str, str] | None = None) -> Any:
        rows = original(path, columns)
        path.write_text(path.read_text().replace("AAA", "BBB"))
        return rows

    monkeypatch.setattr(reader, "read_csv", meddle)
    assert "AAA" in cached(tmp_path).bars.symbols
    assert entries(tmp_path) == []
    monkeypatch.setattr(reader, "read_csv", original)
    assert_same(cached(tmp_path), load(file, calendar="24/5"))


def test_writers_at_once_leave_one_whole_entry(tmp_path: Path) -> None:
    bars_file(tmp_path)
    code = f"from pathlib import Path; from tests.data.test_cache import cached; print(cached(Path({str(tmp_path)!r})).hashes['NA'])"
    root = Path(__file__).parents[2]
    writers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(6)]
    hashes = [writer.communicate(timeout=300)[0].strip() for writer in writers]
    assert len(set(hashes)) == 1 and len(hashes[0]) == 64
    (entry,) = entries(tmp_path)
    blobs.read(entry)
    assert [file for file in (tmp_path / "cache" / "bars").iterdir() if file != entry] == []


def test_the_longest_unused_markets_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 2)
    bars_file(tmp_path)
    for number, adjust in enumerate(("none", "splits", "splits_and_dividends")):
        cached(tmp_path, adjust=adjust)
        for entry in entries(tmp_path):
            os.utime(entry, (number, number)) if number < 2 else None
    assert len(entries(tmp_path)) == 2
