-- Delays are means over the flights which have one: a cancelled flight is counted, not averaged in.
MERGE INTO delay_mart AS target
USING (
    SELECT
        flight_date,
        carrier,
        count(*) AS flights,
        count(*) FILTER (WHERE dep_time IS NULL) AS cancelled,
        avg(dep_delay) AS mean_departure_delay,
        avg(arr_delay) AS mean_arrival_delay,
        avg(CASE WHEN dep_delay > 15 THEN 1 WHEN dep_delay IS NOT NULL THEN 0 END) AS share_delayed
    FROM flights
    WHERE flight_date = $day AND NOT withdrawn
    GROUP BY flight_date, carrier
) AS fresh
ON target.flight_date = fresh.flight_date AND target.carrier = fresh.carrier
WHEN MATCHED AND (
    (target.flights, target.cancelled, target.mean_departure_delay, target.mean_arrival_delay,
     target.share_delayed)
    IS DISTINCT FROM
    (fresh.flights, fresh.cancelled, fresh.mean_departure_delay, fresh.mean_arrival_delay,
     fresh.share_delayed)
) THEN UPDATE SET
    flights = fresh.flights,
    cancelled = fresh.cancelled,
    mean_departure_delay = fresh.mean_departure_delay,
    mean_arrival_delay = fresh.mean_arrival_delay,
    share_delayed = fresh.share_delayed
WHEN NOT MATCHED THEN INSERT (
    flight_date, carrier, flights, cancelled, mean_departure_delay, mean_arrival_delay, share_delayed
) VALUES (
    fresh.flight_date, fresh.carrier, fresh.flights, fresh.cancelled, fresh.mean_departure_delay,
    fresh.mean_arrival_delay, fresh.share_delayed
)
WHEN NOT MATCHED BY SOURCE AND target.flight_date = $day THEN DELETE
RETURNING merge_action;
