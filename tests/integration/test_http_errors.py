"""A spike of 5xx from end to end: what a real server answers is counted by its processes, and told."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import asyncpg

from tests.integration.conftest import Serve
from tests.integration.programs import Program, until
from tests.integration.receivers import WebServer, listening
from tests.integration.test_http_alerts import SCHEMES, begin_alerting
from tests.server import execute, fetch

SECONDS = 60.0
LATER = "UPDATE error_slot SET began_at = began_at - INTERVAL '1 hour'"


def test_a_spike_of_5xx_is_told_and_that_it_is_over(serve: Serve, fresh_database: str) -> None:
    web = WebServer()

    def server(**settings: str) -> AbstractContextManager[Program]:
        channel = f"name=hook url={web.url()}"
        return serve(
            fresh_database,
            alert_channels=channel,
            alert_schemes=SCHEMES,
            error_least="6",
            **settings,
            ready=True,
        )

    begin_alerting(fresh_database)
    with listening(web):
        with (
            server(workers="2", database_timeout="2") as api,
            api.client() as client,
        ):
            for _ in range(5):
                assert client.get("/pipeline_type").status_code == 200
            assert asyncio.run(fetch(fresh_database, "SELECT FROM error_slot")) == []

            async def locked() -> list[int]:
                connection = await asyncpg.connect(fresh_database)
                try:
                    async with connection.transaction():
                        await connection.execute("LOCK TABLE pipeline_type")
                        with ThreadPoolExecutor(8) as pool:
                            asking = [
                                asyncio.get_running_loop().run_in_executor(
                                    pool, lambda: client.get("/pipeline_type").status_code
                                )
                                for _ in range(8)
                            ]
                            return list(await asyncio.gather(*asking))
                finally:
                    await connection.close()

            assert set(asyncio.run(locked())) == {503}
            until(lambda: "Many requests fail" in web.titles(), SECONDS, "the spike is told")
        asyncio.run(execute(fresh_database, LATER))
        with server(workers="1"):
            over = "No longer do many requests fail"
            until(lambda: over in web.titles(), SECONDS, "the end is told")
    assert web.titles().count("Many requests fail") == 1
    ((source, total, failed),) = asyncio.run(
        fetch(fresh_database, "SELECT source, total, failed FROM error_spell")
    )
    assert source == "requests"
    assert isinstance(total, int)
    assert isinstance(failed, int)
    assert 6 <= failed <= total
