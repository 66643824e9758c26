"""The audit trail as configured."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from deployments.quantities import Bytes, Seconds
from deployments.strict import Strict


class Retention(Strict):
    """Files whose last line is older than ``days`` are removed, and the oldest while there are more ``bytes``.

    No bound by default: what may be removed, and when, is the law's business. Each removal is a record itself.
    """

    days: float | None = Field(default=None, gt=0, le=36500)
    bytes: Bytes | None = Field(default=None, ge=2**20)


class AuditSettings(Strict):
    """What is kept of every generation, where, and what happens when that cannot be.

    ``text`` says what is kept of prompts and answers: their hashes, all of it, or neither. ``on_failure``: ``refuse``
    ends requests that cannot be recorded with an error and takes no new ones, ``degrade`` answers them and says so.
    A record that is not on the disk after ``wait`` counts as one that cannot be. ``folder`` is by default below the
    gateway's state directory, which does not outlive the machine. ``key_file`` holds the Ed25519 key that signs;
    without one, a key is made in the folder, and whoever may write there may sign. At most ``checkpoint`` passes until
    a record is signed. A file is closed at ``file`` bytes. At most ``buffer`` bytes of records, and of what they are
    made of, wait for a disk that is away; a record for which there is no room is lost, and the chain tells how many.
    """

    enabled: bool = Field(default=False, strict=True)
    folder: str | None = Field(default=None, pattern=r"^/", max_length=4096)
    key_file: str | None = Field(default=None, pattern=r"^/", max_length=4096)
    text: Literal["hash", "full", "none"] = "hash"
    on_failure: Literal["refuse", "degrade"] = "refuse"
    wait: Seconds = Field(default=5.0, gt=0, le=300)
    checkpoint: Seconds = Field(default=1.0, gt=0, le=3600)
    file: Bytes = Field(default=64 * 2**20, ge=2**16)
    buffer: Bytes = Field(default=16 * 2**20, ge=2**16)
    keep: Retention = Retention()

    @model_validator(mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value
