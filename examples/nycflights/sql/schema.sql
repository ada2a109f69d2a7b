CREATE TABLE IF NOT EXISTS flights (
    flight_date    DATE      NOT NULL,
    carrier        VARCHAR   NOT NULL,
    flight         INTEGER   NOT NULL,
    origin         VARCHAR   NOT NULL,
    dest           VARCHAR   NOT NULL,
    tailnum        VARCHAR,
    sched_dep_time SMALLINT  NOT NULL,
    dep_time       SMALLINT,
    dep_delay      SMALLINT,
    sched_arr_time SMALLINT  NOT NULL,
    arr_time       SMALLINT,
    arr_delay      SMALLINT,
    air_time       SMALLINT,
    distance       SMALLINT  NOT NULL,
    time_hour      TIMESTAMP NOT NULL,
    withdrawn      BOOLEAN   NOT NULL DEFAULT FALSE,
    PRIMARY KEY (flight_date, carrier, flight, origin)
);

CREATE TABLE IF NOT EXISTS delay_mart (
    flight_date          DATE    NOT NULL,
    carrier              VARCHAR NOT NULL,
    flights              INTEGER NOT NULL,
    cancelled            INTEGER NOT NULL,
    mean_departure_delay DOUBLE,
    mean_arrival_delay   DOUBLE,
    share_delayed        DOUBLE,
    PRIMARY KEY (flight_date, carrier)
);
