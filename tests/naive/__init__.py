"""Slow, obvious second implementations, written another way than the code they hold to account."""
