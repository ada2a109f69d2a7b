"""Bodies about anomaly rules and flags."""

from typing import Annotated, TypeAlias, cast

from pydantic import Field

from watcher.domain.anomaly import LOOKBACK_LIMIT, MINIMUM_LIMITS, Z_LIMIT, AnomalyRule, MetricField
from watcher.domain.anomaly_rules import AnomalyRuleChanges
from watcher.entrypoints.http.bodies.fields import Body, Identity
from watcher.entrypoints.http.scalars import Integer

Threshold: TypeAlias = Annotated[
    float,
    Field(gt=0, le=Z_LIMIT, description="How far from what was expected, in robust standard deviations."),
]
Lookback: TypeAlias = Annotated[
    int, Integer(1, LOOKBACK_LIMIT), Field(description="Days of history to judge by.")
]
Minimum: TypeAlias = Annotated[
    int,
    Integer(*MINIMUM_LIMITS),
    Field(description="Earlier successful runs with this metric before there is a verdict."),
]


class AnomalyRuleBody(Body):
    pipeline_id: Identity
    metric_field: MetricField
    z_threshold: Threshold = 3.0
    lookback_days: Lookback = 30
    minimum_executions: Minimum = 30
    active: bool = True

    def rule(self) -> AnomalyRule:
        return AnomalyRule(**dict(self))


class AnomalyRulePatch(Body):
    """Changes only the fields that it names."""

    id: Identity
    z_threshold: Threshold = Field(default_factory=float)
    lookback_days: Lookback = Field(default_factory=int)
    minimum_executions: Minimum = Field(default_factory=int)
    active: bool = Field(default_factory=bool)

    def change(self) -> tuple[int, AnomalyRuleChanges]:
        changes = {field: getattr(self, field) for field in self.model_fields_set - {"id"}}
        return self.id, cast("AnomalyRuleChanges", changes)


class UnflagBody(Body):
    pipeline_id: Identity
    pipeline_execution_id: Identity
    metric_field: Annotated[
        list[MetricField], Field(min_length=1, max_length=100, description="The metrics that were all right.")
    ]
