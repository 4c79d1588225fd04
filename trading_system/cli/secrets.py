"""Secrets, by value: whatever the environment holds under a secret's name never reaches a screen, a log or a report."""

from __future__ import annotations

import os
import re

SECRET_NAME = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL)", re.IGNORECASE)
SECRET_IN_URL = re.compile(r"(?<=://)([^/\s:@]+):([^/\s@]+)(?=@)")
SHORTEST = 6  # a shorter value would blank out ordinary words


def masked(text: str) -> str:
    """`text` with every secret value of the environment, and every ``user:password@`` of an address, replaced by ``***``."""
    for value in sorted(secret_values(), key=len, reverse=True):
        text = text.replace(value, "***")
    return SECRET_IN_URL.sub("***:***", text)


def secret_values() -> set[str]:
    """Values of the environment variables whose names say that they are secret."""
    return {value for name, value in os.environ.items() if SECRET_NAME.search(name) and len(value) >= SHORTEST}
