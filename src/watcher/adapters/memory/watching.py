"""What is watched for anomalies and what still has to be judged, in dictionaries."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count

from watcher.domain.anomaly import AnomalyRule, MetricField
from watcher.domain.anomaly_incident import AnomalyIncident, IncidentEnding
from watcher.domain.anomaly_results import AnomalyDetectionResult
from watcher.domain.anomaly_rules import AnomalyDetectionRule, automatic, declaration_digest


class Watching:
    """The rules, the runs that wait for them, the verdicts and the incidents: what the adapters of them share.

    `metric_fields` are watched in each new pipeline.
    """

    def __init__(self, metric_fields: Sequence[MetricField] | None = None) -> None:
        self._metric_fields = metric_fields or ()
        self.rules: dict[int, AnomalyDetectionRule] = {}
        self.declarations: dict[int, bytes] = {}
        self.judged_to: dict[int, datetime] = {}
        self.pending: dict[int, Sequence[int]] = {}
        self.results: dict[int, AnomalyDetectionResult] = {}
        self.incidents: dict[int, AnomalyIncident] = {}
        self.incident_of: dict[int, int] = {}
        self._by_execution: dict[int, list[int]] = {}
        self._rule_ids, self.result_ids, self.incident_ids = count(1), count(1), count(1)

    def created(self, pipeline_id: int, now: datetime) -> None:
        """The rules that a new pipeline gets by itself."""
        for rule in automatic(pipeline_id, self._metric_fields):
            self.add(rule, now)

    def add(self, rule: AnomalyRule, now: datetime) -> int:
        identity = next(self._rule_ids)
        self.rules[identity] = AnomalyDetectionRule.declared(identity, rule, now)
        self.declarations[identity] = declaration_digest(rule)
        return identity

    def ended(self, execution_id: int, pipeline_id: int) -> bool:
        """Whether a run that just succeeded is to be judged; from now on it waits."""
        rules = [rule.id for rule in self.rules.values() if rule.pipeline_id == pipeline_id and rule.active]
        if rules:
            self.pending[execution_id] = rules
        return bool(rules)

    def put(self, rule: AnomalyDetectionRule, now: datetime) -> None:
        """Keeps the rule as it is now; one that is no longer active has no open incident."""
        self.rules[rule.id] = rule
        lasting = self.lasting(rule.id)
        if lasting is not None and not rule.active:
            self.incidents[lasting.id] = lasting.over(IncidentEnding.DEACTIVATED, now)

    def lasting(self, rule_id: int) -> AnomalyIncident | None:
        """The open incident of the rule."""
        mine = (each for each in self.incidents.values() if each.rule_id == rule_id)
        return next((each for each in mine if each.ended_at is None), None)

    def keep(self, result: AnomalyDetectionResult) -> None:
        self.results[result.id] = result
        self._by_execution.setdefault(result.pipeline_execution_id, []).append(result.id)

    def of(self, execution_id: int) -> list[AnomalyDetectionResult]:
        """The verdicts on a run."""
        return [self.results[each] for each in self._by_execution.get(execution_id, ())]

    def flags(self, execution_id: int) -> dict[str, bool] | None:
        """What is flagged in a run, by the metrics of which there is a verdict."""
        judged = [result for result in self.of(execution_id) if result.bucket is not None]
        return {result.metric_field.value: result.flagged for result in judged} or None

    def forget(self, executions: Iterable[int]) -> None:
        """All about these runs, and the incidents of which they are the last ones."""
        gone = set(executions)
        for each in gone:
            self.pending.pop(each, None)
            for result in self._by_execution.pop(each, ()):
                del self.results[result]
        self.incidents = {
            each.id: each for each in self.incidents.values() if each.last_execution_id not in gone
        }
