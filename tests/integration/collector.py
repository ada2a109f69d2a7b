"""Who collects telemetry: an OTLP/HTTP endpoint on 127.0.0.1 that can be asked for what it was sent."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True, slots=True)
class Span:
    service: str
    name: str
    trace: str
    identity: str
    parent: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """A measurement: of a histogram, how many there are."""

    service: str
    name: str
    value: float
    attributes: dict[str, str]


class Collector(ThreadingHTTPServer):
    """Keeps spans and points; `headers` are those of the last request, `paths` all that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.spans: list[Span] = []
        self.points: list[Point] = []
        self.paths: list[str] = []
        self.sent_headers: dict[str, str] = {}

    def take(self, path: str, body: bytes) -> None:
        self.paths.append(path)
        if path == "/v1/traces":
            self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        if path == "/v1/metrics":
            self.points += _points(ExportMetricsServiceRequest.FromString(body))

    def named(self, name: str, service: str = "") -> list[Span]:
        return [span for span in self.spans if span.name == name and service in ("", span.service)]

    def of_trace(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]

    def metric(self, name: str, service: str, attributes: dict[str, str]) -> list[Point]:
        return [
            each
            for each in self.points
            if (each.name, each.service) == (name, service) and attributes.items() <= each.attributes.items()
        ]


class _Receiver(BaseHTTPRequestHandler):
    server: Collector
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.sent_headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.take(self.path, body)
        self._answer(b"")

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self._answer(b'{"project_name": "tests", "project_url": "http://127.0.0.1"}')

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        service = _flat(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _flat(span.attributes),
                )


def _points(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    for resource in request.resource_metrics:
        service = _flat(resource.resource.attributes)["service.name"]
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for count in metric.histogram.data_points:
                    yield Point(service, metric.name, count.count, _flat(count.attributes))
                for number in (*metric.gauge.data_points, *metric.sum.data_points):
                    value = number.as_double or number.as_int
                    yield Point(service, metric.name, value, _flat(number.attributes))


def _flat(attributes: "list[KeyValue]") -> dict[str, str]:
    return {each.key: each.value.string_value or str(each.value.int_value) for each in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
