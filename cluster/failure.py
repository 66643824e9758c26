"""The one sentence in a failed deployment's report that says what went wrong."""

from __future__ import annotations

import re

# A traceback's last line: the exception's name, perhaps with its module, and what it says.
_RAISED = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception|Failed|Exit|Timeout))\b:? ?(.*)$", re.ASCII)
_WRAPPERS = {"RayTaskError", "ActorDiedError"}
_LONGEST = 600


def cause(report: str) -> str:
    """Return what the innermost exception of *report* says; the report's first line where it holds none."""
    for line in reversed(report.splitlines()):
        found = _RAISED.match(line.strip())
        if found and found[1] not in _WRAPPERS:
            said = found[2].strip()
            return (said if found[1] == "EngineFailed" and said else f"{found[1]}: {said}".rstrip(": "))[:_LONGEST]
    return next((line.strip() for line in report.splitlines() if line.strip()), "no reason given")[:_LONGEST]
