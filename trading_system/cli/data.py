"""Sample markets, imports, and what lies in files of bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trading_system.cli.options import AsJson, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json, width
from trading_system.errors import DataError, OutputError, UsageError

if TYPE_CHECKING:
    from trading_system.data.source import Rows

ENDINGS = (".parquet", ".pq")
ABOUT = {
    "us5": "real: daily prices of AAPL, FB, GOOG, IBM, MSFT with splits and dividends, 2000 to 2013 (WIKI, public domain)",
    "equities50": "synthetic: fifty invented shares with splits and dividends, 2010 to 2020",
    "etfs10": "synthetic: ten invented funds, 2010 to 2020",
    "crypto10": "synthetic: ten invented coins, seven days a week",
}
Market = Annotated[
    str | None,
    typer.Argument(
        metavar="[MARKET]",
        help="us5, equities50, etfs10 or crypto10",
        show_default=False,
        autocompletion=lambda incomplete: [name for name in ABOUT if name.startswith(incomplete)],
    ),
]
Target = Annotated[
    Path | None,
    typer.Argument(metavar="[TARGET]", help="a new folder for CSV files, or a new FILE.parquet", show_default=False),
]
Source = Annotated[
    Path, typer.Argument(metavar="SOURCE", help="a vendor's file, folder or pattern; CSV or Parquet", show_default=False)
]
Imported = Annotated[Path, typer.Argument(metavar="TARGET", help="the Parquet file to write", show_default=False)]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="OURS=THEIRS", help="name of a column in the source, as close=px_last; may be repeated"),
]
NoInfer = Annotated[bool, typer.Option("--no-infer", help="do not derive splits and dividends from adjusted prices or ratios")]
Factors = Annotated[
    Path | None, typer.Option("--factors", metavar="FILE", help="factor file: file, date, price_factor, split_factor")
]
Universe = Annotated[
    Path | None, typer.Option("--universe", metavar="FILE", help="write each symbol's first and last day there")
]
Delistings = Annotated[
    Path | None, typer.Option("--delistings", metavar="FILE", help="write the names that vanish there (inferred)")
]
Force = Annotated[bool, typer.Option("--force", help="replace files that exist already")]
Lies = Annotated[
    Path | None, typer.Argument(metavar="PATH", help="a run file, or a file, folder or pattern of bars", show_default=False)
]


def data_sample(market: Market = None, target: Target = None, as_json: AsJson = False) -> None:
    """List the sample markets, or write one out to look at: CSV files that read back as they are.

    Example: trading-system data sample us5 data
    """
    from trading_system.config.models import SAMPLE_MARKETS
    from trading_system.reports.formats import amount, wrapped_table

    if market is None:
        rows = [(name, ABOUT.get(name, "")) for name in SAMPLE_MARKETS]
        show_json([{"market": name, "about": text} for name, text in rows]) if as_json else show(
            wrapped_table(("market", "what it is"), rows, width=width())
        )
        return
    if market not in SAMPLE_MARKETS:
        raise UsageError(f"there is no sample market {market!r}", allowed=", ".join(SAMPLE_MARKETS))
    if target is None:
        raise UsageError("TARGET is missing", allowed="a new folder for CSV files, or a new FILE.parquet")
    from trading_system.data.sample import SampleMarket

    rows_of = SampleMarket(path=Path(market)).load()
    report = _written(rows_of, target, market)
    show_json(report) if as_json else show(
        f"wrote {amount(report['symbols'], 'symbol')}, {amount(report['rows'], 'row')} to {target}"
        + ("; SYNTHETIC: invented prices" if report["synthetic"] else "")
    )


def _written(rows: Rows, target: Path, market: str) -> dict[str, Any]:
    """The rows as one Parquet file or a folder of CSV files; a target that exists is refused."""
    from trading_system.cli.session import session

    session.kept = f"{target} was not written"
    if target.exists() or target.is_symlink():
        raise OutputError("exists already", where=str(target), remedy="name a new folder or file; nothing was changed")
    if target.suffix.lower() == ".parquet":
        from trading_system.data.importing import write_rows

        report = write_rows(rows, target, {"source": f"sample market {market}"})
        return {**report, "synthetic": rows.synthetic}
    from trading_system.data.export import csv_files
    from trading_system.files import FolderWriter, real_folder, unmade

    with unmade(target.parent), FolderWriter(real_folder(target.parent), target.name) as folder:
        for name, content in csv_files(rows):
            folder.add(name, (content,))
        folder.add("README.md", (about(market, rows.synthetic).encode(),))
        if not folder.commit():
            raise OutputError("was written by another process in the meantime", where=str(target), remedy="name a new folder")
    return {"target": str(target), "symbols": len(rows.symbols), "rows": len(rows), "synthetic": rows.synthetic}


def about(market: str, synthetic: bool) -> str:
    """What the folder of a sample market says of itself."""
    kind = "SYNTHETIC: invented prices, generated from a seed. " if synthetic else ""
    return f"# Sample market {market}\n\n{kind}{ABOUT[market]}.\nFor learning the program; not investment-grade data.\n"


def data_import(
    source: Source,
    target: Imported,
    columns: Columns = None,
    no_infer: NoInfer = False,
    factors: Factors = None,
    universe: Universe = None,
    delistings: Delistings = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Turn a vendor's files into one canonical Parquet file; says which splits and dividends were inferred.

    Example: trading-system data import downloads/prices.csv data/prices.parquet --universe data/universe.csv
    """
    from trading_system.cli.progress import working
    from trading_system.cli.session import session
    from trading_system.data.importing import import_file

    session.kept = f"{target} was not written"
    there(source)
    if target.suffix.lower() not in ENDINGS:
        raise UsageError(f"{target} is no name of a Parquet file", allowed=f"a name that ends in {' or '.join(ENDINGS)}")
    for file in (target, universe, delistings):
        if file is not None and not force and (file.exists() or file.is_symlink()):
            raise OutputError("exists already", where=str(file), remedy="name a new file, or replace it with --force")
    with working("import"):
        report = import_file(
            source,
            target,
            columns=column_names(columns or []),
            infer=not no_infer,
            factors=factors,
            universe=universe,
            delistings=delistings,
        )
    if as_json:
        show_json(report)
        return
    from trading_system.reports.market import import_page

    show(import_page(report, page()))


def there(source: Path) -> None:
    """Refuse a file or folder that does not exist; a pattern is looked at by who reads it."""
    if not set("*?[") & set(str(source)) and not source.exists():
        raise DataError("there is no such file or folder", where=str(source))


def column_names(texts: list[str]) -> dict[str, str]:
    """``close=px_last`` each, as a mapping of our names to the source's."""
    names: dict[str, str] = {}
    for text in texts:
        ours, sign, theirs = text.partition("=")
        if not (ours and sign and theirs):
            raise UsageError(f"--column {text!r}", allowed="OURS=THEIRS, as close=px_last")
        names[ours] = theirs
    return names


def data_info(
    path: Lies = None, config_option: ConfigOption = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Say what bars a run file names, with their defects, or what lies in files of bars: symbols, range, columns.

    Example: trading-system data info EXAMPLE_CONFIGS/run_config.yaml
    """
    from trading_system.cli.progress import working
    from trading_system.reports import market as pages

    if path is None and config_option is None:
        raise UsageError("PATH is missing", allowed="a run file, or a file, folder or pattern of bars")
    chosen = one_config(path, config_option)
    there(chosen)
    if chosen.suffix.lower() in (".yaml", ".yml"):
        from trading_system import pipeline
        from trading_system.pipeline import load_run

        run = load_run(chosen, tuple(overrides or ()))
        with working("reading data"):
            quality = pipeline.validate_data(run)
        show_json(quality) if as_json else show(pages.quality_page(quality, page()))
        return
    if overrides:
        raise UsageError("--set belongs to a run file", remedy="leave it out")
    from trading_system.data.importing import describe

    with working("reading data"):
        found = describe(chosen)
    show_json(found) if as_json else show(pages.files_page(found, page()))


COMMANDS = {"sample": data_sample, "import": data_import, "info": data_info}
