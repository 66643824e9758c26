"""Answers that may be given again: memory over a store that outlives the process."""
