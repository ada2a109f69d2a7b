"""Messages arrive at real receivers; where they do not it is said why, in time, and without a secret."""

import asyncio
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.integration.programs import free_port
from tests.integration.receivers import MailServer, WebServer, listening, silent
from tests.logs import logged
from watcher.adapters.apprise_notifier import AppriseNotifier
from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.deliveries import Message

SECRETS = ("passwd-7", "path-t0ken", "query-t0ken")
MESSAGE = Message(
    id=17,
    severity=Severity.WARNING,
    ending=False,
    title="2 pipelines are stale",
    text="- orders <!channel>\n- b",
)


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    with listening(server):
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    with listening(server):
        yield server


async def sent(url: str, message: Message = MESSAGE) -> str | None:
    return await AppriseNotifier([Channel("a", Severity.INFO, url)], 5.0).send("a", message)


def text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def test_a_webhook_gets_the_message_with_its_id(web: WebServer) -> None:
    assert await sent(web.url("hook")) is None
    ((path, body),) = web.posted
    assert path == "/hook"
    assert body["title"] == MESSAGE.title
    assert body["message"] == "- orders <!channel>\n- b\n\nWatcher message 17"
    assert body["type"] == "warning"


@pytest.mark.parametrize(
    ("severity", "ending", "told"),
    [
        (Severity.INFO, False, "info"),
        (Severity.CRITICAL, False, "failure"),
        (Severity.INFO, True, "success"),
    ],
)
async def test_the_severity_reaches_the_receiver(
    web: WebServer, severity: Severity, ending: bool, told: str
) -> None:
    await sent(web.url(), Message(id=1, severity=severity, ending=ending, title="t", text="x"))
    assert web.posted[0][1]["type"] == told


async def test_a_mail_arrives(mail: MailServer) -> None:
    assert await sent(mail.url()) is None
    (found,) = mail.mails
    assert found["Subject"] == "2 pipelines are stale"
    assert found["To"] == "ops@example.org"
    assert "- orders <!channel>" in text(found)
    assert "Watcher message 17" in text(found)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "it answered HTTP 500 Internal Server Error"),
        (302, "it answered HTTP 302 Found"),
        (404, "it answered HTTP 404 Not Found"),
        (401, "it answered HTTP 401 Unauthorized"),
        (429, "it answered HTTP 429 Too Many Requests"),
    ],
)
async def test_what_a_webhook_answered_is_the_reason(web: WebServer, status: int, reason: str) -> None:
    web.answers = [status]
    assert await sent(web.url("x", retry="3", optional="yes")) == reason
    assert len(web.posted) == 1


async def test_a_mail_that_is_refused_failed(mail: MailServer) -> None:
    mail.refuses = True
    reason = await sent(mail.url())
    assert reason is not None
    assert "550" in reason or "not accept" in reason
    assert mail.mails == []


async def test_who_does_not_listen_or_exist_is_told_apart() -> None:
    assert await sent(f"json://127.0.0.1:{free_port()}") == "the connection was refused"
    assert await sent(
        f"mailto://127.0.0.1:{free_port()}/?from=a@example.org&to=b@example.org&mode=insecure"
    ) == ("the connection was refused")
    assert await sent("json://no-such-host.invalid") in (
        "its host is not known",
        "its host cannot be reached",
    )


@pytest.mark.parametrize("scheme", ["json", "mailto"])
async def test_who_never_answers_is_given_up_in_time_and_holds_nobody_up(scheme: str) -> None:
    longest = 0.0

    async def ticking() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)

    with silent() as port:
        url = f"{scheme}://127.0.0.1:{port}/?from=a@example.org&to=b@example.org&mode=insecure&rto=60&cto=60"
        notifier = AppriseNotifier([Channel("a", Severity.INFO, url)], 1.0)
        ticker = asyncio.create_task(ticking())
        began = time.monotonic()
        assert await notifier.send("a", MESSAGE) == "there was no answer in time"
        assert 0.9 < time.monotonic() - began < 3.5
        ticker.cancel()
    assert longest < 0.5


async def test_nothing_that_is_logged_or_said_has_a_secret(
    web: WebServer, capsys: pytest.CaptureFixture[str]
) -> None:
    password, path, query = SECRETS
    url = web.url(path, f"user:{password}@", **{"+X-Key": query, "-t": query})
    web.answers = [200, 500]
    with logged() as log:
        said = [await sent(url) for _ in range(2)]
        said.append(await sent(url.replace("127.0.0.1", "127.0.0.1:1/x", 1)))
        said.append(await sent(f"json://user:{password}@127.0.0.1:{free_port()}/{path}"))
    assert [path for path, _ in web.posted] == [f"/{path}"] * 2
    assert said[0] is None
    everything = f"{log.getvalue()} {said} {capsys.readouterr()}"
    assert [secret for secret in SECRETS if secret in everything] == []


class Broken:
    """A service whose plugin has a mistake, and repeats a secret."""

    async def async_notify(self, **_: object) -> bool:
        raise RuntimeError(SECRETS[0])


async def test_a_plugin_that_fails_is_a_reason_without_its_words(web: WebServer) -> None:
    notifier = AppriseNotifier([Channel("a", Severity.INFO, web.url())], 1.0)
    notifier._services = {"a": Broken()}  # type: ignore[dict-item]
    assert await notifier.send("a", MESSAGE) == "its plugin failed: RuntimeError"
