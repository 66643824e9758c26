"""The prompts that demo models are calibrated and healed on: our own templates over our own lists, shuffled."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from random import Random

from deployments.engines.checkpoints.progress import CheckpointError
from deployments.engines.checkpoints.store import SHIPPED

FEWEST = 20  # of which a tenth is held out


def written(seed: int) -> list[str]:
    """List every prompt of ours in the order that *seed* shuffles them."""
    groups = json.loads((SHIPPED / "prompts.json").read_text(encoding="utf-8"))
    prompts = list(dict.fromkeys(prompt for group in groups for prompt in _filled(group["templates"], group["over"])))
    Random(seed).shuffle(prompts)  # noqa: S311 - an order, not a secret
    return prompts


def read(path: Path) -> list[str]:
    """Read a user's prompts, one a line."""
    try:
        prompts = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"--data {path} cannot be read as UTF-8 text: {error}") from error
    if len(prompts) < FEWEST:
        raise CheckpointError(f"--data {path} holds {len(prompts)} prompts; give at least {FEWEST}, one a line")
    return prompts


def _filled(templates: Sequence[str], over: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for values in product(*over.values()):
        named = dict(zip(over, values, strict=True))
        yield from (template.format(**named) for template in templates)
