"""Names of models with an adapter, and places that adapters may be loaded from."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.adapters import inside, is_adapter_name, served_name, split_name


@pytest.mark.parametrize(("pool", "adapter"), [("dense", ""), ("dense", "legal"), ("a.b-c", "v1.2_x")])
def test_a_name_is_taken_apart_as_it_was_put_together(pool: str, adapter: str) -> None:
    """The model itself is the adapter without a name."""
    assert split_name(served_name(pool, adapter)) == (pool, adapter)


@pytest.mark.parametrize("name", ["", ":", "a:b", "a b", "-a", ".a", "a/b", "ä", "a" * 64, "a\n"])
def test_what_cannot_stand_in_a_model_name_is_no_adapter_name(name: str) -> None:
    """A second colon would make the name ambiguous, a slash would make it a path."""
    assert not is_adapter_name(name)


def test_only_places_below_an_allowed_folder_are_inside(tmp_path: Path) -> None:
    """Neither the folder itself, nor a way up, nor a link that leads out, nor a relative path."""
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    (allowed / "a").mkdir(parents=True)
    (other / "b").mkdir(parents=True)
    (allowed / "link").symlink_to(other / "b")
    folders = [str(allowed)]
    assert inside(str(allowed / "a"), folders)
    assert inside(str(allowed / "not-there"), folders)
    for path in (allowed, allowed / ".." / "other" / "b", allowed / "link", other / "b", f"{allowed}-else/a", "a"):
        assert not inside(str(path), folders), path
    assert not inside(str(allowed / "a"), [])


def test_an_allowed_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    """What it points to is what is allowed."""
    (tmp_path / "real" / "a").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(str(tmp_path / "link" / "a"), [str(tmp_path / "link")])
    assert inside(str(tmp_path / "real" / "a"), [str(tmp_path / "link")])
