-- A row is written only where something differs, so the counts are changes and a repeat counts zero.
MERGE INTO flights AS target
USING staged_flights AS staged
ON target.flight_date = staged.flight_date
AND target.carrier = staged.carrier
AND target.flight = staged.flight
AND target.origin = staged.origin
WHEN MATCHED AND (
    target.withdrawn
    OR (target.dest, target.tailnum, target.sched_dep_time, target.dep_time, target.dep_delay,
        target.sched_arr_time, target.arr_time, target.arr_delay, target.air_time, target.distance,
        target.time_hour)
    IS DISTINCT FROM
       (staged.dest, staged.tailnum, staged.sched_dep_time, staged.dep_time, staged.dep_delay,
        staged.sched_arr_time, staged.arr_time, staged.arr_delay, staged.air_time, staged.distance,
        staged.time_hour)
) THEN UPDATE SET
    dest = staged.dest,
    tailnum = staged.tailnum,
    sched_dep_time = staged.sched_dep_time,
    dep_time = staged.dep_time,
    dep_delay = staged.dep_delay,
    sched_arr_time = staged.sched_arr_time,
    arr_time = staged.arr_time,
    arr_delay = staged.arr_delay,
    air_time = staged.air_time,
    distance = staged.distance,
    time_hour = staged.time_hour,
    withdrawn = FALSE
WHEN NOT MATCHED THEN INSERT (
    flight_date, carrier, flight, origin, dest, tailnum, sched_dep_time, dep_time, dep_delay,
    sched_arr_time, arr_time, arr_delay, air_time, distance, time_hour
) VALUES (
    staged.flight_date, staged.carrier, staged.flight, staged.origin, staged.dest, staged.tailnum,
    staged.sched_dep_time, staged.dep_time, staged.dep_delay, staged.sched_arr_time, staged.arr_time,
    staged.arr_delay, staged.air_time, staged.distance, staged.time_hour
)
WHEN NOT MATCHED BY SOURCE AND target.flight_date = $day AND NOT target.withdrawn
THEN UPDATE SET withdrawn = TRUE
RETURNING CASE WHEN withdrawn THEN 'WITHDRAW' ELSE merge_action END;
