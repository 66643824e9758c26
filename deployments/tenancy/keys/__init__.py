"""API keys: made at random, shown once, kept as a keyed hash."""
