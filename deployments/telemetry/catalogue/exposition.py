"""What the exposition says of itself."""

from __future__ import annotations

from deployments.telemetry.catalogue.series import Series

PROCESSES = Series(
    name="tercet_exposition_processes",
    kind="gauge",
    text="Processes whose series are in this exposition (told), and those that did not answer in time (missing).",
    unit="processes",
    labels=("kind", "outcome"),
    told_by="controller",
)
