"""What a run leaves: its folder, its manifest, its row among all trials; and what it may look at."""
