"""Building a checkpoint once, however many processes start at a time, and never leaving half of one."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from filelock import FileLock, Timeout

from deployments.engines.checkpoints.progress import CheckpointError
from deployments.engines.checkpoints.store import BUILD_DEADLINE_S, is_checkpoint


def once(target: Path, build: Callable[[Path], None], deadline_s: float = BUILD_DEADLINE_S) -> None:
    """Make *target* by *build* in a scratch directory beside it, unless it is there or another process makes it."""
    if is_checkpoint(target):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock", timeout=deadline_s):
            if not is_checkpoint(target):
                _renamed(target, build)
    except Timeout as error:
        raise CheckpointError(
            f"another process has been building {target} for {deadline_s:.0f} s; end it and retry"
        ) from error
    except OSError as error:
        raise CheckpointError(
            f"{target} cannot be written ({error}); set TERCET_CACHE to a directory with room"
        ) from error


def _renamed(target: Path, build: Callable[[Path], None]) -> None:
    draft = Path(mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        build(draft)
        draft.chmod(0o755)
        rmtree(target, ignore_errors=True)  # left over without config.json: no checkpoint, and in the way
        draft.rename(target)
    finally:
        rmtree(draft, ignore_errors=True)
