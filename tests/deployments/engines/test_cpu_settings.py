"""Laws of the CPU plan: cores are never shared by two, and settings known to give wrong text never pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.cpu_libraries import preloads
from deployments.engines.cpu_settings import defaults, environment, objections, replica_environment
from deployments.engines.engine_arguments import RESERVED, as_flags, known_arguments


@given(st.sets(st.integers(0, 255), min_size=1, max_size=64), st.integers(1, 8))
def test_ranks_get_disjoint_cores_of_their_own_engine(cores: set[int], ranks: int) -> None:
    """Each rank's list is not empty, holds only given cores, and shares none with another rank."""
    settings = environment(cores=sorted(cores), ranks=ranks)
    if len(cores) < ranks:
        assert settings["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
        return
    lists = [[int(core) for core in part.split(",")] for part in settings["VLLM_CPU_OMP_THREADS_BIND"].split("|")]
    bound = [core for part in lists for core in part]
    assert len(lists) == ranks
    assert len(bound) == len(set(bound))
    assert set(bound) <= cores
    assert {str(len(part)) for part in lists} == {settings["OMP_NUM_THREADS"]}


def test_engines_that_share_cores_are_not_pinned() -> None:
    """Unpinned engines take one thread each, so that three of them on two cores do not wait for one another."""
    settings = environment(cores=None)
    assert settings["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert settings["OMP_NUM_THREADS"] == "1"
    assert "KMP_AFFINITY" not in settings


def test_one_core_is_left_to_the_front_end() -> None:
    """Of four cores three compute; a single core does both."""
    assert environment(cores=[4, 5, 6, 7])["KMP_AFFINITY"].endswith("proclist=[4,5,6]")
    assert environment(cores=[4])["KMP_AFFINITY"].endswith("proclist=[4]")


def test_nothing_is_reported_to_anyone() -> None:
    """Usage statistics are off everywhere; a local checkpoint asks no hub."""
    for settings in (environment(cores=None), replica_environment("vllm", pinned=False)):
        assert settings["VLLM_NO_USAGE_STATS"] == "1"
    assert environment(cores=None, local=True)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in environment(cores=None)
    assert replica_environment("synthetic", pinned=False) == {}


def test_libraries_are_preloaded_in_order() -> None:
    """They are joined for the dynamic linker; without any the variable is not touched."""
    assert environment(cores=None, preload=["/a.so", "/b.so"])["LD_PRELOAD"] == "/a.so:/b.so"
    assert "LD_PRELOAD" not in environment(cores=None)


def test_libraries_are_found_where_they_are(tmp_path: Path) -> None:
    """One file a library, from the environment first, and none that is not there."""
    (tmp_path / "lib").mkdir()
    system = tmp_path / "system"
    system.mkdir()
    assert preloads(tmp_path, [str(system)]) == ()
    (tmp_path / "lib" / "libiomp5.so").touch()
    (system / "libtcmalloc_minimal.so.4").touch()
    (system / "libtcmalloc.so.4").touch()
    assert preloads(tmp_path, [str(system)]) == (
        str(tmp_path / "lib" / "libiomp5.so"),
        str(system / "libtcmalloc_minimal.so.4"),
    )


@pytest.mark.parametrize("family", ["dense", "moe", "distilled", "pooling"])
def test_the_defaults_are_known_and_beyond_objection(family: Any) -> None:
    """What Tercet sets by itself is what it would let a user set, on either device."""
    for device in ("cpu", "gpu"):
        arguments = defaults(family, device)  # type: ignore[arg-type]
        assert arguments.keys() <= known_arguments()
        assert objections(arguments, device) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"enforce_eager": True}, "enforce_eager"),
        ({"compilation_config": {"mode": 0}}, "compilation_config"),
        ({"compilation_config": {"mode": "NONE", "custom_ops": ["all"]}}, "compilation_config"),
        ({"model": "other"}, "model"),
        ({"served_model_name": "x"}, "served_model_name"),
        ({"disable_log_stats": True}, "disable_log_stats"),
    ],
)
def test_what_would_break_is_objected_to_with_a_reason(arguments: dict[str, Any], name: str) -> None:
    """The objection names the argument and says why."""
    [(objected, why)] = objections(arguments)
    assert objected == name
    assert len(why) > 10


@pytest.mark.parametrize(
    "arguments",
    [
        {"enforce_eager": False},
        {"compilation_config": {"mode": 3}},
        {"compilation_config": {"mode": 0, "custom_ops": ["none"]}},
        {"compilation_config": {}},
        {"max_num_seqs": 4},
    ],
)
def test_what_works_is_let_through(arguments: dict[str, Any]) -> None:
    """Compiling, and not compiling with custom ops off, both give right text."""
    assert objections(arguments) == []


def test_eager_mode_is_a_gpu_affair() -> None:
    """On a GPU it is slower, not wrong."""
    assert objections({"enforce_eager": True}, "gpu") == []


def test_arguments_become_the_command_line_that_vllm_parses() -> None:
    """Switches, lists, mappings and values that begin with a dash keep their meaning; None is left out."""
    arguments = {
        "enable_prefix_caching": True,
        "enable_chunked_prefill": False,
        "max_num_seqs": 4,
        "seed": -1,
        "dtype": "float32",
        "compilation_config": {"mode": 0},
        "lora_modules": [{"name": "a", "path": "b"}],
        "quantization": None,
    }
    assert as_flags(arguments) == [
        "--enable-prefix-caching",
        "--no-enable-chunked-prefill",
        "--max-num-seqs=4",
        "--seed=-1",
        "--dtype=float32",
        '--compilation-config={"mode": 0}',
        "--lora-modules",
        '{"name": "a", "path": "b"}',
    ]


def test_reserved_names_are_not_offered() -> None:
    """What the pool itself says cannot be an engine argument."""
    assert not known_arguments() & RESERVED.keys()
    assert {"tensor_parallel_size", "quantization", "max_num_seqs", "tool_call_parser"} <= known_arguments()
