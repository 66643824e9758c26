"""One alert, as Prometheus has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Goes off when ``expr`` has held for ``lasting``; ``runbook`` names its page, and ``severity`` routes it."""

    name: str
    expr: str
    severity: str
    summary: str
    text: str
    runbook: str
    lasting: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self, runbooks: str) -> dict[str, Any]:
        """Return the rule; its page is below *runbooks*."""
        told: dict[str, Any] = {"alert": self.name, "expr": self.expr}
        if self.lasting:
            told["for"] = self.lasting
        return told | {
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.text,
                "runbook_url": f"{runbooks.rstrip('/')}/{self.runbook}.md",
            },
        }
