"""Kinds of values that several sections have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from deployments.strict import Strict

Text = Annotated[str, Field(min_length=1)]
# Pods are named for their release and group, and a name has 63 letters.
GroupName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
Name = Annotated[str, Field(max_length=40, pattern=r"^([a-z]([a-z0-9-]*[a-z0-9])?)?$")]
Open = dict[str, Any]
Labels = dict[str, str]
WholeCores = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[0-9]+$")]
Memory = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)$")]


class SecretKey(Strict):
    """One entry of a Secret; none where ``name`` is empty."""

    name: str = ""
    key: Text = "token"
