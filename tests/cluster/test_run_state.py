"""A run is found while its process lives, and not after."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

from cluster.ports import free_ports, in_use
from cluster.run_state import RunState, claimed, clear, read, write


def test_a_living_run_is_read_back_and_a_cleared_one_is_not(tmp_path: Path) -> None:
    """What was written is what other commands see."""
    state = RunState(pid=os.getpid(), ray_address="127.0.0.2:1", http="http://127.0.0.1:8000")
    write(tmp_path, state)
    assert read(tmp_path) == state
    clear(tmp_path)
    assert read(tmp_path) is None
    clear(tmp_path)


def test_a_dead_or_broken_run_is_nothing(tmp_path: Path) -> None:
    """A crashed run does not stand in the way of the next."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(timeout=30)
    write(tmp_path, RunState(pid=child.pid, ray_address="a", http="b"))
    assert read(tmp_path) is None
    (tmp_path / "run.json").write_text("{broken")
    assert read(tmp_path) is None


def test_the_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Ray's token lies in it: nobody else may look, and a link to elsewhere is not taken."""
    assert claimed(tmp_path / "own")
    (tmp_path / "own").chmod(0o755)
    assert claimed(tmp_path / "own")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "own")
    assert not claimed(tmp_path / "link")


def test_a_listening_port_is_in_use() -> None:
    """Only a port that something listens on is refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert in_use("127.0.0.1", listener.getsockname()[1])
    names = ["a", "b", "c"]
    ports = free_ports(names)
    assert len(set(ports.values())) == 3
    assert not any(in_use("127.0.0.1", port) for port in ports.values())
