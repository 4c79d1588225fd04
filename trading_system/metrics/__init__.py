"""Ledger to numbers: plain functions, one measure one function, registered by name."""
