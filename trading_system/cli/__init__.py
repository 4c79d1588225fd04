"""The command line: one file per command; read, run, show."""
