"""What people are told of too much being pending: by its state, and no recovery where it only gets worse."""

from tests.contract.telling import ALL, MINUTE, OPS, PAGER, Telling, active
from tests.contract.world import World, at
from watcher.domain.alert_channels import Severity
from watcher.domain.alert_sentences import AlertKind
from watcher.domain.queues import QueueState

OK, WARNING, CRITICAL = QueueState.OK, QueueState.WARNING, QueueState.CRITICAL
IS = "The state of the queues is {}".format
NO_LONGER = "The state of the queues is no longer {}".format


async def look(world: World, minutes: float, state: QueueState, pending: int) -> None:
    """A look at the queues, so many minutes after noon, that found so much."""
    world.clock.instant = at(minutes * MINUTE)
    await world.container.queue_spells().record(state, pending, world.clock.now())


async def looked(telling: Telling, minutes: float, state: QueueState, pending: int) -> list[tuple[str, str]]:
    """What is told after such a look, in order by channel."""
    await look(telling.world, minutes, state, pending)
    return sorted(await telling.told())


async def test_a_warning_is_told_once_and_when_it_is_over(world: World) -> None:
    telling = await active(world, OPS, PAGER)
    assert await looked(telling, 1, WARNING, 1_234) == [("ops", IS("warning"))]
    line = "1,234 messages were pending at 2026-03-01 12:01 UTC, which is worth a warning."
    assert telling.last_text() == f"- {line}"
    assert await looked(telling, 2, WARNING, 80) == []
    assert await looked(telling, 4, OK, 3) == [("ops", NO_LONGER("warning"))]
    assert telling.last_text() == "- the state of the queues went from warning to ok, after 3 minutes."
    assert await telling.told() == []
    (alert,) = await telling.alerts()
    assert (alert.kind, alert.severity, alert.sentence) == (AlertKind.QUEUE, Severity.WARNING, line)
    assert (alert.pipeline_id, alert.pipeline_name) == (None, None)
    assert (alert.opened_at, alert.ended_at) == (at(MINUTE), at(4 * MINUTE))


async def test_what_is_critical_goes_to_those_who_want_only_that(world: World) -> None:
    telling = await active(world, OPS, PAGER)
    assert await looked(telling, 1, CRITICAL, 1) == [("ops", IS("critical")), ("pager", IS("critical"))]
    assert telling.last_text() == (
        "- 1 message was pending at 2026-03-01 12:01 UTC, which is critical: too many, or no worker is there."
    )
    told = await looked(telling, 2, OK, 0)
    assert told == [("ops", NO_LONGER("critical")), ("pager", NO_LONGER("critical"))]
    assert telling.last_text() == "- the state of the queues went from critical to ok, after 1 minute."


async def test_a_warning_that_becomes_critical_is_told_as_no_recovery(world: World) -> None:
    telling = await active(world, OPS, PAGER)
    await looked(telling, 1, WARNING, 60)
    assert await looked(telling, 2, CRITICAL, 120) == [("ops", IS("critical")), ("pager", IS("critical"))]
    assert await telling.told() == []
    told = await looked(telling, 3, OK, 0)
    assert told == [("ops", NO_LONGER("critical")), ("pager", NO_LONGER("critical"))]
    assert await telling.told() == []
    critical, warning = await telling.alerts()
    assert (warning.ended_at, list(warning.ending_message_ids)) == (at(2 * MINUTE), [])
    assert len(critical.ending_message_ids) == 1


async def test_what_is_critical_no_more_is_told_to_those_who_hear_of_no_warning(world: World) -> None:
    telling = await active(world, OPS, PAGER)
    await looked(telling, 1, CRITICAL, 120)
    assert await looked(telling, 2, WARNING, 60) == [
        ("ops", NO_LONGER("critical")), ("ops", IS("warning")), ("pager", NO_LONGER("critical")),
    ]  # fmt: skip
    texts = {message.title: message.text for _, message in telling.notifier.arrived}
    assert texts[NO_LONGER("critical")] == (
        "- the state of the queues went from critical to warning, after 1 minute."
    )
    assert await looked(telling, 3, OK, 0) == [("ops", NO_LONGER("warning"))]


async def test_a_warning_whose_worse_course_was_missed_has_its_end_told(world: World) -> None:
    telling = await active(world, OPS, ALL, PAGER)
    assert await looked(telling, 1, WARNING, 60) == [("all", IS("warning")), ("ops", IS("warning"))]
    await look(world, 2, CRITICAL, 120)
    assert await looked(telling, 3, OK, 0) == [
        ("all", IS("critical")), ("all", NO_LONGER("warning")), ("ops", NO_LONGER("warning")),
    ]  # fmt: skip
    texts = {message.title: message.text for _, message in telling.notifier.arrived}
    assert texts[NO_LONGER("warning")] == (
        "- the state of the queues went from warning to critical, after 1 minute."
    )
    assert texts[IS("critical")].endswith(
        " It is over: the state of the queues went from critical to ok, after 1 minute."
    )


async def test_a_spell_that_begins_later_is_another_one(world: World) -> None:
    telling = await active(world)
    await looked(telling, 1, WARNING, 60)
    await look(world, 2, OK, 0)
    told = await looked(telling, 3, CRITICAL, 120)
    assert told == [("ops", IS("critical")), ("ops", NO_LONGER("warning"))]
    assert telling.last_text() == "- the state of the queues went from warning to ok, after 1 minute."


async def test_a_clock_that_is_behind_takes_no_recovery_for_what_gets_worse(world: World) -> None:
    telling = await active(world)
    await looked(telling, 2, WARNING, 60)
    await look(world, 1, CRITICAL, 120)
    assert await telling.told(3 * MINUTE) == [("ops", IS("critical"))]


async def test_an_end_is_told_only_where_the_beginning_was_delivered(world: World) -> None:
    telling = await active(world, OPS, ALL)
    telling.notifier.down["ops"] = "it answered HTTP 500"
    assert await looked(telling, 1, WARNING, 60) == [("all", IS("warning"))]
    assert await looked(telling, 2, OK, 0) == [("all", NO_LONGER("warning"))]
    del telling.notifier.down["ops"]
    assert await telling.told(10 * MINUTE) == [("ops", IS("warning"))]
    assert await telling.told(11 * MINUTE) == [("ops", NO_LONGER("warning"))]


async def test_what_came_and_went_between_two_passes_is_one_message_of_news(world: World) -> None:
    telling = await active(world, OPS, ALL)
    for minute, state in enumerate([WARNING, OK, CRITICAL, OK]):
        await look(world, minute, state, 100)
    assert await telling.told() == [("all", "Too much was pending in the queues 2 times")]
    assert len(telling.last_text().splitlines()) == 2
    assert await telling.told() == []
