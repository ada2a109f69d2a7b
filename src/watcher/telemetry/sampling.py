"""Which traces are recorded, decided where they begin."""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

DROPPED = SamplingResult(Decision.DROP)


class Heads(Sampler):
    """What belongs to a trace follows it.

    Of what begins one, requests were chosen before they came here, of background work the share `rate` is
    recorded, and lone questions to the database or the broker, as sweeps and presences ask them, never.
    """

    def __init__(self, rate: float) -> None:
        self._ratio = TraceIdRatioBased(rate)

    def should_sample(  # noqa: PLR0917 (as OpenTelemetry has it)
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            if not parent.trace_flags.sampled:
                return DROPPED
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        if kind is SpanKind.CLIENT:
            return DROPPED
        if kind is SpanKind.SERVER:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._ratio.should_sample(None, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"Heads({self._ratio.get_description()})"
