"""trading-system version"""

from __future__ import annotations

from trading_system.cli.options import AsJson
from trading_system.cli.output import show, show_json

SHOWN = ("numpy", "numba", "llvmlite", "pandas", "pyarrow", "scipy", "pydantic", "exchange-calendars")


def version(as_json: AsJson = False) -> None:
    """Print the version.

    With --json also those of Python, the platform and the libraries that numbers depend on.

    Example: trading-system version --json
    """
    if not as_json:
        from importlib.metadata import version as installed

        show(f"trading-system {installed('trading-system')}")
        return
    show_json(versions())


def versions() -> dict[str, str]:
    """Versions of the program, of Python and of the packages that numbers depend on."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    found = {
        "trading-system": installed("trading-system"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for name in SHOWN:
        try:
            found[name] = installed(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


COMMANDS = {"version": version}
