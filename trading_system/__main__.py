"""``python -m trading_system``: the same program as the ``trading-system`` command."""

from __future__ import annotations

import sys

from trading_system.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
