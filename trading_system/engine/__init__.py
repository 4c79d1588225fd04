"""Decisions, bars and rules to a ledger: one resumable fold, its costs and its laws."""
