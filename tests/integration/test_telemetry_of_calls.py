"""What a server asks of others is in its traces: alerts to channels, and the keys of an issuer."""

import httpx
import pytest

from tests.integration.collector import Collector, Span, collector
from tests.integration.conftest import Serve
from tests.integration.keys import bearing
from tests.integration.programs import until
from tests.integration.receivers import WebServer, listening
from tests.integration.test_http_checks import HOURLY, ago
from tests.integration.test_telemetry import OFTEN, SECONDS, in_line
from tests.issuer import issuing

SECRET = "path-of-the-channel"  # noqa: S105 (of a server that lives as long as a test)


def only(otlp: Collector, name: str) -> Span:
    until(lambda: otlp.named(name) != [], SECONDS, name)
    (span,) = otlp.named(name)
    return span


def is_below(otlp: Collector, name: str, above: str) -> None:
    until(lambda: ("watcher-api", above) in in_line(otlp, name), SECONDS, f"{name} below {above}")


def _tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOGFIRE_TOKEN", raising=False)
    for name, value in OFTEN.items():
        monkeypatch.setenv(name, value)


def _goes_stale(client: httpx.Client) -> None:
    body = {"name": "orders", "pipeline_type_name": "load"} | HOURLY
    identity = client.post("/pipeline", json=body).raise_for_status().json()["id"]
    change = {"id": identity, "last_target_insert": ago(hours=2)}
    client.patch("/pipeline", json=change).raise_for_status()
    client.post("/freshness").raise_for_status()


@pytest.mark.parametrize("query", ["", f"?token={SECRET}"])
def test_alerts_and_keys_of_an_issuer_are_spans_of_the_request_that_set_them_off(
    serve: Serve, fresh_database: str, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    web = WebServer()
    _tell(monkeypatch)
    with collector() as otlp, issuing() as issuer, listening(web):
        issuer.documents[f"/keys{query}"] = issuer.documents["/keys"]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.url)
        with (
            serve(
                fresh_database,
                workers="1",
                authentication="keys",
                oidc_issuer=issuer.url,
                oidc_audience=issuer.audience,
                ingestion_trace_rate="1",
                alert_channels=f"name=ops url={web.url(SECRET)}",
                alert_schemes="json",
                oidc_jwks_url=query and f"{issuer.jwks_url}{query}",
            ) as api,
            api.client() as client,
        ):
            client.headers.update(bearing(issuer.token(scope="watcher:admin")))
            _goes_stale(client)
            sent, read = only(otlp, "send/alert"), only(otlp, "read/issuer_keys")
            is_below(otlp, "read/issuer_keys", "POST /pipeline")
            is_below(otlp, "send/alert", "run/send_alerts")
        assert sent.attributes["watcher.channel"] == "ops"
        assert sent.attributes["watcher.channel.kind"] == "json"
        assert sent.attributes["watcher.outcome"] == "delivered"
        assert read.attributes["watcher.outcome"] == "read"
        documents = [span for span in otlp.named("GET") if span.parent == read.identity]
        asked = [f"/keys{query}"] if query else ["/.well-known/openid-configuration", "/keys"]
        assert issuer.asked == asked
        assert [span.attributes["http.target"] for span in documents] == ([] if query else asked)
        if not query:
            assert issuer.traces == [f"00-{read.trace}-{span.identity}-01" for span in documents]
        assert [span for span in otlp.spans if SECRET in str(span)] == []
