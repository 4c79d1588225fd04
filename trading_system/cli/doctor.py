"""trading-system doctor"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import typer

from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, one_config
from trading_system.cli.output import show, show_json, unicode, width
from trading_system.errors import TradingSystemError

REQUIRED = (
    "numpy",
    "numba",
    "pandas",
    "pyarrow",
    "scipy",
    "pydantic",
    "yaml",
    "typer",
    "rich",
    "loguru",
    "exchange_calendars",
)


def doctor(config: ConfigArgument = None, config_option: ConfigOption = None, as_json: AsJson = False) -> None:
    """Check this machine and, with CONFIG, a run file and its data.

    Exit 1 when there is a problem; each comes with what to do about it.

    Example: trading-system doctor EXAMPLE_CONFIGS/run_config.yaml
    """
    rows = machine()
    if config is not None or config_option is not None:
        rows += project(one_config(config, config_option))
    healthy = all(row["ok"] for row in rows)
    if as_json:
        show_json({"healthy": healthy, "checks": rows})
    else:
        from trading_system.reports.formats import wrapped_table

        lines = [("ok" if row["ok"] else "PROBLEM", row["check"], _told(row)) for row in rows]
        show(wrapped_table(("", "check", "found"), lines, width=width()))
    if not healthy:
        raise typer.Exit(1)


def _told(row: dict[str, Any]) -> str:
    return f"{row['found']}; {row['remedy']}" if row["remedy"] else str(row["found"])


def _row(check: str, ok: bool, found: str, remedy: str = "") -> dict[str, Any]:
    return {"check": check, "ok": ok, "found": found, "remedy": "" if ok else remedy}


def machine() -> list[dict[str, Any]]:
    """Python, packages, folders that must be writable, kernels, terminal."""
    from trading_system import kernels
    from trading_system.cli.progress import first_run

    rows = [_row("Python", sys.version_info >= (3, 11), sys.version.split()[0], "use Python 3.11 or newer")]
    rows += [_package(name) for name in REQUIRED]
    rows.append(_kernel_cache(kernels.kernel_folder(), compiled=not first_run()))
    rows.append(_writable("temporary folder", Path(tempfile.gettempdir()), "set TMPDIR to a folder that can be written"))
    rows.append(_row("kernels", True, "will be compiled by the next run" if first_run() else "compiled"))
    rows.append(_threads())
    rows.append(_row("terminal", True, f"{width()} columns, {'unicode' if unicode() else 'ASCII'}"))
    return rows


def _threads() -> dict[str, Any]:
    from trading_system.errors import UsageError
    from trading_system.parallel import n_threads

    try:
        return _row("threads", True, str(n_threads()))
    except UsageError as error:
        return _row("threads", False, str(error), "unset TRADING_SYSTEM_THREADS")


def _package(name: str) -> dict[str, Any]:
    try:
        module = importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  a broken binary may raise anything: it is what we are here to say
        return _row(name, False, f"{type(error).__name__}: {error}", "install the program again in a new environment")
    return _row(name, True, str(getattr(module, "__version__", "") or "installed"))


def _writable(check: str, folder: Path, remedy: str) -> dict[str, Any]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return _row(check, False, f"{folder}: {error.strerror}", remedy)
    return _row(check, True, str(folder))


def _kernel_cache(folder: Path, *, compiled: bool) -> dict[str, Any]:
    """The folder of machine code: one that cannot be written is as good where it was filled beforehand."""
    row = _writable("kernel cache", folder, "set TRADING_SYSTEM_CACHE to a folder that can be written")
    return row if row["ok"] or not compiled else _row("kernel cache", True, f"{folder}, read-only and filled")


def project(path: Path) -> list[dict[str, Any]]:
    """The run file and the data it names."""
    from trading_system.cli.progress import working
    from trading_system.pipeline import load_run

    try:
        run = load_run(path)
    except (TradingSystemError, OSError) as error:
        return [_row("run file", False, str(error), f"trading-system validate config {path}")]
    rows = [_row("run file", True, f"{path}, {len(run.warnings)} warnings")]
    try:
        from trading_system import pipeline

        with working("reading data"):
            pipeline.validate_data(run)
    except (TradingSystemError, OSError) as error:
        return [*rows, _row("data", False, str(error), f"trading-system validate data {path}")]
    return [*rows, _row("data", True, run.config.data.path)]


COMMANDS = {"doctor": doctor}
