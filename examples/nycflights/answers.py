"""What Watcher answers, as far as it is read here."""

from typing import TypedDict


class PipelineRow(TypedDict):
    id: int
    name: str
    watermark: str | None
    next_watermark: str | None
    last_target_insert: str | None
    last_target_update: str | None
    last_target_soft_delete: str | None


class ExecutionRow(TypedDict):
    id: int
    parent_id: int | None
    pipeline_id: int
    start_date: str
    end_date: str | None
    duration_seconds: int | None
    completed_successfully: bool | None
    inserts: int | None
    updates: int | None
    soft_deletes: int | None
    total_rows: int | None
    watermark: str | None
    next_watermark: str | None
    execution_metadata: dict[str, object] | None


class ExecutionTree(ExecutionRow):
    child_executions: list["ExecutionTree"]


class LastRun(TypedDict):
    id: int
    state: str
    start_date: str
    end_date: str | None


class Writer(TypedDict):
    id: int
    name: str
    last_run: LastRun | None


class Affected(TypedDict):
    id: int
    name: str
    type: str
    pipelines: list[Writer]


class Level(TypedDict):
    depth: int
    addresses: list[Affected]


class Verdict(TypedDict):
    id: int
    rule_id: int
    pipeline_id: int
    start_date: str
    standing: str
    sentence: str


class Incident(TypedDict):
    id: int
    rule_id: int
    pipeline_id: int
    first_start: str
    last_start: str
    runs: int
    sentence: str
    ended_at: str | None
    ending: str | None


class StaleSpell(TypedDict):
    id: int
    pipeline_id: int
    pipeline_name: str
    detected_at: str
    last_change: str | None
    due_at: str
    ended_at: str | None
    ending: str | None


class LateRun(TypedDict):
    id: int
    pipeline_execution_id: int
    pipeline_id: int
    pipeline_name: str
    start_date: str
    due_at: str
    end_date: str | None
    completed_successfully: bool | None


class Alert(TypedDict):
    id: int
    kind: str
    spell_id: int
    pipeline_id: int | None
    opened_at: str
    ended_at: str | None
    sentence: str
    opening_delivered_at: str | None
    ending_delivered_at: str | None
