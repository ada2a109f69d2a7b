"""How much a server takes on, and for how long: processes, connections, requests."""

from typing import Annotated

from pydantic import BaseModel, Field


class LimitSettings(BaseModel):
    """The bounds of one server, and of what clients send it."""

    workers: Annotated[int, Field(ge=1, le=256, description="Processes that serve the API.")] = 2
    pool_size: Annotated[
        int,
        Field(
            ge=0,
            le=1_000,
            description="Most database connections of one worker; 0 derives it from the number of workers "
            "and the database's `max_connections`.",
        ),
    ] = 0
    database_timeout: Annotated[
        float,
        Field(gt=0, le=3_600, description="Seconds to wait for a connection, and for a statement, at most."),
    ] = 10.0
    body_limit: Annotated[
        int, Field(ge=1_024, le=2**31, description="Largest request body, in bytes; beyond it: 413.")
    ] = 16 * 2**20
    head_limit: Annotated[
        int,
        Field(
            ge=1_024,
            le=2**20,
            description="Largest request line and headers together, in bytes; beyond it: 431.",
        ),
    ] = 32 * 2**10
    head_timeout: Annotated[
        float,
        Field(
            gt=0,
            le=3_600,
            description="Seconds in which a client must have sent the head of a request; else 408.",
        ),
    ] = 10.0
    body_timeout: Annotated[
        float,
        Field(
            gt=0,
            le=3_600,
            description="Seconds in which a client must have sent the body of a request; else 408.",
        ),
    ] = 60.0
    request_limit: Annotated[
        int,
        Field(
            ge=1,
            le=100_000,
            description="Requests that one process works on at a time; beyond it: 503, at once.",
        ),
    ] = 1_000
    connection_limit: Annotated[
        int,
        Field(ge=1, le=100_000, description="Connections that one process serves at a time; beyond it: 503."),
    ] = 2_000
    rate_limit: Annotated[
        float,
        Field(
            ge=0,
            le=1_000_000,
            description="Requests per second that a caller may send in the long run; beyond it: 429. 0 is no limit.",
        ),
    ] = 0.0
    rate_burst: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="Requests that a caller who was quiet may send at once, where there is a limit.",
        ),
    ] = 100
    graceful_timeout: Annotated[
        int, Field(ge=1, le=3_600, description="Seconds that requests under way get to finish at shutdown.")
    ] = 30
