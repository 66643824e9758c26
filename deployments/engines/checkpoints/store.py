from collections.abc import Callable
Report = Callable[[str], None]
class CheckpointError(Exception): pass
