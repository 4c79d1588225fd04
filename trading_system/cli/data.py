"""Sample markets, imports, and what a run file's data is."""

from __future__ import annotations

from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json


def data_info(
    config: ConfigArgument = None, config_option: ConfigOption = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Say what the data of a run file is: symbols, sessions, actions, gaps, and every defect found.

    Example: trading-system data info EXAMPLE_CONFIGS/run_config.yaml
    """
    path = one_config(config, config_option)
    from trading_system import pipeline
    from trading_system.cli.progress import working
    from trading_system.config.loading import load_run
    from trading_system.reports.market import quality_page

    run = load_run(path, tuple(overrides or ()))
    with working("reading data"):
        quality = pipeline.validate_data(run)
    show_json(quality) if as_json else show(quality_page(quality, page()))


COMMANDS = {"info": data_info}
