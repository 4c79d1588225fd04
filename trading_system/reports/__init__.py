"""Results as text: tables, JSON and the terminal summary; formats, never computes."""
