"""data sample, import and info."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_commands import refused, said
from trading_system.config.models import SAMPLE_MARKETS


def test_every_sample_market_is_listed_and_invented_ones_are_called_synthetic(capsys):
    rows = json.loads(said(capsys, "data", "sample", "--json"))
    assert [row["market"] for row in rows] == list(SAMPLE_MARKETS)
    for row in rows:
        assert row["about"].startswith("real: " if row["market"] == "us5" else "synthetic: ")
        assert row["market"] in said(capsys, "data", "sample")


def test_a_sample_market_written_as_csv_reads_back_as_the_same_bars(tmp_path, capsys):
    assert "5 symbols" in said(capsys, "data", "sample", "us5", str(tmp_path / "csv"))
    said(capsys, "data", "sample", "us5", str(tmp_path / "us5.parquet"))
    text = json.loads(said(capsys, "data", "info", str(tmp_path / "csv"), "--json"))
    binary = json.loads(said(capsys, "data", "info", str(tmp_path / "us5.parquet"), "--json"))
    for fact in ("rows", "n_symbols", "symbols", "first", "last", "columns"):
        assert text[fact] == binary[fact], fact


def test_the_bars_of_the_sample_are_the_same_market_from_either_source(tmp_path, capsys):
    from trading_system.config.loading import load_run
    from trading_system.data.loading import load_market

    said(capsys, "data", "sample", "us5", str(tmp_path / "csv"))
    run = tmp_path / "run.yaml"
    hashes = []
    for data in ("{source: sample, path: us5}", "{source: csv, path: csv}"):
        run.write_text(f"data: {data}\nstrategies: [{{name: a, type: buy_and_hold}}]\n", encoding="utf-8")
        loaded = load_run(run)
        hashes.append(load_market(loaded.config, loaded.root, None).hashes)
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("name", ["csv", "there.parquet"])
def test_a_target_that_exists_is_never_touched(name, tmp_path, capsys):
    (tmp_path / name).write_text("mine", encoding="utf-8")
    assert "exists already" in refused(capsys, "data", "sample", "us5", str(tmp_path / name))
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_an_unknown_market_or_a_missing_target_is_one_message(capsys):
    assert "us5, equities50" in refused(capsys, "data", "sample", "us6", "x")
    assert "TARGET is missing" in refused(capsys, "data", "sample", "us5")


def test_import_says_what_it_inferred(tmp_path, capsys):
    lines = ["symbol,date,open,high,low,close,volume,prev_adj_ratio"]
    lines += [f"A,2020-01-{day:02d},{p},{p},{p},{p},100,{ratio}" for day, p, ratio in ((2, 70, 1), (3, 10, 1 / 7), (6, 10, 1))]
    (tmp_path / "vendor.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    source, target = str(tmp_path / "vendor.csv"), str(tmp_path / "prices.parquet")
    out = said(capsys, "data", "import", source, target, "--universe", str(tmp_path / "universe.csv"))
    assert "1 split, 0 dividends: INFERRED from prev_adj_ratio" in out
    assert (tmp_path / "universe.csv").read_text(encoding="utf-8") == "symbol,start,end\nA,2020-01-02,2020-01-06\n"
    report = json.loads(said(capsys, "data", "import", source, target, "--no-infer", "--force", "--json"))
    assert report["splits"] == 0 and report["inferred"] is False


def test_columns_of_a_source_can_be_named(tmp_path, capsys):
    (tmp_path / "v.csv").write_text("symbol,date,open,high,low,px_last,volume\nA,2020-01-02,1,2,1,1.5,10\n", encoding="utf-8")
    source, target = str(tmp_path / "v.csv"), str(tmp_path / "t.parquet")
    assert "close" in refused(capsys, "data", "import", source, target)
    assert "wrote" in said(capsys, "data", "import", source, target, "--column", "close=px_last")
    assert "OURS=THEIRS" in refused(capsys, "data", "import", source, target, "--force", "--column", "close")


@pytest.mark.parametrize("command", [["info"], ["import"]])
def test_a_missing_file_is_one_message(command, tmp_path, capsys):
    line = [*command, str(tmp_path / "absent.csv"), *([str(tmp_path / "t.parquet")] if command == ["import"] else [])]
    assert "absent.csv" in refused(capsys, "data", *line)


def test_info_of_a_run_file_shows_its_defects(tmp_path, capsys):
    (tmp_path / "run.yaml").write_text(
        "data: {source: sample, path: us5, quality: {max_jump: 0.1, split_suspect: warn}}\nstrategies: [{name: a, type: buy_and_hold}]\n",
        encoding="utf-8",
    )
    assert "jump" in said(capsys, "data", "info", str(tmp_path / "run.yaml"))
    document = json.loads(said(capsys, "data", "info", "-c", str(tmp_path / "run.yaml"), "--json"))
    assert document["counts"]["jump"] > 0


def test_overrides_belong_to_run_files(tmp_path, capsys):
    assert "--set belongs to a run file" in refused(capsys, "data", "info", str(tmp_path), "--set", "a=1")


def test_an_import_replaces_a_file_only_when_told_and_writes_parquet_alone(tmp_path, capsys):
    (tmp_path / "v.csv").write_text("symbol,date,open,high,low,close,volume\nA,2020-01-02,1,2,1,1.5,10\n", encoding="utf-8")
    source, target = str(tmp_path / "v.csv"), tmp_path / "t.parquet"
    for option in ([], ["--universe", str(target)]):
        target.write_text("mine", encoding="utf-8")
        out = tmp_path / ("u.parquet" if option else "t.parquet")
        assert "replace it with --force" in refused(capsys, "data", "import", source, str(out), *option)
        assert target.read_text(encoding="utf-8") == "mine"
    assert "1 of 1 symbol," in said(capsys, "data", "import", source, str(target), "--force")
    assert ".parquet or .pq" in refused(capsys, "data", "import", source, str(tmp_path / "x.csv"))
    assert not (tmp_path / "x.csv").exists()


def test_an_import_names_the_symbols_whose_actions_nothing_tells(tmp_path, capsys):
    lines = ["symbol,date,open,high,low,close,volume,adj_close"]
    lines += [f"{name},2020-01-0{day},1,2,1,1.5,10,{adj}" for name, adj in (("A", 1.5), ("KO", "")) for day in (2, 3)]
    (tmp_path / "v.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = said(capsys, "data", "import", str(tmp_path / "v.csv"), str(tmp_path / "t.parquet"))
    assert "no adj_close for KO: splits and dividends of these are not known" in " ".join(out.split())


def test_a_synthetic_sample_written_as_csv_says_so(tmp_path, capsys):
    assert "SYNTHETIC" in said(capsys, "data", "sample", "etfs10", str(tmp_path / "etfs"))
    assert "SYNTHETIC" in (tmp_path / "etfs" / "README.md").read_text(encoding="utf-8")
    assert "symbols" in said(capsys, "data", "info", str(tmp_path / "etfs"))
    said(capsys, "data", "sample", "us5", str(tmp_path / "us5"))
    assert "SYNTHETIC" not in (tmp_path / "us5" / "README.md").read_text(encoding="utf-8")


def test_info_without_a_path_says_what_it_takes(capsys):
    assert "a run file, or a file, folder or pattern of bars" in refused(capsys, "data", "info")


def test_a_dividend_column_that_is_not_read_is_a_warning_wherever_the_data_is_told_of(tmp_path, capsys, monkeypatch):
    from trading_system.cli.main import main

    monkeypatch.chdir(tmp_path)
    rows = [f"2020-01-{day:02d},10,11,9,10,100,{'0.5' if day == 8 else '0'}" for day in (2, 3, 6, 7, 8, 9, 10)]
    (tmp_path / "A.csv").write_text(
        "date,open,high,low,close,volume,payout dividend\n" + "\n".join(rows) + "\n", encoding="utf-8"
    )
    run = tmp_path / "run.yaml"
    run.write_text("data: {source: csv, path: A.csv}\nstrategies: [{name: a, type: buy_and_hold}]\n", encoding="utf-8")
    for words in (("data", "info", "A.csv"), ("validate", "data", "run.yaml"), ("backtest", "run.yaml")):
        assert main(list(words)) == 0  # standard error may say that kernels are compiled
        told = " ".join(capsys.readouterr().out.split())
        assert told.count("{dividend: payout dividend}") == 1, words
        assert "warning" in told.partition("nothing reads the column")[0], words
    run.write_text(run.read_text().replace("A.csv}", "A.csv, columns: {dividend: payout dividend}}"), encoding="utf-8")
    assert "nothing reads" not in said(capsys, "validate", "data", "run.yaml")


def test_validate_data_lists_every_defect_beside_the_one_that_stops_a_backtest(tmp_path, capsys):
    from trading_system.cli.main import main

    closes = {day: 70.0 if day < 15 else 10.0 for day in (2, 3, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 21, 22, 23, 24)}
    lines = [f"A,2020-01-{day:02d},{p},{p},{p},{p},{0 if day == 6 else 5}" for day, p in closes.items()]
    lines[1] = "A,2020-01-03,70,60,60,70,5"  # its high is below its open
    (tmp_path / "bars.csv").write_text("symbol,date,open,high,low,close,volume\n" + "\n".join(lines) + "\n", encoding="utf-8")
    text = "data: {source: csv, path: bars.csv%s}\nstrategies: [{name: a, type: buy_and_hold}]\n"
    run = tmp_path / "run.yaml"
    for more, stops in (("", "split"), (", quality: {impossible: error}", "ohlc_violation")):
        run.write_text(text % more, encoding="utf-8")
        assert main(["validate", "data", str(run), "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert found["valid"] is False and stops in found["problems"][0]
        assert found["counts"] == {"jump": 1, "ohlc_violation": 1, "split_suspect": 1, "zero_volume": 1}
        assert found["policy"]["split_suspect"] == "error" and found["policy"]["impossible"] == ("error" if more else "drop")
        assert main(["validate", "data", str(run)]) == 1
        shown = capsys.readouterr().out
        assert shown.startswith("invalid\n") and all(kind.replace("_", " ") in shown for kind in found["counts"])
    (tmp_path / "bars.csv").write_text("symbol,date,open\nA,x,1\n", encoding="utf-8")
    assert main(["validate", "data", str(run), "--json"]) == 1
    assert set(json.loads(capsys.readouterr().out)) == {"valid", "problems"}


@pytest.mark.parametrize("name", ["bars.csv", "of mine, {1}: a#b.csv", "2020.csv"])
def test_info_prints_a_data_line_for_the_run_file_that_reads_back_with_its_path(name, tmp_path, capsys, monkeypatch):
    import yaml

    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("symbol,date,open,high,low,close,volume\nA,2020-01-02,1,2,1,1.5,10\n", encoding="utf-8")
    shown = " ".join(said(capsys, "data", "info", name).split())
    assert yaml.safe_load(shown.partition(" run file ")[2].partition(" note ")[0])["data"]["path"] == name
    assert json.loads(said(capsys, "data", "info", name, "--json"))["path"] == name


def test_one_of_a_thing_is_said_in_the_singular(tmp_path, capsys):
    (tmp_path / "bars.csv").write_text(
        "symbol,date,open,high,low,close,volume\nA,2020-01-02,1,2,1,1.5,10\nA,2020-01-03,3,2,1,1.5,10\nA,2020-01-06,1,2,1,1.5,10\n",
        encoding="utf-8",
    )
    run = tmp_path / "run.yaml"
    run.write_text("data: {source: csv, path: bars.csv}\nstrategies: [{name: a, type: buy_and_hold}]\n", encoding="utf-8")
    shown = " ".join(said(capsys, "validate", "data", str(run)).split())
    assert "1 symbol, 3 rows read" in shown and "1 of 3 rows was dropped" in shown
    stopped = refused(capsys, "data", "info", str(run), "--set", "data.quality.impossible=error")
    assert "; 1 impossible bar in all" in stopped
