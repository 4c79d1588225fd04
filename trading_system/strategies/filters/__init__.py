"""Conditions on a rule's entries: one file per filter."""
