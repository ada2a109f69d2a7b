"""Messages to Slack, mail, webhooks and a hundred more, by Apprise.

An URL is a secret, and nothing here repeats it. What Apprise and the libraries under it have to say, they say to nobody:
their loggers are cut off from all others. Why a message did not arrive is told in words of our own, chosen by what they
said of it.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from watcher.domain.alert_channels import BadChannels, Channel, Severity
from watcher.domain.deliveries import Message

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult

TALKATIVE = (
    "apprise",
    "urllib3",
    "requests",
    "requests_oauthlib",
    "oauthlib",
    "charset_normalizer",
    "markdown",
)
GRACE_SECONDS = 2.0
HTTP = re.compile(r"\berror=(\d{3})\b")
SMTP = re.compile(r"\((\d{3}), b['\"]")
REASONS = (
    (re.compile(r"refused", re.IGNORECASE), "the connection was refused"),
    (re.compile(r"timed? ?out|did not finish within", re.IGNORECASE), "there was no answer in time"),
    (
        re.compile(r"name or service|name resolution|getaddrinfo|nodename", re.IGNORECASE),
        "its host is not known",
    ),
    (re.compile(r"SSL|certificate", re.IGNORECASE), "TLS failed"),
    (re.compile(r"unreachable|no route", re.IGNORECASE), "its host cannot be reached"),
    (re.compile(r"reset by peer|closed|aborted", re.IGNORECASE), "the connection broke"),
)
UNKNOWN = "the service did not accept it"


class AppriseNotifier:
    """`Notifier` by Apprise. Nothing of that is loaded where there is no channel."""

    def __init__(self, channels: Sequence[Channel], timeout: float) -> None:
        """`timeout` bounds a delivery, in seconds. Raises `BadChannels` for an URL that Apprise cannot use."""
        self.channels = channels
        self._timeout = timeout
        self._services: Mapping[str, Apprise] = {
            channel.name: _service(channel, timeout) for channel in channels
        }

    async def send(self, channel: str, message: Message) -> str | None:
        try:
            async with asyncio.timeout(self._timeout + GRACE_SECONDS):
                result = await self._services[channel].async_notify(
                    title=message.title,
                    body=message.body,
                    body_format="text",
                    notify_type=_type(message),
                    timeout=self._timeout,
                    log_level=logging.DEBUG,
                )
        except TimeoutError:
            return "there was no answer in time"
        except Exception as error:  # noqa: BLE001  a plugin's mistake must hold nobody up, and its words may be secret
            return f"its plugin failed: {type(error).__name__}"
        return None if result else _reason(result)


def _silence() -> None:
    """Cuts off what Apprise and the libraries under it have to say, from the first word of it."""
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    logging.getLogger("apprise").setLevel(logging.DEBUG)  # why it failed is said there, for `_reason` alone


def _service(channel: Channel, timeout: float) -> "Apprise":
    _silence()
    from apprise import Apprise, AppriseAsset, OverflowMode, PersistentStoreMode  # noqa: PLC0415  8 MB, for who has channels

    asset = AppriseAsset(
        app_id="Watcher",
        app_desc="Watcher",
        app_url="",
        http_redirects=False,  # nobody else says where a message goes
        storage_mode=PersistentStoreMode.MEMORY,
    )
    service = Apprise.instantiate(channel.url, asset=asset, suppress_exceptions=True)
    if service is None:
        raise BadChannels(f"channel {channel.name!r}: its url is not one that Apprise can use")
    service.optional = False  # else a failure would count as a success
    service.retry = 0  # the database knows when to try again
    service.socket_connect_timeout = min(service.socket_connect_timeout, timeout)
    service.socket_read_timeout = min(service.socket_read_timeout, timeout)
    if "overflow=" not in channel.url:
        service.overflow_mode = (
            OverflowMode.SPLIT
        )  # a service for short messages would refuse a long one for ever
    notifier = Apprise(asset=asset)
    notifier.add(service)
    return notifier


def _type(message: Message) -> str:
    if message.ending:
        return "success"
    return {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}[
        message.severity
    ]


def _reason(result: "AppriseResult") -> str:
    """Why it failed, in words that only what was said chooses, and that repeat nothing of it."""
    said = "\n".join(str(entry.message) for service in result for entry in service.logs())
    for pattern, protocol in ((HTTP, "HTTP"), (SMTP, "SMTP")):
        code = pattern.search(said)
        if code is not None:
            return f"it answered {protocol} {_named(protocol, int(code[1]))}"
    return next((reason for pattern, reason in REASONS if pattern.search(said)), UNKNOWN)


def _named(protocol: str, code: int) -> str:
    known = protocol == "HTTP" and code in set(HTTPStatus)
    return f"{code} {HTTPStatus(code).phrase}" if known else str(code)
