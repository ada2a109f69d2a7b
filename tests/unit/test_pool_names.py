"""The names of connections: short and plain enough for PostgreSQL, and read as they were made."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watcher.domain.pool_names import LONGEST, MOST_POOLS, PoolName

PIDS, NUMBERS, SIZES = st.integers(1, 2**22), st.integers(1, 2 * MOST_POOLS), st.integers(1, 10**6 - 1)
HOSTS = st.text(max_size=80) | st.from_regex(r"[a-z0-9-]{1,63}(\.[a-z]{1,20}){0,3}", fullmatch=True)


@given(st.text(max_size=30), PIDS, NUMBERS, HOSTS, SIZES)
@example("", 1, 1, "", 1)
@example("embedded-program-of-theirs", 2**22, 2 * MOST_POOLS, "x" * 64, 10**6 - 1)
@example("api", 1, 1, "ünï of 3@.ex\nample", 8)
def test_a_name_is_read_as_it_was_made(program: str, pid: int, number: int, host: str, size: int) -> None:
    made = PoolName.made(program, pid, number, host, size)
    assert PoolName.read(made.text) == made
    assert (made.process, made.size) == (pid, size)
    assert len(made.text.encode()) <= LONGEST
    assert made.text.isascii()
    assert made.text.isprintable()
    assert made.text.startswith("watcher ")


@given(st.from_regex(r"[a-z0-9-]{1,24}", fullmatch=True))
def test_a_host_that_is_short_enough_is_named_as_it_is(host: str) -> None:
    assert PoolName.made("worker", 4711, 1, host, 2).host == host


@pytest.mark.parametrize(
    ("host", "shortened"),
    [
        ("node-1.example.com", "node-1.example.com"),
        ("node-1." + "very-" * 12 + "long.example.com", "node-1"),
        ("some-release-of-ours-watcher-worker-7d9f8b6c5d-x2x4z", "some-release-of-our~r-7d9f8b6c5d-x2x4z"),
        ("." + "x" * 63, "." + "x" * 18 + "~" + "x" * 18),
        ("my host", "my-host"),
        ("", "-"),
    ],
)
def test_of_a_long_host_what_tells_it_from_others_is_kept(host: str, shortened: str) -> None:
    assert PoolName.made("worker", 4711, 1, host, 8).host == shortened


def test_a_host_of_any_length_makes_a_name_that_fits() -> None:
    made = [PoolName.made("worker", 4711, 1, "x" * length, 2) for length in range(1, 81)]
    assert max(len(each.text) for each in made) == LONGEST
    assert [PoolName.read(each.text) for each in made] == made


def test_a_process_s_first_pool_needs_no_number() -> None:
    assert PoolName.made("api", 7, 1, "node", 8).text == "watcher api 7@node of 8"
    assert PoolName.made("API!", 7, 2, "node", 8).text == "watcher api- 7.2@node of 8"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "watcher",
        "watcher ",
        "watchertower api 7@node of 8",
        "Watcher api 7@node of 8",
        "watcher api 7@node",
        "watcher api 7@node of 0",
        "watcher api 7@node of -1",
        "watcher api 07@node of 8",
        "watcher api 7.1@node of 8",
        "watcher api 7@node of 8 ",
        "watcher api 7@node of 8\n",
        "watcher api seven@node of 8",
        "watcher api \u0667@node of 8",
        "watcher api @node of 8",
        "watcher api 7@ of 8",
        "watcher api 7@a node of 8",
        "watcher api 7@" + "x" * 60 + " of 8",
        "watcher two words 7@node of 8",
        "psql",
    ],
)
def test_other_names_are_nobody_s(text: str) -> None:
    assert PoolName.read(text) is None


@given(st.text())
def test_any_text_is_read_or_not(text: str) -> None:
    found = PoolName.read(text)
    assert found is None or found.text == text
