"""What a pool's prompts may hold beside text, and from where it may be fetched."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deployments.quantities import Seconds
from deployments.strict import Strict

Modality = Literal["image", "audio", "video"]
MODALITIES: tuple[Modality, ...] = ("image", "audio", "video")

MOST_PORT = 65535
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?", re.ASCII)


def _plain_host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError(
            "is not a host such as images.example.com or images.example.com:8443; write it in lower case and in ASCII "
            "(xn--...), with no scheme and no path"
        )
    if int(value.partition(":")[2] or 0) > MOST_PORT:
        raise ValueError(f"has a port greater than {MOST_PORT}")
    return value


Host = Annotated[str, AfterValidator(_plain_host)]
Count = Annotated[int, Field(strict=True, ge=0, le=256)]


class MediaSpec(Strict):
    """How many parts of each kind a request may hold; none of any unless it is said.

    Data URLs are read, files of the machine never. Other machines are asked only where ``allowed_hosts`` names them;
    without a port an entry means the scheme's own. ``max_pixels`` bounds one image once it is decoded.
    """

    images: Count = 0
    audio: Count = 0
    videos: Count = 0
    allowed_hosts: tuple[Host, ...] = ()
    max_pixels: int = Field(default=7680 * 4320, strict=True, ge=1, le=2**31)
    fetch_timeout: Seconds = Field(default=5.0, ge=1, le=300)

    def most(self, modality: Modality) -> int:
        """Return how many parts of *modality* one request may hold."""
        return {"image": self.images, "audio": self.audio, "video": self.videos}[modality]
