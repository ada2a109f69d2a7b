SELECT
    carrier,
    sum(flights)::INTEGER AS flights,
    sum(cancelled)::INTEGER AS cancelled,
    sum(mean_departure_delay * (flights - cancelled)) / sum(flights - cancelled) AS mean_departure_delay,
    sum(share_delayed * (flights - cancelled)) / sum(flights - cancelled) AS share_delayed
FROM delay_mart
GROUP BY carrier
HAVING sum(flights - cancelled) > 0
ORDER BY mean_departure_delay DESC, carrier
LIMIT $how_many;
