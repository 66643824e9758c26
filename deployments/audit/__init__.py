"""What was generated, for whom, by which model: append-only files that show whether anybody has changed them."""
