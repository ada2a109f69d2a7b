"""Thresholds: what a check holds a pipeline to, which is its own span or else that of its type."""

from dataclasses import dataclass

from watcher.domain.pipeline import Pipeline
from watcher.domain.pipeline_type import PipelineType
from watcher.domain.span import Span


@dataclass(frozen=True, slots=True)
class Threshold:
    """A span, and whether it is the pipeline's own."""

    span: Span
    own: bool


def freshness_threshold(pipeline: Pipeline, pipeline_type: PipelineType) -> Threshold | None:
    """How long the pipeline's target may stay unchanged."""
    return _chosen(
        Span.of(pipeline.freshness_number, pipeline.freshness_datepart),
        Span.of(pipeline_type.freshness_number, pipeline_type.freshness_datepart),
    )


def timeliness_threshold(pipeline: Pipeline, pipeline_type: PipelineType) -> Threshold | None:
    """How long a run of the pipeline may take."""
    return _chosen(
        Span.of(pipeline.timeliness_number, pipeline.timeliness_datepart),
        Span.of(pipeline_type.timeliness_number, pipeline_type.timeliness_datepart),
    )


def _chosen(own: Span | None, of_type: Span | None) -> Threshold | None:
    if own is not None:
        return Threshold(own, own=True)
    return None if of_type is None else Threshold(of_type, own=False)
