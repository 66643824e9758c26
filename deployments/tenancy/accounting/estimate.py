"""What a request may come to, as far as its body tells."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

from deployments.graph.features import read_prompt
from deployments.graph.limits import DEFAULTS, FIELDS, limit_of, limited
from deployments.graph.tokens import estimate_tokens
from deployments.request import Endpoint, Request
from deployments.tenancy.accounting.prompt_bound import prompt_bound
from deployments.tenancy.limits.usage import Usage

# What is held for an answer whose client sets no limit; a longer one has more held for it as it grows.
USUAL_TOKENS = 512
# What an answer may come to, and is asked to, that has a budget, no limit, and nobody who tells of it before its end.
WHOLE_TOKENS = 4096
# Only these have a model work.
METERED: frozenset[Endpoint] = frozenset({*FIELDS, "embeddings", "score", "rerank"})
# What a rate reckons with beyond the estimate; one that was too low is paid for by those who come after.
_MARGIN = 1.25
_TURN_TOKENS = 8
_TOOLS = ("tools", "functions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Tokens of the prompt, about and at most, and of the completion at most.

    ``spare`` is what of the most hardly any prompt comes to: budgets hold it, rates do not. ``added`` is what of the
    prompt no body tells of.
    """

    prompt: int = 0
    prompt_most: int = 0
    completion: int = 0
    spare: int = 0
    added: int = 0

    @property
    def most(self) -> int:
        """Return what both come to at most."""
        return self.prompt_most + self.completion

    @property
    def usage(self) -> Usage:
        """Return what to hold in tokens before it is known which model answers."""
        return Usage(tokens=self.most, spare=self.spare)

    def rewritten(self, times: float, added: int = 0) -> Estimate:
        """Return the estimate of a prompt that may come to so many *times* as much before so much is *added* to it."""
        more = math.ceil((times - 1) * self.prompt_most) + added
        return replace(self, prompt_most=self.prompt_most + more, spare=self.spare + more, added=added)


def estimate(request: Request) -> Estimate:
    """Estimate the tokens of *request*; the most of a prompt is what no tokenizer exceeds."""
    if request.endpoint not in METERED:
        return Estimate()
    prompt = read_prompt(request)
    tokens = estimate_tokens(prompt.text) + prompt.token_ids + (_tools(request) if prompt.tools else 0)
    likely = math.ceil(_MARGIN * tokens) + _TURN_TOKENS * (1 + prompt.turns)
    most = max(likely, prompt_bound(request))
    return Estimate(
        prompt=tokens,
        prompt_most=most,
        spare=most - likely,
        completion=_completion(request) if request.endpoint in FIELDS else 0,
    )


def unlimited(request: Request) -> bool:
    """Say whether nothing but the model's context bounds the answer."""
    return request.endpoint in FIELDS and request.endpoint not in DEFAULTS and limit_of(request) is None


def bounded(request: Request) -> tuple[Request, Estimate]:
    """Return *request* with a limit where it has none, and its estimate: more than is usual no rate reckons with."""
    if not unlimited(request):
        return request, estimate(request)
    usual, asked = estimate(request), limited(request, WHOLE_TOKENS)
    most = estimate(asked)
    return asked, replace(most, spare=most.spare + most.completion - usual.completion)


def _completion(request: Request) -> int:
    limit = limit_of(request) or DEFAULTS.get(request.endpoint, USUAL_TOKENS)
    choices = max(_whole(request, "n"), _whole(request, "best_of"))
    return limit * choices * (_prompts(request) if request.endpoint == "completion" else 1)


def _whole(request: Request, field: str) -> int:
    value = request.body.get(field)
    return value if isinstance(value, int) and value > 0 else 1


def _prompts(request: Request) -> int:
    """Return how many prompts a text completion has: a list of numbers is one."""
    said = request.body.get("prompt")
    several = isinstance(said, list) and not all(isinstance(one, int) for one in said)
    return len(said) if isinstance(said, list) and several else 1


def _tools(request: Request) -> int:
    told = [request.body[field] for field in _TOOLS if request.body.get(field)]
    return estimate_tokens(json.dumps(told, ensure_ascii=False))
