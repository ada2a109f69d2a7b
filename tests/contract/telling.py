"""People to tell, and pipelines that give reason to."""

from dataclasses import dataclass

from tests.contract.world import Declaring, World, at, succeeded
from watcher.adapters.memory.notifier import MemoryNotifier
from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.alerts import Alert, AlertFilter
from watcher.domain.deliveries import Delivery, DeliveryFilter, Sent
from watcher.domain.page import Page
from watcher.domain.span import Datepart

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
HOURLY: Declaring = {"freshness_number": 1, "freshness_datepart": Datepart.HOUR}
TIMELY: Declaring = {"timeliness_number": 30, "timeliness_datepart": Datepart.MINUTE}
BOTH: Declaring = {
    "freshness_number": 1,
    "freshness_datepart": Datepart.HOUR,
    "timeliness_number": 30,
    "timeliness_datepart": Datepart.MINUTE,
}
OPS = Channel("ops", Severity.WARNING, "memory://ops")
ALL = Channel("all", Severity.INFO, "memory://all")
PAGER = Channel("pager", Severity.CRITICAL, "memory://pager")


@dataclass(frozen=True, slots=True)
class Telling:
    """A world with somebody to tell."""

    world: World

    @classmethod
    def to(cls, world: World, *channels: Channel) -> "Telling":
        world.notifier.channels = channels
        return cls(world)

    @property
    def notifier(self) -> MemoryNotifier:
        return self.world.notifier

    async def sent(self, seconds: float | None = None) -> Sent:
        """What a pass does, so many seconds after noon."""
        if seconds is not None:
            self.world.clock.instant = at(seconds)
        return await self.world.watcher.send_alerts()

    async def told(self, seconds: float | None = None) -> list[tuple[str, str]]:
        """The channels and titles of what a pass sends."""
        before = len(self.notifier.arrived)
        await self.sent(seconds)
        return [(channel, message.title) for channel, message in self.notifier.arrived[before:]]

    def last_text(self) -> str:
        return self.notifier.arrived[-1][1].text

    async def check(self, seconds: float) -> None:
        """Both checks, so many seconds after noon."""
        self.world.clock.instant = at(seconds)
        await self.world.watcher.check_freshness()
        await self.world.watcher.check_timeliness()

    async def wrote(self, pipeline_id: int, seconds: float) -> None:
        run = await self.world.start(pipeline_id, seconds)
        await self.world.end(run, succeeded(seconds, inserts=1))

    async def alerts(self, wanted: AlertFilter | None = None) -> list[Alert]:
        return list((await self.world.watcher.alerts.page(wanted or AlertFilter(), Page())).items)

    async def deliveries(self, wanted: DeliveryFilter | None = None) -> list[Delivery]:
        return list((await self.world.watcher.deliveries.page(wanted or DeliveryFilter(), Page())).items)


async def active(world: World, *channels: Channel) -> Telling:
    """Alerting that began at noon."""
    telling = Telling.to(world, *(channels or (OPS,)))
    assert await telling.sent(0) == Sent()
    return telling
