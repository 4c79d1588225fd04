"""What the running command would say if it were stopped now."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Session:
    """One per process.

    Attributes
    ----------
    kept : str
        What survives when the command is stopped at this moment, in words.
    quiet : bool
        Say nothing but answers and errors.
    """

    kept: str = "nothing was written"
    quiet: bool = False


session = Session()
