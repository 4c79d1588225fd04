"""The models hold for who builds them in Python, too."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from trading_system.config import models
from trading_system.config.models import (
    CostsConfig,
    DataConfig,
    RunConfig,
    SizingConfig,
    SlippageConfig,
    SplitsConfig,
    StrategyEntry,
)

DATA = DataConfig(source="csv", path="data")


def test_a_run_built_in_python_has_the_defaults_of_a_file() -> None:
    run = RunConfig(
        data=DATA, strategies=(StrategyEntry(name="a", type="b"), StrategyEntry(name="c", type="d", allocation=0.2))
    )
    assert (run.allocation(0), run.allocation(1)) == (0.5, 0.2)
    assert run.portfolio.starting_equity == 100_000.0 and run.seed == 42
    assert run.execution.whole_lots("equity") and run.execution.whole_lots("future")
    assert not run.execution.whole_lots("crypto") and not run.execution.whole_lots("fx")


@pytest.mark.parametrize(
    "build",
    [
        lambda: DataConfig(source="csv", path="d", timeframe="5m"),
        lambda: DataConfig(source="csv", path="d", start=dt.date(2011, 1, 1), end=dt.date(2010, 1, 1)),
        lambda: DataConfig.model_validate({"source": "csv", "path": "d", "start": "20100104"}),
        lambda: DataConfig.model_validate({"source": "csv", "path": "d", "start": "2010-02-30"}),
        lambda: SplitsConfig(train=(dt.date(2011, 1, 1), dt.date(2010, 1, 1))),
        lambda: CostsConfig(commission_bps=float("nan")),
        lambda: CostsConfig(commission_bps=10_000.0),
        lambda: SizingConfig(risk=0.0),
        lambda: SizingConfig.model_validate({"risk": "0.1"}),
        lambda: SizingConfig.model_validate({"rsk": 0.1}),
        lambda: StrategyEntry(name="a", type="b", universe=("A", "A")),
        lambda: StrategyEntry(name="a\nb", type="b"),
        lambda: RunConfig(data=DATA, strategies=()),
    ],
)
def test_a_wrong_model_cannot_be_built(build: object) -> None:
    with pytest.raises(ValidationError):
        build()  # type: ignore[operator]


def test_a_model_cannot_change() -> None:
    with pytest.raises(ValidationError):
        DATA.path = "x"  # type: ignore[misc]


def test_defaults_are_legal() -> None:
    for model in vars(models).values():
        if isinstance(model, type) and issubclass(model, models.FrozenModel):
            for name, field in model.model_fields.items():
                default = field.get_default(call_default_factory=True)
                if isinstance(default, models.FrozenModel):
                    assert type(default).model_validate(default.model_dump()) == default, (model, name)


def test_every_method_and_model_names_the_keys_that_it_reads() -> None:
    methods = models.SizingConfig.model_fields["method"].annotation
    for method in methods.__args__:  # type: ignore[union-attr]
        assert SizingConfig(method=method).used() <= set(SizingConfig.model_fields)
    for model in models.SlippageConfig.model_fields["model"].annotation.__args__:  # type: ignore[union-attr]
        assert SlippageConfig(model=model).used() <= set(SlippageConfig.model_fields)
