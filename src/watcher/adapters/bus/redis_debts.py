"""The debts of callers, kept in Redis for all processes."""

from collections.abc import Mapping

from redis.asyncio import Redis

from watcher.adapters.bus.connection import answering
from watcher.domain.queues import BrokerUnavailable
from watcher.domain.rates import DebtsUnknown

MICROSECONDS = 1_000_000
AT_ONCE = 1_000
"""So many callers in one call of the script: others of Redis have to wait meanwhile."""

# The clock is that of Redis, the one that all processes have in common. A key lasts as long as its debt.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most = tonumber(ARGV[1])
local debts = {}
for index, key in ipairs(KEYS) do
    local free_at = tonumber(redis.call('GET', key) or now)
    local debt = math.min(math.max(free_at - now, 0) + ARGV[index + 1], most)
    redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.floor(debt / 1000) + 1)
    debts[index] = debt
end
return debts
"""


class RedisDebts:
    """`Debts` in one number for each caller: when it will be free of debt, in microseconds of Redis's clock."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)

    async def add(self, seconds: Mapping[str, float], most: float) -> Mapping[str, float]:
        callers = list(seconds)
        debts: dict[str, float] = {}
        for begin in range(0, len(callers), AT_ONCE):
            some = callers[begin : begin + AT_ONCE]
            debts |= await self._added({caller: seconds[caller] for caller in some}, most)
        return debts

    async def _added(self, seconds: Mapping[str, float], most: float) -> Mapping[str, float]:
        keys = [f"watcher:debt:{caller}" for caller in seconds]
        numbers = [round(each * MICROSECONDS) for each in (most, *seconds.values())]
        try:
            async with answering():
                debts = await self._script(keys=keys, args=numbers)
        except BrokerUnavailable as error:
            raise DebtsUnknown(str(error)) from error
        return {caller: debt / MICROSECONDS for caller, debt in zip(seconds, debts, strict=True)}

    async def close(self) -> None:
        await self._redis.aclose()
