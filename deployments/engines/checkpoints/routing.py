"""A router that knows its experts' fields: clusters of what a dense layer sees, as a linear gate without a bias."""

import torch

ITERATIONS = 25


def gate(inputs: torch.Tensor, experts: int, chosen: int, sharpness: float, seed: int) -> torch.Tensor:
    """Fit a gate [experts, width] to *inputs* [tokens, width] that sends each token to the clusters nearest to it.

    Offsets (the clusters' common mean, and the correction that keeps the experts evenly used) have no place in a
    gate without a bias, so they ride on a direction along which every normed hidden state measures about one.
    """
    mean = inputs.mean(dim=0)
    centred = inputs - mean
    centres = clusters(torch.nn.functional.normalize(centred, dim=-1), experts, seed)
    logits = centred @ centres.T
    scale = sharpness / logits.std()
    offsets = even(logits * scale, chosen) - scale * (centres @ mean)
    return scale * centres + torch.outer(offsets, constant(inputs))


def clusters(points: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Spherical k-means: unit centres [count, width] of unit *points*, seeded, spread out at the start."""
    generator = torch.Generator().manual_seed(seed)
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(count - 1):
        distance = (1 - (points @ centres.T).amax(dim=1)).clamp_min(0)
        centres = torch.cat([centres, points[torch.multinomial(distance, 1, generator=generator)]])
    for _ in range(ITERATIONS):
        nearest = torch.nn.functional.one_hot((points @ centres.T).argmax(dim=1), count).to(points.dtype)
        sums = nearest.T @ points
        centres = torch.where(nearest.sum(dim=0)[:, None] > 0, torch.nn.functional.normalize(sums, dim=-1), centres)
    return centres


def even(logits: torch.Tensor, chosen: int) -> torch.Tensor:
    """Find one offset an expert under which all experts are among a token's *chosen* about equally often."""
    experts = logits.shape[1]
    offsets = torch.zeros(experts)
    for step in range(200):
        use = weights(logits + offsets, chosen).gt(0).float().mean(dim=0)
        offsets -= 0.2 * 0.98**step * logits.std() * (use * experts / chosen - 1)
    return offsets - offsets.mean()


def constant(inputs: torch.Tensor) -> torch.Tensor:
    """Find the direction along which every input measures as nearly one as can be (ridge least squares)."""
    gram = inputs.T @ inputs / len(inputs)
    ridge = 1e-3 * gram.diagonal().mean() * torch.eye(len(gram))
    return torch.linalg.solve(gram + ridge, inputs.mean(dim=0))


def weights(logits: torch.Tensor, chosen: int) -> torch.Tensor:
    """Mixtral's routing: softmax, the *chosen* largest kept and renormalised, the others zero; as *logits* in shape."""
    values, indices = logits.softmax(dim=-1).topk(chosen, dim=-1)
    return torch.zeros_like(logits).scatter(-1, indices, values / values.sum(dim=-1, keepdim=True))
