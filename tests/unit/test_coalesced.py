"""Items in flight at the same moment travel together, and none pays for another."""

import asyncio
from asyncio import Event, Task, create_task, gather, sleep
from collections.abc import Sequence
from contextvars import ContextVar
from time import perf_counter

import pytest

from watcher.adapters.coalesced import Coalescer
from watcher.domain.errors import StoreUnavailable
from watcher.traced import TRACED

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


class Doubling:
    """A verb of which each call waits at a gate; `calls` is what it was asked, in order."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.gate = Event()
        self.error: Exception | None = None

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(list(numbers))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
            if self.error is not None:
                raise self.error
            return [2 * number for number in numbers]
        finally:
            self.under_way -= 1


@pytest.fixture
async def verb() -> Doubling:
    return Doubling()


async def asked(coalescer: Coalescer[int, int], *numbers: int) -> list[Task[list[int]]]:
    """Callers with one number each, all of whom have come as far as they can."""
    callers = [create_task(coalescer([number])) for number in numbers]
    await settled()
    return callers


async def settled() -> None:
    for _ in range(10):
        await sleep(0)


async def test_a_lone_caller_waits_for_no_timer(verb: Doubling) -> None:
    verb.gate.set()
    coalescer = Coalescer(verb)
    begin = perf_counter()
    for number in range(200):
        assert await coalescer([number]) == [2 * number]
    assert perf_counter() - begin < 0.2
    assert verb.calls == [[number] for number in range(200)]


async def test_what_is_asked_in_the_same_moment_travels_together(verb: Doubling) -> None:
    verb.gate.set()
    coalescer = Coalescer(verb)
    assert await gather(*(coalescer([number]) for number in range(5))) == [[0], [2], [4], [6], [8]]
    assert verb.calls == [[0, 1, 2, 3, 4]]


async def test_what_arrives_while_all_lanes_are_taken_departs_together_afterwards(verb: Doubling) -> None:
    coalescer = Coalescer(verb, lanes=1)
    callers = [*await asked(coalescer, 1), *await asked(coalescer, 2), *await asked(coalescer, 3, 4)]
    assert verb.calls == [[1]]
    verb.gate.set()
    assert await gather(*callers) == [[2], [4], [6], [8]]
    assert verb.calls == [[1], [2, 3, 4]]


async def test_no_more_lanes_are_under_way_than_there_are(verb: Doubling) -> None:
    coalescer = Coalescer(verb, batch_limit=1, lanes=3)
    callers = [caller for number in range(10) for caller in await asked(coalescer, number)]
    assert verb.calls == [[0], [1], [2]]
    verb.gate.set()
    await gather(*callers)
    assert verb.most_under_way == 3
    assert verb.calls == [[number] for number in range(10)]


async def test_a_batch_has_a_limit(verb: Doubling) -> None:
    coalescer = Coalescer(verb, batch_limit=4, lanes=1)
    callers = await asked(coalescer, *range(10))
    verb.gate.set()
    await gather(*callers)
    assert [len(call) for call in verb.calls] == [4, 4, 2]


async def test_a_list_of_several_goes_by_itself_at_once(verb: Doubling) -> None:
    coalescer = Coalescer(verb, lanes=1)
    callers = [*await asked(coalescer, 1), create_task(coalescer([2, 3]))]
    await settled()
    assert verb.calls == [[1], [2, 3]]
    verb.gate.set()
    assert await gather(*callers) == [[2], [4, 6]]


async def test_an_empty_list_goes_nowhere(verb: Doubling) -> None:
    assert await Coalescer(verb)([]) == []
    assert verb.calls == []


async def test_who_gives_up_during_the_flight_harms_nobody(verb: Doubling) -> None:
    coalescer = Coalescer(verb)
    first, second, third = await asked(coalescer, 1, 2, 3)
    second.cancel()
    await settled()
    verb.gate.set()
    assert [await first, await third] == [[2], [6]]
    assert second.cancelled()
    assert verb.calls == [[1, 2, 3]]


async def test_what_was_given_up_before_it_departed_is_not_done(verb: Doubling) -> None:
    coalescer = Coalescer(verb, lanes=1)
    callers = await asked(coalescer, 1)
    callers += await asked(coalescer, 2, 3)
    callers[1].cancel()
    await settled()
    verb.gate.set()
    assert [await callers[0], await callers[2]] == [[2], [6]]
    assert verb.calls == [[1], [3]]


async def test_when_all_who_waited_gave_up_nothing_departs_and_the_next_one_does(verb: Doubling) -> None:
    coalescer = Coalescer(verb, lanes=1)
    callers = await asked(coalescer, 1)
    for caller in await asked(coalescer, 2, 3):
        caller.cancel()
    verb.gate.set()
    await callers[0]
    assert await coalescer([4]) == [8]
    assert verb.calls == [[1], [4]]


async def test_a_failure_fails_each_waiter_by_an_exception_of_its_own(verb: Doubling) -> None:
    coalescer = Coalescer(verb)
    verb.error = StoreUnavailable("it is gone")
    verb.gate.set()
    failures = await gather(*(coalescer([number]) for number in range(3)), return_exceptions=True)
    assert failures == [StoreUnavailable("it is gone")] * 3
    assert len({id(failure) for failure in failures}) == 3
    assert verb.calls == [[0, 1, 2]]


async def test_after_a_failure_all_lanes_are_free_again(verb: Doubling) -> None:
    coalescer = Coalescer(verb, lanes=2)
    verb.gate.set()
    for error in (StoreUnavailable("it is gone"), ValueError("a mistake")):
        verb.error = error
        for _ in range(5):
            with pytest.raises(type(error)):
                await coalescer([1])
    verb.error = None
    assert await coalescer([1]) == [2]


async def test_a_verb_that_is_cut_off_at_shutdown_leaves_no_waiter_hanging(verb: Doubling) -> None:
    coalescer = Coalescer(verb)
    (caller,) = await asked(coalescer, 1)
    (lane,) = coalescer._lanes
    lane.cancel()
    with pytest.raises(RuntimeError, match="cancelled at shutdown"):
        await asyncio.wait_for(caller, 1)


async def test_a_verb_that_answers_too_little_leaves_no_waiter_hanging() -> None:
    async def forgetful(numbers: Sequence[int]) -> list[int]:
        return [2 * number for number in numbers[1:]]

    coalescer = Coalescer(forgetful)
    answers = await asyncio.wait_for(
        gather(*(coalescer([number]) for number in range(3)), return_exceptions=True), 1
    )
    assert any(isinstance(answer, Exception) for answer in answers)


async def test_a_statement_belongs_to_the_first_of_its_callers_who_is_traced() -> None:
    seen: list[tuple[list[int], str]] = []

    async def verb(numbers: Sequence[int]) -> list[int]:
        seen.append((list(numbers), CALLER.get()))
        await sleep(0)
        return list(numbers)

    async def call(number: int, name: str, *, traced: bool) -> list[int]:
        CALLER.set(name)
        TRACED.set(traced)
        return await coalescer([number])

    coalescer = Coalescer(verb)
    opening = create_task(call(1, "opens", traced=True))
    await sleep(0)
    await sleep(0)
    later = [create_task(call(number, f"number {number}", traced=number in (4, 5))) for number in range(2, 6)]
    assert await gather(opening, *later) == [[1], [2], [3], [4], [5]]
    assert await call(6, "untraced", traced=False) == [6]
    assert seen == [([1], "opens"), ([2, 3, 4, 5], "number 4"), ([6], "nobody")]
