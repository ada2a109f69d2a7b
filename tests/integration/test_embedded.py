"""The private PostgreSQL, with the real programs of the wheel: starting, recovering, refusing to start."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.integration.clusters import (
    QUICK,
    SHARING,
    as_root,
    eventually,
    gone,
    kill_server,
    locked,
    program,
    query,
    running,
)
from watcher.adapters.embedded import EmbeddedPostgres, EmbeddedPostgresError, binaries, default_home
from watcher.adapters.embedded.account import server_account


def test_the_first_start_makes_a_private_cluster_and_later_starts_keep_its_data(new_home: Path) -> None:
    with EmbeddedPostgres(new_home, settings=QUICK) as cluster:
        query(cluster, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert query(cluster, "SELECT current_database()") == "watcher"
        assert query(cluster, "SHOW data_checksums") == "on"
        assert query(cluster, "SHOW listen_addresses") == ""
        assert query(cluster, "SHOW fsync") == "off"
        first = running(new_home)
    assert gone(first)
    assert stat.S_IMODE(new_home.stat().st_mode) == 0o700
    with EmbeddedPostgres(new_home, settings=QUICK) as cluster:
        assert query(cluster, "SELECT answer FROM kept") == 42


def test_nothing_is_less_durable_than_postgresql_unless_asked_for(home: Path) -> None:
    with EmbeddedPostgres(home) as cluster:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(cluster, f"SHOW {setting}") == "on"


def test_starting_a_running_cluster_attaches_to_it(home: Path) -> None:
    with EmbeddedPostgres(home, settings=QUICK) as cluster:
        before = running(home)
        cluster.start()
        with EmbeddedPostgres(home) as other:
            assert query(other, "SHOW fsync") == "off"
        assert running(home) == before


def test_a_committed_row_survives_the_sudden_death_of_the_server(home: Path) -> None:
    with EmbeddedPostgres(home, settings={"wal_writer_delay": "10s"}) as cluster:
        query(cluster, "CREATE TABLE kept AS SELECT 42 AS answer")
        kill_server(home)
        cluster.start()
        assert query(cluster, "SELECT answer FROM kept") == 42


def test_a_process_id_in_use_again_does_not_keep_the_cluster_down(home: Path) -> None:
    account = server_account()
    with subprocess.Popen(["sleep", "60"], user=account.uid if account.switched else None) as stranger:  # noqa: S607
        with EmbeddedPostgres(home, settings=QUICK) as cluster:
            left = {name: (home / name).read_text() for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock")}
            kill_server(home)
            for name, text in left.items():
                (home / name).write_text("\n".join([str(stranger.pid), *text.split("\n")[1:]]))
            cluster.start()
            assert query(cluster, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_an_empty_process_id_file_does_not_keep_the_cluster_down(home: Path) -> None:
    with EmbeddedPostgres(home, settings=QUICK) as cluster:
        kill_server(home)
        (home / "data" / "postmaster.pid").write_text("")
        cluster.start()
        assert query(cluster, "SELECT 1") == 1


def test_a_start_waits_for_the_backends_of_a_dead_server(home: Path) -> None:
    async def leave_a_busy_backend(dsn: str) -> int:
        connection = await asyncpg.connect(dsn)
        pid = connection.get_server_pid()
        busy = "DO $$ DECLARE till timestamptz = clock_timestamp() + '1.5 s';"
        busy += " BEGIN WHILE clock_timestamp() < till LOOP END LOOP; END $$"
        work = asyncio.ensure_future(connection.execute(busy))
        await asyncio.sleep(0.2)
        work.cancel()
        connection.terminate()
        await asyncio.gather(work, return_exceptions=True)
        return int(pid)

    with EmbeddedPostgres(home, settings=QUICK) as cluster:
        backend = asyncio.run(leave_a_busy_backend(cluster.dsn))
        kill_server(home)
        assert not gone(backend)
        cluster.start()
        assert gone(backend)
        assert query(cluster, "SELECT 1") == 1


def test_an_interrupted_first_start_is_redone(new_home: Path) -> None:
    with program(SHARING, new_home, says="") as first:
        eventually((new_home / "data.tmp" / "PG_VERSION").exists)
        first.kill()
        first.wait()
    assert locked(new_home / "start.lock"), "the orphaned initdb is waited for"
    assert not (new_home / "data").exists()
    with EmbeddedPostgres(new_home, settings=QUICK) as cluster:
        assert query(cluster, "SELECT current_database()") == "watcher"
    assert not (new_home / "data.tmp").exists()


@pytest.mark.parametrize("name", ["a" * 90, "with space, comma & 100%"])
def test_a_home_whose_name_fits_no_socket_has_its_socket_elsewhere(place: Path, name: str) -> None:
    with EmbeddedPostgres(place / name, settings=QUICK) as cluster:
        assert query(cluster, "SELECT 1") == 1
        sockets = Path(str(query(cluster, "SHOW unix_socket_directories")))
    assert sockets != place / name
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    sockets.rmdir()


def test_a_socket_directory_that_others_can_enter_is_refused(place: Path) -> None:
    cluster = EmbeddedPostgres(place / ("a" * 90))
    sockets = Path(cluster.dsn.partition("host=")[2])
    sockets.mkdir(mode=0o755)
    try:
        with pytest.raises(EmbeddedPostgresError, match="not a private directory"):
            cluster.start()
    finally:
        sockets.rmdir()


def test_data_of_another_major_version_is_refused_untouched(home: Path) -> None:
    version = home / "data" / "PG_VERSION"
    own = version.read_text()
    version.write_text("14\n")
    before = {path: path.lstat().st_mtime_ns for path in (home / "data").rglob("*")}
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 14.*holds PostgreSQL 1[5-9]"):
        EmbeddedPostgres(home).start()
    assert {path: path.lstat().st_mtime_ns for path in (home / "data").rglob("*")} == before
    version.write_text(own)


def test_a_setting_that_postgresql_refuses_is_reported_in_its_words(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r'FATAL:.*"shared_bufers"'):
        EmbeddedPostgres(home, settings=QUICK | {"shared_bufers": "1GB"}).start()


def test_a_directory_with_other_things_in_it_is_refused_and_stays_as_it_is(place: Path) -> None:
    (place / "letters").touch()
    with pytest.raises(EmbeddedPostgresError, match="holds no Watcher data"):
        EmbeddedPostgres(place).start()
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    assert [path.name for path in place.iterdir()] == ["letters"]


@as_root
def test_a_home_that_the_server_cannot_enter_is_refused_by_name(place: Path) -> None:
    private = place / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=rf"cannot enter {private}: .*--data-dir"):
        EmbeddedPostgres(private / "deeper" / "home").start()
    assert list(private.iterdir()) == []
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_programs_that_the_server_cannot_reach_are_copied_once(place: Path, home: Path) -> None:
    install = binaries().parent
    private = place / "private"
    private.mkdir(mode=0o700)
    hidden = private / install.parent.name / install.name
    shutil.copytree(install, hidden, ignore=shutil.ignore_patterns("include"))
    for libraries in install.parent.parent.glob(f"{install.parent.name}.libs"):
        shutil.copytree(libraries, private / libraries.name)
    copies = []
    for _ in range(2):
        with EmbeddedPostgres(home, settings=QUICK, bindir=hidden / "bin") as cluster:
            assert query(cluster, "SELECT 1") == 1
            assert Path(psutil.Process(running(home)).exe()).is_relative_to(home / "runtime")
        copies.append([(path.name, path.stat().st_ino) for path in (home / "runtime").iterdir()])
    assert copies[0] == copies[1]
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_a_named_directory_without_the_programs_is_refused(place: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no postgres and initdb"):
        binaries(place)


def test_the_default_home_is_where_the_server_can_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    assert default_home() == Path("/var/lib/watcher" if os.geteuid() == 0 else "/elsewhere/watcher")
