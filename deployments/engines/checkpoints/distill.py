"""Distil a Llama-architecture teacher: sample its answers, prune its layers, heal the student, measure all three."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from deployments.engines.checkpoints import answers, difference, divergence, figures, healing, models, prompts, pruning
from deployments.engines.checkpoints.answers import Answered
from deployments.engines.checkpoints.packing import Rows, pack
from deployments.engines.checkpoints.progress import CheckpointError, Report
from deployments.engines.checkpoints.recipe import Recipe

LENGTH = 512  # tokens a packed row
TEMPERATURES = (0.8,)
MAX_ANSWER = 96
HELD_OUT = 10  # every tenth prompt is kept out of training
CALIBRATION_PROMPTS, CALIBRATION_ROWS = 64, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What `tercet distill` was asked for."""

    name: str  # the teacher as the user calls it
    teacher: str  # what to load for it: a directory or a Hugging Face id
    drop_layers: int
    out: Path
    data: Path | None
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The teacher's answers: to choose layers on, to train on, and to measure on."""

    calibration: Rows
    training: Rows
    held_out: Rows


def distill(order: Order, report: Report) -> dict[str, Any]:
    """Write a healed student that can be served into `order.out`, and return what was measured."""
    check_recipe(order.recipe)
    work = _workshop(order.out)
    teacher, tokenizer = models.load(order.teacher)
    check_teacher(order, teacher.config)
    chats = _chats(order, teacher, tokenizer, work, report)
    split = divided(chats, tokenizer.eos_token_id)
    cuts = _cuts(order, teacher, split.calibration, work, report)
    dropped = sorted(cut.layer for cut in cuts)
    report(f"dropped layers {dropped}; computing the teacher's targets")
    pruned = pruning.pruned(teacher, dropped)
    healed = _healed(order, teacher, dropped, split.training, work, report)
    models.save(healed, tokenizer, order.out)
    measured = figures.compared(
        {"teacher": teacher, "pruned": pruned, "healed": healed}, tokenizer, split.held_out, report
    )
    return _recorded(order, cuts, measured, work)


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe under which nothing could be learned."""
    for name in ("steps", "batch", "rank", "learning_rate"):
        value = getattr(recipe, name)
        if not value > 0:
            raise CheckpointError(f"--{name.replace('_', '-')} {value}: give more than 0")


def check_teacher(order: Order, config: Any) -> None:
    """Refuse a teacher that cannot lose the layers asked for."""
    if config.model_type != "llama":
        raise CheckpointError(f"{order.name} is of architecture {config.model_type}; distill takes a llama teacher")
    if not 0 < order.drop_layers < config.num_hidden_layers - 1:
        layers = config.num_hidden_layers
        raise CheckpointError(
            f"--drop-layers {order.drop_layers}: the teacher has {layers} layers; give 1 to {layers - 2}"
        )


def divided(chats: Sequence[Answered], padding: int) -> Split:
    """Split chats by prompt, so that no held-out prompt was ever trained on, and pack each part."""
    distinct = list(dict.fromkeys(tuple(chat.prompt) for chat in chats))
    kept = {prompt for index, prompt in enumerate(distinct) if index % HELD_OUT == 0}
    training = [chat for chat in chats if tuple(chat.prompt) not in kept]
    first = [chat for chat in chats[:CALIBRATION_PROMPTS] if tuple(chat.prompt) not in kept]
    held_out = [chat for chat in chats if tuple(chat.prompt) in kept]
    calibration, trained, measured = (
        pack(part, length=LENGTH, padding=padding) for part in (first, training, held_out)
    )
    return Split(calibration=calibration.take(slice(CALIBRATION_ROWS)), training=trained, held_out=measured)


def _workshop(out: Path) -> Path:
    work = out / "healing"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"--out {out} cannot be written: {error}") from error
    return work


def _chats(order: Order, teacher: Any, tokenizer: Any, work: Path, report: Report) -> list[Answered]:
    asked = prompts.read(order.data) if order.data else prompts.written(order.recipe.seed)
    path = work / f"answers-{_digest(order.name, order.recipe.seed, TEMPERATURES, MAX_ANSWER, asked)}.jsonl"
    if not path.exists():
        torch.manual_seed(order.recipe.seed)
        said = answers.sample(
            teacher, tokenizer, asked, temperatures=TEMPERATURES, max_tokens=MAX_ANSWER, report=report
        )
        answers.save(path, said)
    report(f"answers of the teacher: {path}")
    return answers.load(path)


def _cuts(order: Order, teacher: Any, rows: Rows, work: Path, report: Report) -> list[pruning.Cut]:
    path = work / f"layers-{_digest(order.name, order.drop_layers, rows.ids.tolist())}.json"
    if path.exists():
        return [pruning.Cut(**cut) for cut in json.loads(path.read_text(encoding="utf-8"))]
    targets, teacher_head = divergence.states(teacher, rows), divergence.head(teacher)

    def cost(dropped: frozenset[int]) -> float:
        with pruning.without(teacher, dropped) as student:
            kl: float = divergence.distance(student, targets, teacher_head, rows)
            return kl

    cuts = []
    for cut in pruning.choose(teacher.config.num_hidden_layers, order.drop_layers, cost):
        report(f"dropping layer {cut.layer}: KL {cut.kl:.3f} nats a token before healing")
        cuts.append(cut)
    path.write_text(json.dumps([asdict(cut) for cut in cuts]), encoding="utf-8")
    return cuts


def _healed(order: Order, teacher: Any, dropped: Sequence[int], rows: Rows, work: Path, report: Report) -> Any:
    student = pruning.pruned(teacher, dropped)
    targets = divergence.states(teacher, rows)
    # Layers well before the first cut still see what they were trained on: adapters there cost time and bring nothing.
    first = max(0, dropped[0] - 1)
    learned = healing.heal(student, rows, targets, divergence.head(teacher), order.recipe, first, report)
    difference.save(work / "difference.safetensors", learned)
    healed = pruning.pruned(teacher, dropped)
    difference.merge(healed, learned)
    return healed


def _recorded(order: Order, cuts: Sequence[pruning.Cut], measured: dict[str, Any], work: Path) -> dict[str, Any]:
    record = {
        "teacher": order.name,
        "dropped_layers": sorted(cut.layer for cut in cuts),
        "cuts": [asdict(cut) for cut in cuts],
        "recipe": asdict(order.recipe),
        "libraries": figures.libraries(),
        "figures": measured,
    }
    (work / "provenance.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return record


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:12]
