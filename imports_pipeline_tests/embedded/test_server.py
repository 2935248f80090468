"""A real server in a folder of each test's own: shared, killed, started again."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg
import pytest

from imports_pipeline.embedded import ServerError, running_server
from imports_pipeline.embedded.settings import server_settings
from imports_pipeline_tests.embedded.commands import Command, postmaster_pid, server_processes, swept


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with swept(tmp_path / "postgres") as path:
        yield path


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
        return row[0] if row else None


def write(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 42 as number")


def test_starts_and_stops(folder: Path) -> None:
    with running_server(folder) as url:
        assert url.startswith("postgresql://imports:")
        assert ask(url, "select current_database()") == "imports"
        assert ask(url, "select datlocale from pg_database where datname = 'imports'") == "C.UTF-8"
        assert ask(url, "show server_encoding") == "UTF8"
        assert ask(url, "show fsync") == "on"
        assert ask(url, "show listen_addresses") == "127.0.0.1"
        assert ask(url, "show unix_socket_directories") == ""
        write(url)
    assert server_processes(folder) == []
    with running_server(folder) as url:
        assert ask(url, "select number from kept") == 42


def test_is_durable_and_closed_to_others(folder: Path) -> None:
    with running_server(folder) as url:
        password = url.split(":")[2].split("@")[0]
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url.replace(password, "wrong"))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url.replace(f":{password}", ""))
        assert password not in " ".join(psutil.Process(postmaster_pid(folder)).cmdline())
    assert password not in (folder / "postgres.log").read_text()


def test_keeps_the_logs_of_two_starts(folder: Path) -> None:
    for _ in range(4):
        with running_server(folder):
            pass
    assert sorted(path.name for path in folder.glob("postgres.log*")) == ["postgres.log", "postgres.log.1"]


def test_commands_share_a_server_and_the_last_one_stops_it(folder: Path) -> None:
    with Command(folder) as first, Command(folder) as second:
        assert first.url() == (url := second.url())
        first.leave()
        assert ask(url, "select 1") == 1
        second.leave()
    assert server_processes(folder) == []


def test_blocks_of_one_process_share_a_server(folder: Path) -> None:
    with running_server(folder) as url:
        with running_server(folder) as same:
            assert same == url
        assert ask(url, "select 1") == 1
    assert server_processes(folder) == []


def test_many_commands_at_once(folder: Path) -> None:
    def use(_: int) -> object:
        with running_server(folder) as url:
            return ask(url, "select 1")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(24))) == [1] * 24
    assert server_processes(folder) == []


def test_a_killed_command_takes_no_server_from_another(folder: Path) -> None:
    with Command(folder) as starter:
        starter.url()
        with Command(folder) as other:
            url = other.url()
            starter.kill()
            assert ask(url, "select 1") == 1
            other.leave()
    assert server_processes(folder) == []


def test_a_server_left_by_a_killed_command_is_used_and_stopped(folder: Path) -> None:
    with Command(folder) as command:
        url = command.url()
        write(url)
        command.kill()
    with running_server(folder) as same:
        assert same == url
        assert ask(same, "select number from kept") == 42
    assert server_processes(folder) == []


def test_data_survives_a_killed_postmaster(folder: Path) -> None:
    with Command(folder) as command:
        write(command.url())
        os.kill(postmaster_pid(folder), signal.SIGKILL)
        with running_server(folder) as url:
            assert ask(url, "select number from kept") == 42
        command.leave()
    assert server_processes(folder) == []


def test_a_backend_that_outlives_its_postmaster_is_ended(folder: Path) -> None:
    with Command(folder) as command:
        url = command.url()
        with ThreadPoolExecutor(1) as pool:
            # A loop without a wait: the backend does not notice by itself that its postmaster has gone.
            loop = "do $$ begin loop null; end loop; end $$"
            busy = pool.submit(ask, url, loop)
            while not ask(url, "select count(*) from pg_stat_activity where query like 'do %'"):
                assert not busy.done()
            os.kill(postmaster_pid(folder), signal.SIGKILL)
            with running_server(folder) as fresh:
                assert ask(fresh, "select 1") == 1
            with pytest.raises(psycopg.OperationalError):
                busy.result()
        command.leave()


def test_data_survives_the_kill_of_everything(folder: Path) -> None:
    with Command(folder) as command:
        write(command.url())
        processes = server_processes(folder)
        command.kill()
        for process in processes:
            # A worker process of PostgreSQL may have ended by itself.
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=30)
    with running_server(folder) as url:
        assert ask(url, "select number from kept") == 42


def test_the_number_of_a_dead_server_may_be_anothers_by_now(folder: Path) -> None:
    with Command(folder) as command:
        command.url()
        pid_file = (folder / "data" / "postmaster.pid").read_text()
        command.leave()
    # As after the restart of a container: this test's own process has the number now.
    (folder / "data" / "postmaster.pid").write_text(
        "\n".join([str(os.getpid()), *pid_file.splitlines()[1:]]) + "\n"
    )
    with running_server(folder) as url:
        assert ask(url, "select 1") == 1


@pytest.mark.parametrize(
    "moment", ["new-*", "new-*/data", "new-*/data/base/1", "password", "data", "data/postmaster.pid"]
)
def test_a_kill_at_any_moment_of_the_first_start_leaves_a_folder_that_starts(
    folder: Path, moment: str
) -> None:
    with Command(folder) as command:
        while not list(folder.glob(moment)):
            assert command.process.poll() is None
            time.sleep(0.001)
        command.kill()
    with running_server(folder) as url:
        assert ask(url, "select 1") == 1
    with running_server(folder):
        assert list(folder.glob("new-*")) == []


def test_an_interrupt_in_the_terminal_does_not_reach_the_server(folder: Path) -> None:
    with running_server(folder):
        assert os.getsid(postmaster_pid(folder)) != os.getsid(0)


def test_a_lost_password_is_told(folder: Path) -> None:
    with running_server(folder):
        pass
    (folder / "password").unlink()
    with pytest.raises(ServerError, match="Put the file back"), running_server(folder):
        pass


def test_data_of_another_version_is_told(folder: Path) -> None:
    with running_server(folder):
        pass
    (folder / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match="created by PostgreSQL 17"), running_server(folder):
        pass


def test_a_server_that_cannot_start_shows_its_log(folder: Path) -> None:
    with running_server(folder):
        pass
    (folder / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServerError, match="no_such_setting"), running_server(folder):
        pass
    assert server_processes(folder) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ServerError, match="cannot be created"),
        running_server(tmp_path / "file" / "postgres"),
    ):
        pass


def test_small_shared_memory_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=64 * 2**20))
    assert "dynamic_shared_memory_type=mmap" in server_settings(1, tmp_path)


@pytest.mark.parametrize(("limit", "buffers"), [(2 * 2**30, "256MB"), (100 * 2**20, "128MB")])
def test_a_container_s_memory_bounds_the_server_s(tmp_path: Path, limit: int, buffers: str) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    assert f"shared_buffers={buffers}" in server_settings(1, container_limit=tmp_path / "memory.max")


def test_a_container_without_a_limit_has_the_machine_s_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    assert server_settings(1, container_limit=tmp_path / "memory.max") == server_settings(
        1, container_limit=tmp_path / "none"
    )
