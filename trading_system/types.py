"""Array aliases and the frozen base model; imports nobody and, at run time, no numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray: TypeAlias = NDArray[np.float64]
    IntArray: TypeAlias = NDArray[np.int64]
    Int32Array: TypeAlias = NDArray[np.int32]
    Int8Array: TypeAlias = NDArray[np.int8]
    BoolArray: TypeAlias = NDArray[np.bool_]


class FrozenModel(BaseModel):
    """A record that cannot change and knows all of its keys.

    Its pydantic validator is built when it is first called: dozens of models are imported for every command, and building
    theirs takes longer than reading a run file, which `config` checks by shapes of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
