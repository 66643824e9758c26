"""The schemes that `tercet quantize` writes, and what each needs to run; free of torch, for a command line to ask."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to write a model's linear layers; its output head and embeddings stay as they are.

    ``preset`` is compressed-tensors' name for it, ``group`` the weights that share a scale (0: a whole output channel),
    ``lacking`` what a machine without GPU lacks to answer in time ("" where vLLM's CPU build has it).
    """

    preset: str
    says: str
    group: int = 0
    lacking: str = ""


SCHEMES: Mapping[str, Scheme] = {
    "int8": Scheme(preset="W8A8", says="8-bit weights by output channel, 8-bit activations by token as they come"),
    "int4": Scheme(preset="W4A16_ASYM", says="4-bit weights in groups of 32 with a zero point each", group=32),
    "fp8": Scheme(
        preset="FP8_DYNAMIC",
        says="8-bit floating-point weights by output channel, activations by token as they come",
        lacking="the 8-bit floating-point kernels of a GPU",
    ),
}
