"""Bars to decisions: one file per rule."""
