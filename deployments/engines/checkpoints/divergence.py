"""How far a student's next-token distribution is from its teacher's: KL(teacher || student), nats a token."""

from collections.abc import Iterator
from typing import Any

import torch

from deployments.engines.checkpoints.packing import Rows

CHUNK = 256  # tokens whose logits exist at one time: a vocabulary of 49,152 takes 50 MB then
ROWS = 4


class Divergence(torch.autograd.Function):  # type: ignore[misc]
    """Mean KL of two hidden states through their output heads; the gradient reaches the student's hidden states only.

    Written out because the head is frozen: softmax minus softmax times the head is the whole gradient, so
    no logits need to be kept for the way back.
    """

    @staticmethod
    def forward(
        ctx: Any, student: torch.Tensor, teacher: torch.Tensor, heads: tuple[torch.Tensor, torch.Tensor]
    ) -> Any:
        student_head, teacher_head = heads
        total = torch.zeros((), dtype=torch.float64)
        gradients = []
        for mine, theirs in zip(student.split(CHUNK), teacher.split(CHUNK), strict=True):
            log_q = _log_probabilities(mine, student_head)
            log_p = _log_probabilities(theirs, teacher_head)
            p = log_p.exp()
            total += (p * (log_p - log_q)).sum(dtype=torch.float64)
            gradients.append((log_q.exp_() - p).to(student_head.dtype) @ student_head)
        ctx.save_for_backward(torch.cat(gradients).to(student.dtype) / len(student))
        return (total / len(student)).float()

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0].to(gradient.dtype), None, None


def kl(
    student: torch.Tensor, teacher: torch.Tensor, student_head: torch.Tensor, teacher_head: torch.Tensor
) -> torch.Tensor:
    """Mean KL over tokens of last hidden states [tokens, width] through heads [vocabulary, width]; differentiable."""
    value: torch.Tensor = Divergence.apply(student, teacher, (student_head, teacher_head))
    return value


def head(model: Any) -> torch.Tensor:
    """Return the output head's weight."""
    weight: torch.Tensor = model.get_output_embeddings().weight
    return weight.detach()


def hidden(model: Any, rows: Rows) -> torch.Tensor:
    """Return the last hidden states at the counted positions: [counted tokens, width]."""
    trunk = model.base_model(input_ids=rows.ids, position_ids=rows.positions, use_cache=False)
    state: torch.Tensor = trunk.last_hidden_state[rows.counted]
    return state


def batches(rows: Rows) -> Iterator[Rows]:
    """Cut rows into the batches that measuring uses."""
    return (rows.take(slice(start, start + ROWS)) for start in range(0, len(rows), ROWS))


@torch.no_grad()
def states(model: Any, rows: Rows) -> torch.Tensor:
    """Return the hidden states of all rows, batch by batch: a teacher's targets at 1/40 of its logits' size."""
    return torch.cat([hidden(model, batch) for batch in batches(rows)])


@torch.no_grad()
def distance(student: Any, targets: torch.Tensor, teacher_head: torch.Tensor, rows: Rows) -> float:
    """Mean KL of *student* over *rows* to a teacher whose states there are *targets*."""
    value: float = kl(states(student, rows), targets, head(student), teacher_head).item()
    return value


def _log_probabilities(state: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax((state.to(weight.dtype) @ weight.T).float(), dim=-1)
