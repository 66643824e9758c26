"""Cross-field rules, one subject a file; each is pure and yields every problem that it finds."""
