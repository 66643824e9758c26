"""From the configured section to the answer cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from deployments.answers.levels import Answers, Counted, uncounted
from deployments.answers.settings import AnswersSettings
from deployments.answers.sqlite_store import SqliteStore
from deployments.answers.store import AnswerStore

FILE = "answers.sqlite"


def opened(
    settings: AnswersSettings,
    folder: Path | None,
    *,
    clock: Callable[[], float] = time.monotonic,
    counted: Counted = uncounted,
) -> Answers:
    """Return the cache; nothing is opened before it is used. *folder* is where answers are kept by default."""
    return Answers(settings, _store(settings, folder), clock=clock, counted=counted)


def _store(settings: AnswersSettings, folder: Path | None) -> AnswerStore | None:
    if settings.redis is not None:
        # Most gateways need no Redis client.
        from deployments.answers.redis_store import RedisStore  # noqa: PLC0415

        return RedisStore(settings.redis)
    where = Path(settings.disk.folder) if settings.disk.folder is not None else folder
    if not settings.disk.enabled or where is None:
        return None
    return SqliteStore(where / FILE, settings.disk.most)
