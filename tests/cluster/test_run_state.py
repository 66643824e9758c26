"""A run is found while its process lives, and not after."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.ports import free_ports, obstacle
from cluster.run_state import RunState, claimed, clear, read, this_run, write


def test_a_living_run_is_read_back_and_a_cleared_one_is_not(tmp_path: Path) -> None:
    """What was written is what other commands see."""
    state = this_run(ray_address="127.0.0.2:1", http="http://127.0.0.1:8000")
    write(tmp_path, state)
    assert read(tmp_path) == state
    clear(tmp_path)
    assert read(tmp_path) is None
    clear(tmp_path)


def test_a_dead_or_broken_run_is_nothing(tmp_path: Path) -> None:
    """A crashed run does not stand in the way of the next."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(timeout=30)
    write(tmp_path, RunState(pid=child.pid, began_s=1.0, ray_address="a", http="b"))
    assert read(tmp_path) is None
    write(tmp_path, RunState(pid=os.getpid(), began_s=1.0, ray_address="a", http="b"))
    assert read(tmp_path) is None, "another program has the number by now"
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
        assert "taken by another program" in (obstacle("127.0.0.1", listener.getsockname()[1]) or "")
    names = ["a", "b", "c"]
    ports = free_ports(names)
    assert len(set(ports.values())) == 3
    assert not any(obstacle("127.0.0.1", port) for port in ports.values())
    assert max(ports.values()) < 32_768  # where Linux begins to give ports to outgoing connections


def test_a_port_that_is_taken_is_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes first by chance; with none left it is said so."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        taken = listener.getsockname()[1]
        monkeypatch.setattr("cluster.ports._CHOICES", range(taken, taken + 1))
        with pytest.raises(OSError, match="is free"):
            free_ports(["a"])
    assert free_ports(["a"]) == {"a": taken}


@pytest.mark.parametrize("host", ["192.0.2.77", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_not_called_taken(host: str) -> None:
    """The way out is another host, not another port."""
    assert "gateway.host" in (obstacle(host, 8000) or "")
