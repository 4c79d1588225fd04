#!/usr/bin/env bash
# Before a commit: the linter, then the fast half of the suite. Extra arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
bin=${VIRTUAL_ENV:-.venv}/bin
"$bin/flake8"
exec "$bin/pytest" -m "not slow" "$@"
