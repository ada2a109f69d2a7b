"""A real server over HTTP: `watcher api` in processes of its own, on PostgreSQL."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import asyncpg
import httpx
import pytest

from examples.nycflights import dataset
from examples.nycflights.landing import Landing
from tests.broker import Broker, private_broker
from tests.contract.world import EMPTYING
from tests.integration.bearers import accepting
from tests.integration.clusters import QUICK, Postgres, end_server, temporary
from tests.integration.flights import Site
from tests.integration.plans import MANY
from tests.integration.programs import Program, free_port, served
from tests.integration.wire import Wire
from tests.issuer import Issuer, issuing
from tests.server import Server, Standing, execute
from watcher.adapters.embedded import EmbeddedPostgres
from watcher.adapters.identity.bearer_tokens import BearerTokens
from watcher.adapters.postgres.connections import SERVER_SETTINGS
from watcher.adapters.postgres.migrate import migrate

TIMEOUT = 2.0
"""WATCHER_DATABASE_TIMEOUT in seconds of the servers whose database is maltreated."""

FROM_ONE = [
    "ALTER SEQUENCE anomaly_detection_result_id_seq RESTART",
    "ALTER SEQUENCE anomaly_detection_rule_id_seq RESTART",
    "ALTER SEQUENCE anomaly_incident_id_seq RESTART",
    "ALTER SEQUENCE alert_id_seq RESTART",
    "ALTER SEQUENCE alert_message_id_seq RESTART",
    "ALTER SEQUENCE alert_delivery_id_seq RESTART",
    "ALTER SEQUENCE freshness_pipeline_log_id_seq RESTART",
    "ALTER SEQUENCE timeliness_pipeline_execution_log_id_seq RESTART",
    "ALTER SEQUENCE address_id_seq RESTART",
    "ALTER SEQUENCE address_type_id_seq RESTART",
    "ALTER SEQUENCE pipeline_execution_id_seq RESTART",
    "ALTER SEQUENCE pipeline_id_seq RESTART",
    "ALTER SEQUENCE pipeline_type_id_seq RESTART",
]


class Serve(Protocol):
    """Starts a `watcher api` on the DSN, with `WATCHER_` settings by their names in lower case."""

    def __call__(
        self, dsn: str, *, ready: bool = True, **settings: str
    ) -> AbstractContextManager[Program]: ...


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """Servers of a test's own."""
    with tempfile.TemporaryDirectory(prefix="watcher-api-") as directory:
        count = iter(range(10_000))

        def start(dsn: str, *, ready: bool = True, **settings: str) -> AbstractContextManager[Program]:
            return served(Path(directory) / f"api-{next(count)}.log", dsn, ready=ready, **settings)

        yield start


@pytest.fixture(scope="session")
def api(serve: Serve, database: str) -> Iterator[Program]:
    """The server that tests share, with two workers, on the database that tests share."""
    with serve(database, workers="2") as program:
        yield program


@pytest.fixture(scope="session")
def _client(api: Program) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def watcher_url(api: Program, standing: Standing) -> str:
    """Where a Watcher listens that knows nothing yet."""
    standing.execute(";".join((*EMPTYING, *FROM_ONE)))
    return api.url


@pytest.fixture
def client(watcher_url: str, _client: httpx.Client) -> httpx.Client:  # noqa: ARG001 (empties the database)
    """Speaks HTTP with a Watcher that knows nothing yet."""
    return _client


@pytest.fixture
def wire(client: httpx.Client, database: str, standing: Standing) -> Wire:
    """Speaks the protocol with a Watcher that knows nothing yet."""
    return Wire(client, database, standing)


@pytest.fixture
def place() -> Iterator[Path]:
    with temporary() as directory:
        yield directory


@pytest.fixture
def new_home(place: Path) -> Path:
    return place / "home"


@pytest.fixture(scope="module")
def used_home() -> Iterator[Path]:
    """One cluster for all tests that do not need a new one: making it takes a second."""
    with temporary() as directory:
        with EmbeddedPostgres(directory / "home", settings=QUICK):
            pass
        yield directory / "home"


@pytest.fixture
def home(used_home: Path) -> Iterator[Path]:
    yield used_home
    end_server(used_home)


@pytest.fixture(scope="module")
def durable() -> Iterator[Postgres]:
    """fsync is on. Its directory can be entered by the user who runs PostgreSQL when we are root."""
    with tempfile.TemporaryDirectory(prefix="watcher-faults-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        postgres = Postgres(Path(directory) / "home")
        with postgres.cluster:
            asyncio.run(migrate(postgres.dsn))
            yield postgres


@pytest.fixture(scope="module")
def server(serve: Serve, durable: Postgres) -> Iterator[Program]:
    """A server that outlives all that happens around it."""
    with serve(durable.dsn, workers="2", database_timeout=str(TIMEOUT)) as api:
        yield api


@pytest.fixture
def mortal(serve: Serve, durable: Postgres) -> Iterator[Program]:
    """A server that the test will end."""
    with serve(durable.dsn, workers="2") as api:
        yield api


@pytest.fixture(scope="session")
def flights() -> dataset.Flights:
    """The data set of the flights example."""
    return dataset.Flights.read(dataset.fetch())


@pytest.fixture
def site(watcher_url: str, tmp_path: Path, flights: dataset.Flights) -> Site:
    """The flights example, reporting to a Watcher that knows nothing yet."""
    return Site(watcher_url, tmp_path, Landing(tmp_path / "landing"), flights)


@pytest.fixture(scope="session")
def large(postgres: Server, template: str) -> Iterator[str]:
    """A database with 50,000 executions of 5,000 pipelines, 20,000 addresses, and more that follows from them."""
    with postgres.database(template) as dsn:
        asyncio.run(execute(dsn, MANY.read_text()))
        yield dsn


@pytest.fixture(scope="module")
async def connection(large: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection, as Watcher has them, to the large database."""
    connection = await asyncpg.connect(large, server_settings=SERVER_SETTINGS)
    yield connection
    await connection.close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
async def tokens(issuer: Issuer) -> AsyncIterator[BearerTokens]:
    tokens = accepting(issuer)
    yield tokens
    await tokens.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker
