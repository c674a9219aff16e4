"""Answers as streams: clients that go, stall or come in crowds, workers that are killed."""
import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import pytest

from conftest import is_held, wait_until, worker_of

MEMORY = 200 << 20  # far more than all pipes and socket buffers on the way


@pytest.fixture
def large(sleeper):
    """A process with much memory that says it is there."""
    code = f"x = bytearray(b'\\1') * {MEMORY}; print('ready', flush=True)\nimport time\nwhile True: time.sleep(0.01)"
    return sleeper(sys.executable, "-c", code, stdout=subprocess.PIPE)


def state_of(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b") ")[2][:1].decode()


def runs_free(pid):
    return not is_held(pid) and state_of(pid) in "RS"


@contextlib.contextmanager
def dump_begun(service, pid, query="dumpType=2"):
    """A connection on which a full dump has begun to arrive."""
    parts = urllib.parse.urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(f"GET /api/processes/{pid}/dump?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        assert got.startswith(b"HTTP/1.1 200"), got
        yield connection


def test_a_whole_dump(service, large, tmp_path):
    out = tmp_path / "dump"
    subprocess.run(["curl", "-sf", "-o", out, f"{service.url}/api/processes/{large.pid}/dump?dumpType=2"], check=True)
    assert out.stat().st_size > MEMORY
    wait_until(lambda: runs_free(large.pid), "the target runs")


def test_no_longer_than_asked_for(service, large):
    """The target's patience ends, not the client's: it runs on, though the client takes nothing at all."""
    with dump_begun(service, large.pid, "dumpType=2&mode=stop&maxPauseMs=1000") as connection:
        assert is_held(large.pid)
        wait_until(lambda: runs_free(large.pid), "the target runs")
        got = 0
        while piece := connection.recv(1 << 20):
            got += len(piece)
    assert got < MEMORY
    wait_until(lambda: "ms of maxPauseMs" in service.log, "the log says why")


def test_a_client_that_goes(service, large):
    with dump_begun(service, large.pid):
        pass
    wait_until(lambda: runs_free(large.pid), "the target runs")
    wait_until(lambda: "The client went away" in service.log, "the log says why")
    with dump_begun(service, large.pid) as connection:  # its place is free again
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # goes with a reset
    wait_until(lambda: runs_free(large.pid), "the target runs")


def test_a_client_that_stalls(serve, large):
    one = serve("--stall-timeout", "1s")
    with dump_begun(one, large.pid) as connection:
        wait_until(lambda: runs_free(large.pid), "the target is let go of although nobody reads")
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(1 << 20):
                got += len(piece)
        assert got < MEMORY  # and the stream was cut
    assert one.get("/healthz").status == 200


def test_a_cut_stream_is_seen(service, large):
    with dump_begun(service, large.pid) as connection:
        tracer = wait_until(lambda: worker_of(large.pid), "the target is held")
        os.kill(tracer, signal.SIGKILL)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(1 << 20):
                got += len(piece)
        assert got < MEMORY
    wait_until(lambda: runs_free(large.pid), "the target runs")


def test_curl_notices(service, large, tmp_path):
    out = tmp_path / "dump"
    url = f"{service.url}/api/processes/{large.pid}/dump?dumpType=2"
    curl = subprocess.Popen(["curl", "-s", "--limit-rate", "20M", "-o", out, url])
    wait_until(lambda: out.exists() and out.stat().st_size > 1 << 20, "the dump arrives")
    os.kill(worker_of(large.pid), signal.SIGKILL)
    assert curl.wait(60) == 18
    wait_until(lambda: runs_free(large.pid), "the target runs")
    assert service.get(f"/api/processes/{large.pid}").status == 200


def test_keep_alive_over_errors_and_dumps(service, sleeper):
    process = sleeper()
    with contextlib.closing(service.connection()) as connection:
        connection.connect()
        port = connection.sock.getsockname()
        for path, status in [("/api/processes/99999999", 404), (f"/api/processes/{process.pid}/dump", 200),
                             (f"/api/processes/{process.pid}", 200), ("/api/%zz", 400), ("/healthz", 200)] * 3:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
            assert connection.sock.getsockname() == port


def test_two_hundred_at_once(serve, sleeper):
    """Those that find no place are told to come again, and who does is answered in the end."""
    one = serve()
    process = sleeper()
    paths = [f"/api/processes/{process.pid}", "/api/processes", f"/api/processes/{process.pid}/threads", "/healthz"]

    def ask(number):
        for attempt in range(1000):
            answer = one.get(paths[number % 4])
            if answer.status != 503:
                return answer
            assert int(answer.headers["Retry-After"]) > 0
            time.sleep(0.01 * min(attempt, 20))
        raise AssertionError("never answered")

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(ask, range(400)))
    assert {answer.status for answer in answers} == {200}
    assert all(answers[number].json()["id"] == process.pid for number in range(0, 400, 4))


def test_beyond_the_limit_of_connections(serve):
    one = serve("--connections", "3")
    idle = [one.connection() for _ in range(3)]
    for connection in idle:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    answer = one.get("/healthz")
    assert (answer.status, answer.headers["Connection"]) == (503, "close")
    assert answer.headers["Retry-After"]
    for connection in idle:
        connection.close()
    wait_until(lambda: one.get("/healthz").status == 200, "there is a place again")


def test_a_crowd_that_goes_again(serve):
    """More idle connections than are ever accepted; when all of them have gone, the service takes new ones."""
    one = serve("--connections", "3")
    with contextlib.ExitStack() as crowd:
        for _ in range(100):
            connection = crowd.enter_context(contextlib.closing(one.connection()))
            connection.connect()
    wait_until(lambda: one.get("/healthz").status == 200, "there is a place again")


def test_dumps_of_the_service_itself(serve):
    """None of them stands in its own way: not the inspector, not a worker, not the front that sends the dump."""
    one = serve()
    processes = [one.json(f"/api/processes/{href.rpartition('/')[2]}") for href in one.json("/api/processes/0")["children"]]
    assert {process["name"] for process in processes} == {"procscope-work", "procscope-http"}
    for process in processes:
        assert one.get(f"/api/processes/{process['id']}/dump").status == 200
        expected = 409 if process["name"] == "procscope-http" else 200
        assert one.get(f"/api/processes/{process['id']}/dump?dumpType=2").status == expected
    assert one.get("/api/processes/0/dump?dumpType=2").status == 200


def test_pipelined_requests(service):
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert service.raw(request * 20 + last).count(b'{"status":"ok"}') == 21


@pytest.mark.parametrize("data", [b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                                  b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                                  b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                                  b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000 + b"\r\n"],
                         ids=["binary", "short", "version", "no-host", "chunk", "long-line", "many-headers"])
def test_garbage(serve, data):
    """An answer or a closed connection, and the service goes on."""
    service = serve("--stall-timeout", "1s")
    with contextlib.suppress(ConnectionError):
        answer = service.raw(data)
        assert not answer or b" 200 " not in answer.split(b"\r\n")[0]
    assert service.get("/healthz").status == 200


def test_stop_lets_a_running_dump_end(serve, large):
    one = serve()
    with dump_begun(one, large.pid) as connection:
        one.process.send_signal(signal.SIGTERM)
        got = 0
        while got < MEMORY:
            piece = connection.recv(1 << 20)
            assert piece, f"cut after {got} bytes"
            got += len(piece)
    assert one.process.wait(60) == 0
    wait_until(lambda: runs_free(large.pid), "the target runs")


def test_stop_does_not_wait_for_ever(serve, large):
    one = serve("--stop-timeout", "1s")
    with dump_begun(one, large.pid):
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(60) == 0
        wait_until(lambda: runs_free(large.pid), "the target runs")
