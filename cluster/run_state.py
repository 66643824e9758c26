"""Where a running cluster left its address, so that other commands find it."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

# What is kept of cost, in the state directory unless the document says otherwise.
BOOK = "costs.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """One running ``tercet serve``: its process and when that began (Unix seconds), Ray's and the HTTP address.

    A process number alone may be another program's by now.
    """

    pid: int
    began_s: float
    ray_address: str
    http: str

    def alive(self) -> bool:
        """Say whether the process still exists."""
        return _began_s(self.pid) == self.began_s


def this_run(*, ray_address: str, http: str) -> RunState:
    """Describe this process."""
    return RunState(pid=os.getpid(), began_s=_began_s(os.getpid()) or 0.0, ray_address=ray_address, http=http)


def _began_s(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def state_dir(port: int) -> Path:
    """Return the directory of the cluster whose gateway listens on *port*; short, because sockets live in it."""
    return Path(tempfile.gettempdir()) / f"tercet-{os.getuid()}-{port}"


def claimed(directory: Path) -> bool:
    """Create *directory* for this user alone; False when it is another user's, who could read Ray's token in it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat(follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False
    directory.chmod(0o700)
    return True


def write(directory: Path, state: RunState) -> None:
    """Publish *state* for other commands."""
    (directory / "run.json").write_text(json.dumps(asdict(state)))


def read(directory: Path) -> RunState | None:
    """Return what runs from *directory*; None when nothing does, or when the directory is another user's."""
    try:
        if directory.stat(follow_symlinks=False).st_uid != os.getuid():
            return None
        state = RunState(**json.loads((directory / "run.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.alive() else None


def clear(directory: Path) -> None:
    """Forget the run; a missing file is nothing to do."""
    (directory / "run.json").unlink(missing_ok=True)
