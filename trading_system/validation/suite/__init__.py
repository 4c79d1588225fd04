"""The questions that `validate strategy` asks, one file each; a new file is a new question."""
