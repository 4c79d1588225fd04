"""What a run file may say, and reading it."""
