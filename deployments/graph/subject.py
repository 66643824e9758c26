"""What a switch may ask about a request; each answer is worked out when first asked for, and once."""

from __future__ import annotations

from copy import copy
from functools import cached_property

from deployments.graph.complexity import Complexity, complexity
from deployments.graph.features import Prompt, read_prompt
from deployments.graph.labels import Labels, by_rules
from deployments.graph.language import language
from deployments.graph.reading import Reading, read
from deployments.graph.task import TaskGuess, classify
from deployments.graph.tokens import estimate_tokens
from deployments.request import Context, Request


class Subject:
    """A request and its context with what follows from them; ``node`` is the name of the node that asks, if known.

    ``classified`` is what a classifier has said of the prompt, None where none has.
    """

    def __init__(self, request: Request, context: Context) -> None:
        self.request = request
        self.context = context
        self.node = ""
        self.classified: Labels | None = None

    def at(self, node: str) -> Subject:
        """Return the same as asked about by *node*."""
        other = copy(self)
        other.node = node
        return other

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt's text and what else it brings."""
        return read_prompt(self.request)

    @cached_property
    def reading(self) -> Reading:
        """The prompt's last turn, ready for look-ups."""
        return read(self.prompt)

    @cached_property
    def task(self) -> TaskGuess:
        """What the client seems to want done."""
        return classify(self.reading)

    @property
    def labels(self) -> Labels:
        """How the prompt scores: by a classifier's word where there is one, else by the rules."""
        return by_rules(self.task) if self.classified is None else self.classified

    @cached_property
    def complexity(self) -> Complexity:
        """How hard the request looks."""
        return complexity(self.prompt, self.reading, self.task.task, self.prompt_tokens)

    @cached_property
    def language(self) -> str:
        """The language of the client's own words, code blocks aside."""
        return language(self.reading.ask)

    @cached_property
    def prompt_tokens(self) -> int:
        """About how many tokens the prompt has."""
        return estimate_tokens(self.prompt.text) + self.prompt.token_ids
