"""Nothing that is to be noticed or told is lost or done twice, whatever is killed. Longer: `make test-watching-faults`."""

import pytest

from tests.broker import private_broker
from tests.integration.programs import free_port
from tests.integration.watching_faults import SHORT, survived, timed
from tests.server import Server


def test_every_run_is_judged_and_every_alert_sent_once_whatever_is_killed(
    postgres: Server,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with postgres.database(template) as dsn, private_broker(free_port()) as broker:
        report = survived(dsn, broker, tmp_path_factory.mktemp("cluster"), SHORT, timed)
    with capsys.disabled():
        print("", *report.lines(), sep="\n")  # noqa: T201
    assert report.problems() == []
