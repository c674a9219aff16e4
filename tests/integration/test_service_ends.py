"""The sudden death of the inspector while a target is held: nothing of ours lives on, and the target does."""
import pathlib
import socket
import subprocess
import sys
import urllib.parse

import pytest

from conftest import MODES, is_held, wait_until

BIG = "x = bytearray(b'ab' * 20_000_000); print('ready', flush=True); import time; time.sleep(3600)"


@pytest.fixture
def big(sleeper):
    """A process whose full dump fits into no pipe or socket on the way."""
    return sleeper(sys.executable, "-c", BIG, stdout=subprocess.PIPE)


def state(process):
    return pathlib.Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()


def begin_dump(service, process, mode):
    """Asks for a full dump and reads only its beginning: the target, or a clone of it, is held then."""
    parts = urllib.parse.urlsplit(service.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=60)
    connection.sendall(f"GET /api/processes/{process.pid}/dump?dumpType=2&mode={mode} HTTP/1.1\r\n"
                       f"Host: {parts.netloc}\r\n\r\n".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    wait_until(lambda: is_held(process.pid), "the target to be held")
    return connection


@pytest.mark.parametrize("mode", MODES)
def test_the_death_of_the_service_frees_the_target(serve, big, mode):
    service = serve("--stall-timeout", "10m")
    children = pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children")
    with begin_dump(service, big, mode):
        ours = children.read_text().split()
        service.process.kill()
        service.process.wait()
        wait_until(lambda: state(big) == "S" and not is_held(big.pid), "the target to run again")
        for pid in ours:
            stat = pathlib.Path(f"/proc/{pid}/stat")
            wait_until(lambda: not stat.exists() or b") Z " in stat.read_bytes(), "our processes to be gone")
