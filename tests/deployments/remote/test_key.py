"""Keys: found when they are needed, read again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployments.errors import Misconfigured
from deployments.remote.key import Key
from deployments.remote.spec import KeyRef


def test_no_key_is_configured() -> None:
    """Then none is sent."""
    assert Key("cloud", None).read() is None


def test_a_variable() -> None:
    """It is looked up at every call."""
    environment = {"CLOUD_KEY": "one"}
    key = Key("cloud", KeyRef(env="CLOUD_KEY"), environment)
    assert key.read() == "one"
    environment["CLOUD_KEY"] = "two\n"
    assert key.read() == "two"


def test_a_file_that_is_replaced(tmp_path: Path) -> None:
    """Rotated as Kubernetes does it: a link points at another file, of the same size and age."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1, 1))
    link = tmp_path / "key"
    link.symlink_to("one")
    key = Key("cloud", KeyRef(file=str(link)))
    assert key.read() == "one"
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)
    assert key.read() == "two"


@pytest.mark.parametrize("content", [None, "", "  \n", "a\nb", "schlüssel", "x\x00"])
def test_no_usable_key(tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """The operator is told where, the client only that there is none, and nobody what it was."""
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(Misconfigured) as caught:
        Key("cloud", KeyRef(file=str(file))).read()
    assert str(file) not in caught.value.message
    assert caplog.records[0].fields["place"] == str(file)  # type: ignore[attr-defined]
    assert not (content or "").strip() or content not in str(vars(caplog.records[0]))
