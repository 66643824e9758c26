"""Where governance keeps its state: one SQLite file for a machine, or one Redis for many."""
