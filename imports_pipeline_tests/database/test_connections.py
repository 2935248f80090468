"""Connections to PostgreSQL: each end notices within a minute that the machine of the other is gone."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

import pytest

from imports_pipeline.database.connections import Database


@pytest.mark.parametrize("kept", [False, True])
def test_both_ends_look_for_a_peer_that_is_gone(database_url: str, kept: bool) -> None:
    # Another URL than that of the tests' workflow, whose connections are kept in any case.
    database = Database(f"{database_url}?sslmode=prefer")
    with ExitStack() as stack:
        if kept:
            stack.enter_context(database.pooled())
        connection = stack.enter_context(database.connect("imports-pipeline imp_x"))
        found = connection.execute(
            "SELECT name, setting::int FROM pg_settings WHERE name LIKE 'tcp\\_%'"
            " OR name = 'client_connection_check_interval'"
        )
        server = {str(name): int(setting) for name, setting in found}
        with socket.socket(fileno=os.dup(connection.fileno())) as client:
            own = [
                client.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            ]
    idle, interval, count = (server[f"tcp_keepalives_{name}"] for name in ("idle", "interval", "count"))
    assert 0 < idle + interval * count <= 60
    assert own == [idle, interval, count]
    assert 0 < server["tcp_user_timeout"] <= 60_000
    assert 0 < server["client_connection_check_interval"] <= 2_000
