"""Connections to PostgreSQL are kept, and a server that has ended them is no error for whoever comes next."""

import os
import subprocess
import sys
import uuid

from tests.crash.stack import ROOT
from tests.runtime.conftest import MIGRATED
from tests.runtime.postgres import Cluster

PROGRAM = """
import django; django.setup()
import psycopg, sys
from django.db import connection
from accounts.models import User

def ask():
    # As a request or a task does: it asks, and gives its connection back.
    User.objects.count()
    process = connection.connection.info.backend_pid
    connection.close()
    return process

before = {ask() for _ in range(20)}
with psycopg.connect(sys.argv[1], autocommit=True) as other:
    for process in before:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
print(len(before), ask() in before)
"""


def test_a_connection_is_kept_and_made_anew_once_the_server_has_ended_it(migrated: Cluster) -> None:
    url = migrated.new_database(f"connections_{uuid.uuid4().hex}", MIGRATED)

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, url],
        cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, check=False, text=True, capture_output=True, timeout=60,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr[-2000:]
    connections, is_old = ended.stdout.split()
    assert int(connections) <= 3  # while the pool fills, more than one may be made
    assert is_old == "False"
