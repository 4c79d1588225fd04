"""The markets that come with the program: `us5`, real and in the public domain, and the seeded synthetic ones."""

from __future__ import annotations

from pathlib import Path

from trading_system.data.parquet import read_parquet
from trading_system.data.source import DataSource, Rows, register
from trading_system.errors import UnknownNameError

US5 = Path(__file__).parent / "markets" / "us5.parquet"


@register("sample")
class SampleMarket(DataSource):
    """`us5`, `equities50`, `etfs10` or `crypto10`; the last three are generated and say so wherever they show."""

    @property
    def market(self) -> str:
        """Name of the market."""
        return self.path.name

    def files(self) -> tuple[Path, ...]:
        """The file of `us5`; nothing for a generated market."""
        return (US5,) if self.market == "us5" else ()

    def load(self) -> Rows:
        """All rows of the market."""
        if self.market == "us5":
            return read_parquet(US5)
        from trading_system.data.generator import MARKETS, generate

        if self.market not in MARKETS:
            raise UnknownNameError(
                f"there is no sample market {self.market!r}", where="data.path", allowed=", ".join(["us5", *MARKETS])
            )
        return generate(self.market)


def sample_markets() -> list[dict[str, object]]:
    """What each sample market is, for `data sample`: name, symbols, calendar, range, whether it is synthetic, licence."""
    from trading_system.data.generator import MARKETS

    real: dict[str, object] = {
        "name": "us5",
        "symbols": "AAPL FB GOOG IBM MSFT",
        "n_symbols": 5,
        "asset_class": "equity",
        "calendar": "XNYS",
        "first": "2000-03-01",
        "last": "2013-03-01",
        "synthetic": False,
        "licence": "public domain (Quandl WIKI prices); splits and dividends derived from its adjusted closes",
    }
    made: list[dict[str, object]] = [
        {
            "name": name,
            "symbols": f"{recipe.prefix}01 to {recipe.prefix}{recipe.n_symbols:02d}",
            "n_symbols": recipe.n_symbols,
            "asset_class": "crypto" if recipe.calendar == "24/7" else "equity",
            "calendar": recipe.calendar,
            "first": str(recipe.first),
            "last": str(recipe.last),
            "synthetic": True,
            "licence": "generated; no rights attached",
        }
        for name, recipe in MARKETS.items()
    ]
    return [real, *made]


def write_sample(market: str, target: Path) -> dict[str, object]:
    """Write a sample market as one long Parquet file, for `data sample NAME`; the same report as `import_file`.

    Raises
    ------
    UnknownNameError
        When there is no such market.
    OutputError
        When it cannot be written.
    """
    from trading_system.data.importing import write_rows

    return write_rows(SampleMarket(path=Path(market)).load(), target, {"source": f"sample market {market}"})
