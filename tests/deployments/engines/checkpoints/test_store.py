"""Where a source lives, and that a demo checkpoint is built once or refused with the way out."""

import subprocess
import sys
from pathlib import Path

import pytest

from deployments.engines.checkpoints import store
from deployments.engines.checkpoints.store import CheckpointError, cache_directory, ensure, locate


def checkpoint(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    return path


def test_the_cache_is_tercets_own_variable_then_the_users_cache() -> None:
    """$TERCET_CACHE wins over $XDG_CACHE_HOME, which wins over ~/.cache."""
    assert cache_directory({"TERCET_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_directory({"XDG_CACHE_HOME": "/b"}) == Path("/b/tercet")
    assert cache_directory({}) == Path("~/.cache/tercet").expanduser()


@pytest.mark.parametrize("name", store.DEMOS)
def test_a_demo_lives_in_the_cache_and_can_be_built(name: str, tmp_path: Path) -> None:
    """A demo is buildable, and built exactly when its directory holds a config."""
    located = locate(f"demo/{name}", tmp_path)
    assert located.buildable
    assert not located.built
    checkpoint(Path(located.path))
    assert locate(f"demo/{name}", tmp_path).built


def test_a_demo_moves_when_its_ingredients_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another shipped difference is another directory, so an upgrade never serves the old one."""
    monkeypatch.setattr(store, "SHIPPED", tmp_path)
    for file in ("distilled.json", "distilled.safetensors"):
        (tmp_path / file).write_bytes(b"one")
    before = locate("demo/distilled", tmp_path)
    (tmp_path / "distilled.safetensors").write_bytes(b"two")
    assert locate("demo/distilled", tmp_path).path != before.path


def test_a_directory_is_itself(tmp_path: Path) -> None:
    """A directory with a model is passed through, never rebuilt."""
    mine = checkpoint(tmp_path / "mine")
    assert locate(str(mine), tmp_path).path == str(mine)
    assert ensure(str(mine), tmp_path, print) == str(mine)


def test_anything_else_is_a_hub_id(tmp_path: Path) -> None:
    """What is neither a demo nor a path goes to the loader as it is."""
    assert locate("org/some-model", tmp_path).path == "org/some-model"
    assert ensure("org/some-model", tmp_path, print) == "org/some-model"


@pytest.mark.parametrize(
    ("source", "way_out"),
    [
        ("demo/dnese", "demo/dense"),
        ("/no/such/place", "no such directory"),
        ("a b/c", "Hugging Face id"),
        ("", "Hugging Face id"),
    ],
)
def test_a_source_that_cannot_load_says_so_with_a_way_out(source: str, way_out: str, tmp_path: Path) -> None:
    """The message repeats the source and names what would do."""
    with pytest.raises(CheckpointError, match=way_out) as caught:
        locate(source, tmp_path)
    assert source in str(caught.value)


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    """No config.json, no model."""
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        locate(str(tmp_path), tmp_path)


def test_a_build_that_fails_gives_its_last_words(tmp_path: Path) -> None:
    """What the build said on its way down reaches the user; a cache that cannot be written is such a case."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="TERCET_CACHE"):
        ensure("demo/dense", tmp_path / "file" / "cache", print, deadline_s=60)


def test_the_store_is_cheap_to_import() -> None:
    """Whoever resolves a source loads neither torch nor transformers."""
    heavy = "{'torch', 'transformers', 'peft'} & set(sys.modules)"
    code = f"import deployments.engines.checkpoints.store, sys; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
