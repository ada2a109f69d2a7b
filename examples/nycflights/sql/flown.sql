SELECT coalesce(sum(flights - cancelled), 0)::INTEGER AS flown
FROM delay_mart
WHERE flight_date = $day;
