"""What the files of this package share: the error a user reads and the line of progress."""

from collections.abc import Callable

Report = Callable[[str], None]
"""Takes one line of progress."""


class CheckpointError(Exception):
    """A checkpoint cannot be found, read or built; the message is one sentence that names the way out."""
