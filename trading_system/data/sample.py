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
