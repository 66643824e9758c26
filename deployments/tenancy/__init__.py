"""Who calls, what they may do, and what they may use of it."""
