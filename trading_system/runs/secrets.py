"""Secrets, by value: whatever the environment holds under a secret's name never reaches a screen, a log or a report."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

SECRET_NAME = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL)", re.IGNORECASE)
SECRET_IN_URL = re.compile(r"(?<=://)([^/\s:@]+):([^/\s@]+)(?=@)")
SHORTEST = 6  # a shorter value would blank out ordinary words


def masked(text: str) -> str:
    """`text` with every secret value of the environment, and every ``user:password@`` of an address, replaced by ``***``."""
    for value in sorted(secret_values(), key=len, reverse=True):
        text = text.replace(value, "***")
    return SECRET_IN_URL.sub("***:***", text)


def masked_in(value: Any) -> Any:
    """`value` with every text in it, however deep, `masked`; before it is written as JSON, which would hide a quote or an umlaut."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {masked_in(key): masked_in(item) for key, item in value.items()}
    return [masked_in(item) for item in value] if isinstance(value, (list, tuple)) else value


def secret_values() -> set[str]:
    """Values of the environment variables whose names say that they are secret."""
    return {value for name, value in os.environ.items() if SECRET_NAME.search(name) and len(value) >= SHORTEST}
