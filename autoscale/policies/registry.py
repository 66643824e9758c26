"""Every kind of policy by its key in the configuration; importing it makes the grammar know them."""

from __future__ import annotations

from autoscale.policies.combinator_specs import (
    BoundsSpec,
    CostCeilingSpec,
    HoldDownSpec,
    HoldUpSpec,
    MaxSpec,
    StepLimitSpec,
)
from autoscale.policies.error_budget import ErrorBudgetSpec
from autoscale.policies.forecast.spec import ForecastSpec
from autoscale.policies.grammar import KINDS, AnyPolicy
from autoscale.policies.kind import PolicySpec
from autoscale.policies.kv_saturation import KvSaturationSpec
from autoscale.policies.ongoing_requests import OngoingRequestsSpec
from autoscale.policies.queue import QueueSpec
from autoscale.policies.queue_drain import QueueDrainSpec
from autoscale.policies.schedule import ScheduleSpec
from autoscale.policies.sla.spec import SlaSpec
from autoscale.policies.third_party import PythonSpec

__all__ = ["KINDS", "AnyPolicy"]

_ALL: tuple[type[PolicySpec], ...] = (
    BoundsSpec,
    CostCeilingSpec,
    ErrorBudgetSpec,
    ForecastSpec,
    HoldDownSpec,
    HoldUpSpec,
    KvSaturationSpec,
    MaxSpec,
    OngoingRequestsSpec,
    PythonSpec,
    QueueDrainSpec,
    QueueSpec,
    ScheduleSpec,
    SlaSpec,
    StepLimitSpec,
)

KINDS.update({spec.kind: spec for spec in _ALL})
