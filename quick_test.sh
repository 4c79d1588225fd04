#!/usr/bin/env bash
# Before a commit: the linter, then the fast half of the suite. Extra arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [ -z "${VIRTUAL_ENV:-}" ] && [ -d .venv/bin ]; then PATH="$PWD/.venv/bin:$PATH"; fi
flake8
exec pytest -m "not slow" "$@"
