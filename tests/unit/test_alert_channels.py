"""Channels are read from one line or from many, and what is wrong with them is said without their secrets."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from tests.logs import logged
from watcher.adapters.apprise_notifier import AppriseNotifier
from watcher.domain.alert_channels import BadChannels, Channel, Severity, channels
from watcher.settings import Settings

SECRET = "T0pSecret"  # noqa: S105  it opens nothing
SLACK = f"slack://{SECRET}A/{SECRET}B/{SECRET}C/#ops"


def test_channels_are_read_from_one_line() -> None:
    found = channels(
        f"name=ops severity>=warning url={SLACK} name=all url=jsons://host/x", ["slack", "jsons"]
    )
    assert found == [
        Channel("ops", Severity.WARNING, SLACK),
        Channel("all", Severity.INFO, "jsons://host/x"),
    ]


def test_channels_are_read_from_many_lines_with_comments() -> None:
    text = f"# who is on call\nname=pager\n  url={SLACK}\n  severity>=critical\n\n# name=x\n"
    assert channels(text, ["Slack"]) == [Channel("pager", Severity.CRITICAL, SLACK)]


def test_no_text_is_no_channel() -> None:
    assert channels(" \n# nothing\n", ["slack"]) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SLACK, "word 1 is not what is expected"),
        (f"url={SLACK} name=a", "word 1 is not what is expected"),
        (f"name=a {SLACK}", "word 2 is not what is expected"),
        (f"name=a severity=info url={SLACK}", "word 2 is not what is expected"),
        (f"name=a severity>={SECRET} url={SLACK}", "channel 'a': its severity is none of info, warning, critical"),
        (f"name={SECRET}/x url={SLACK}", "the name of channel 1 is not"),
        (f"name= url={SLACK}", "the name of channel 1 is not"),
        (f"name={'a' * 51} url={SLACK}", "the name of channel 1 is not"),
        ("name=a", "channel 'a': its url does not look like scheme://..."),
        (f"name=a url={SECRET}", "channel 'a': its url does not look like scheme://..."),
        (f"name=a url=json://{SECRET}@127.0.0.1", "channel 'a': the scheme of its url is not allowed"),
        (f"name=a url=file:///{SECRET}", "channel 'a': the scheme of its url is not allowed"),
        (f"name=a url={SLACK} url={SLACK}", "channel 1 has 'url=' twice"),
        (f"name=a url={SLACK} name=a url={SLACK}", "2 channels have the name 'a'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_without_a_secret(text: str, told: str) -> None:
    with pytest.raises(BadChannels) as refused:
        channels(text, ["slack"])
    assert str(refused.value).startswith(told)
    assert SECRET not in str(refused.value)
    with pytest.raises(ValidationError) as invalid:
        Settings(alert_channels=SecretStr(text))
    assert told in str(invalid.value)
    assert SECRET not in f"{invalid.value} {invalid.value!r}"


def test_a_channel_does_not_show_its_url() -> None:
    assert SECRET not in repr(Channel("ops", Severity.INFO, SLACK))


def test_channels_of_the_setting_and_of_the_file_come_together(tmp_path: Path) -> None:
    file = tmp_path / "channels"
    file.write_text(f"name=b severity>=critical url={SLACK}")
    settings = Settings(alert_channels=SecretStr(f"name=a url={SLACK}"), alert_channels_file=file)
    assert [channel.name for channel in settings.channels()] == ["a", "b"]
    assert SECRET not in f"{settings!r}"
    with pytest.raises(ValidationError, match="2 channels have the name 'b'"):
        Settings(alert_channels=SecretStr(f"name=b url={SLACK}"), alert_channels_file=file)
    with pytest.raises(ValidationError, match="the file cannot be read: FileNotFoundError"):
        Settings(alert_channels_file=tmp_path / "none")


def test_the_schemes_are_a_setting() -> None:
    webhook = SecretStr("name=a url=json://127.0.0.1")
    with pytest.raises(ValidationError, match="is not allowed"):
        Settings(alert_channels=webhook)
    (channel,) = Settings(alert_channels=webhook, alert_schemes="slack, json").channels()
    assert channel.name == "a"


@pytest.mark.parametrize("url", [f"slack://{SECRET}", f"pagerduty://{SECRET}", "mailtos://"])
def test_an_url_that_cannot_be_used_is_refused_without_a_secret(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with logged() as log, pytest.raises(BadChannels) as refused:
        AppriseNotifier([Channel("a", Severity.INFO, url)], 1.0)
    assert str(refused.value) == "channel 'a': its url is not one that Apprise can use"
    assert SECRET not in f"{log.getvalue()} {capsys.readouterr()}"
