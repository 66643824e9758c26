"""Quantising a tiny model of another make: what is written, how close it is, and orders that cannot be carried out."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from compressed_tensors.quantization import QuantizationArgs
from transformers import MixtralConfig, MixtralForCausalLM

from deployments.engines.checkpoints import chosen_text, gptq, quantization
from deployments.engines.checkpoints.__main__ import main
from deployments.engines.checkpoints.progress import CheckpointError
from deployments.engines.checkpoints.schemes import SCHEMES
from tests.deployments.engines.checkpoints.tiny import save_with_tokenizer

pytestmark = pytest.mark.torch

FOUR_BITS = QuantizationArgs(num_bits=4, type="int", symmetric=False, strategy="group", group_size=32)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_with_tokenizer(tmp_path_factory.mktemp("source"))


@pytest.fixture(autouse=True)
def _few_short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen_text, "MAX_ANSWER", 8)
    monkeypatch.setattr(chosen_text, "PROMPTS", 24)


def quantized(source: str, scheme: str, out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["quantize", source, f"--scheme={scheme}", f"--out={out}", "--no-speed"]) == 0
    figures: dict[str, Any] = json.loads(capsys.readouterr().out.partition("\n{")[2].join(("{", "")))
    return figures


@pytest.mark.parametrize(("scheme", "bits", "farthest"), [("int8", 8, 0.02), ("int4", 4, 0.3), ("fp8", 8, 0.1)])
def test_the_checkpoint_says_its_scheme_and_stays_close(
    scheme: str, bits: int, farthest: float, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its config is what vLLM reads, and the distance is measured on what was written."""
    figures = quantized(source, scheme, tmp_path / "out", capsys)
    written = json.loads((tmp_path / "out" / "config.json").read_text())["quantization_config"]
    assert written["quant_method"] == "compressed-tensors"
    assert written["config_groups"]["group_0"]["weights"]["num_bits"] == bits
    assert written["ignore"] == ["lm_head"]
    assert 0 < figures["kl_nats_per_token"] < farthest
    assert figures["megabytes"]["quantised"] < figures["megabytes"]["original"]


def test_the_same_command_gives_the_same_bytes(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sampling, fitting and rounding all repeat."""
    for out in ("one", "two"):
        quantized(source, "int4", tmp_path / out, capsys)
    one, two = ((tmp_path / out / "model.safetensors").read_bytes() for out in ("one", "two"))
    assert one == two


def test_fitted_rounding_is_closer_on_what_it_was_fitted_to() -> None:
    """Correlated inputs: each error is made up for, which rounding to the nearest cannot."""
    torch.manual_seed(0)
    inputs = torch.randn(512, 64) @ torch.randn(64, 64)
    weight = torch.randn(16, 64)
    fitted, grid = gptq.rounded(weight, inputs.T @ inputs, FOUR_BITS, torch.float32)
    unrelated, _ = gptq.rounded(weight, torch.eye(64), FOUR_BITS, torch.float32)

    def error(tried: torch.Tensor) -> float:
        return (inputs @ (tried - weight).T).square().sum().item()

    assert error(fitted) < 0.7 * error(unrelated)
    steps = fitted.unflatten(1, (-1, 32)) / grid.scale.unsqueeze(-1) + grid.zero.unsqueeze(-1)
    assert (steps - steps.round()).abs().max() < 1e-3
    assert steps.round().unique().numel() <= 16


def test_a_mixture_is_refused() -> None:
    """Its experts are no linear layers, and half a quantised model helps nobody."""
    config = MixtralConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=2,
    )  # fmt: skip
    with pytest.raises(CheckpointError, match="mixture of 2 experts"):
        quantization.check_shapes(MixtralForCausalLM(config), SCHEMES["int8"])


def test_layers_that_make_no_groups_are_refused() -> None:
    """With the layer's name and the scheme that would do."""
    model = torch.nn.Sequential(torch.nn.Linear(40, 8))
    model.config = None
    with pytest.raises(CheckpointError, match=r"40 inputs.*choose int8"):
        quantization.check_shapes(model, SCHEMES["int4"])


def test_the_model_itself_is_not_overwritten(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 in one sentence."""
    assert main(["quantize", source, "--scheme=int8", f"--out={source}", "--no-speed"]) == 1
    assert "is the model itself" in capsys.readouterr().err
