"""Clients that mean no good: many connections that ask for nothing, requests that never end, answers that are never taken. Others
are answered meanwhile, and nothing of the service grows."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import select
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from conftest import wait_until
from test_access import bearer, token


def address_of(service):
    parts = urllib.parse.urlsplit(service.url)
    return parts.hostname, parts.port


def connect(service, **options):
    connection = socket.create_connection(address_of(service), timeout=60)
    for level, option, value in options.get("set", ()):
        connection.setsockopt(level, option, value)
    return connection


def front_of(service):
    for pid in pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split():
        if pathlib.Path(f"/proc/{pid}/comm").read_text() == "procscope-http\n":
            return int(pid)
    raise AssertionError("no front")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def family(pid):
    """It and all that came from it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for path in pathlib.Path(f"/proc/{one}/task").glob("*/children") for child in path.read_text().split()]
    return found


def weight(pids):
    """Their memory (PSS) in bytes, and how many descriptors and threads they have."""
    memory = threads = files = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            memory += int(re.search(r"\nPss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text())[1]) * 1024
            files += descriptors(pid)
            threads += len(os.listdir(f"/proc/{pid}/task"))
    return memory, files, threads


@contextlib.contextmanager
def many_descriptors(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip("too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ask_until_answered(service, path="/api/processes/0"):
    """A client with manners: comes back when it is told to. Never is it just cut off."""
    def once():
        with contextlib.suppress(ConnectionError, http.client.RemoteDisconnected):
            answer = service.get(path)
            assert answer.status in (200, 503), answer.status
            if answer.status == 503:
                assert answer.headers["Retry-After"] and "try again" in answer.message
            return answer.status == 200
        return False

    wait_until(once, path)


def closed(connection):
    """Whether the other side has closed it."""
    poll = select.poll()  # select() takes no descriptor beyond 1,023
    poll.register(connection, select.POLLIN)
    ready = poll.poll(0)
    with contextlib.suppress(ConnectionError):
        return bool(ready) and connection.recv(65536) == b""
    return True


def test_slowloris(serve):
    """Heads that come a byte at a time, on more connections than there are places."""
    service = serve("--connections", "64", "--head-timeout", "3s")
    ask_until_answered(service)
    front = front_of(service)
    before = descriptors(front)
    slow = []
    for _ in range(100):
        slow.append(connect(service))
        slow[-1].sendall(b"GET /api/processes HTTP/1.1\r\nX")
    for _ in range(10):
        for one in slow:
            with contextlib.suppress(OSError):
                one.send(b"-")
        ask_until_answered(service)
        assert descriptors(front) <= before + 64 + 64 + 8
    wait_until(lambda: all(map(closed, slow)), "the slow ones to be left")
    for one in slow:
        one.close()
    wait_until(lambda: descriptors(front) <= before, "their descriptors to be closed")


def test_ten_thousand_idle_connections(serve):
    wanted = 10000
    with many_descriptors(wanted + 500):
        service = serve("--connections", "2000")
        ask_until_answered(service)
        front = front_of(service)
        connections = []
        address = address_of(service)
        for _ in range(wanted):
            one = socket.socket()
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(address)
            connections.append(one)
        resident_before = None
        for i in range(30):
            ask_until_answered(service, "/healthz")
            ask_until_answered(service)
            assert descriptors(front) <= 2000 + 64 + 50
            if i == 10:
                resident_before = resident(front)
            time.sleep(0.1)
        assert resident(front) < resident_before + (16 << 20)
        for one in connections:
            one.close()
        wait_until(lambda: descriptors(front) < 50, "all to be closed")
        ask_until_answered(service)


def test_ten_thousand_that_have_a_place_are_held_and_forgotten(serve):
    """All of them may stay; others are answered meanwhile, and what they took is given back when they go."""
    wanted = 10000
    with many_descriptors(wanted + 1000):
        service = serve("--connections", str(wanted + 100), "--head-timeout", "10min")
        ask_until_answered(service)
        front = front_of(service)
        before, _, threads = weight([front])
        for _ in range(2):
            connections = [connect(service) for _ in range(wanted)]
            wait_until(lambda: descriptors(front) > wanted, "all to be accepted")
            for _ in range(10):
                assert service.get("/healthz").status == service.get("/api/processes").status == 200
            assert not any(map(closed, connections))
            for one in connections:
                one.close()
            wait_until(lambda: descriptors(front) < 50, "all to be closed")
            wait_until(lambda: weight([front])[0] < before + (3 << 20), "their memory to be given back")
        assert weight([front])[2] == threads


def test_a_body_that_never_comes(serve):
    service = serve("--body-timeout", "500ms")
    with contextlib.closing(connect(service)) as connection:
        connection.sendall(b"POST /api/processes/1/stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        wait_until(lambda: closed(connection), "the connection to be closed")
    ask_until_answered(service)


def test_an_answer_that_is_hardly_taken(serve):
    service = serve("--answer-timeout", "1s")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.connect(address_of(service))
    with contextlib.closing(connection):
        for _ in range(40):
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")

        def taken_to_its_end():
            with contextlib.suppress(ConnectionError):
                return connection.recv(64) == b""
            return True

        connection.settimeout(60)
        wait_until(taken_to_its_end, "the connection to be closed", within=60)
    ask_until_answered(service)


def test_a_client_has_a_limit_of_its_own(serve, tmp_path):
    own = subprocess.run(["hostname", "-I"], stdout=subprocess.PIPE, text=True).stdout.split()
    own = next((address for address in own if "." in address), None)
    if not own:
        pytest.skip("no address but loopback")
    reader = token(tmp_path / "tokens", "reader")
    service = serve("--client-connections", "5", "--tokens", tmp_path / "tokens", "--head-timeout", "60s", listen=("0.0.0.0:0",))
    url = service.url.replace("0.0.0.0", own)
    port = int(url.rsplit(":", 1)[1])
    held = [socket.create_connection((own, port), timeout=60) for _ in range(5)]
    answer = service.get("/api/processes", bearer(reader), url=url)
    assert answer.status == 503 and answer.headers["Retry-After"]
    # others are not kept out
    assert service.get("/api/processes", bearer(reader), url=url.replace(own, "127.0.0.1")).status == 200
    for one in held:
        one.close()
    wait_until(lambda: service.get("/api/processes", bearer(reader), url=url).status == 200, "a place")


def test_who_finds_no_place_is_told_so(serve):
    """Where all places are taken by answers that go on: 503 with Retry-After, whole, and never a reset, whatever was sent along."""
    service = serve("--connections", "8")
    viewers = []
    for _ in range(8):
        viewers.append(connect(service))
        viewers[-1].sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert viewers[-1].recv(100).startswith(b"HTTP/1.1 200")
    post = b"POST /api/processes/1/stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    for request in (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", post % 30000 + b"x" * 30000, b"GET /api/processes HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50):
        for _ in range(20):
            answer = service.raw(request)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in head and b"\r\nConnection: close" in head
            assert "try again" in json.loads(body)["Message"]
    for one in viewers:
        one.close()
    wait_until(lambda: service.get("/healthz").status == 200, "a place")


GARBAGE = [b"\0" * 5000, b"\r\n" * 3000, b"GET / HTTP/1.1\r\n" * 500, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 500,
           b"GET " + b"/a" * 40000 + b" HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
           b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
           b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
           b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20000 + b"\r\n"]


def test_pipelined_garbage(serve):
    service = serve("--head-timeout", "1s", "--stall-timeout", "1s")
    front = None
    for _ in range(2):
        threads = []
        for piece in GARBAGE:
            for data in (piece, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + piece, piece * 3):
                def send(data=data):
                    with contextlib.suppress(OSError), contextlib.closing(connect(service)) as connection:
                        connection.sendall(data)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                threads.append(threading.Thread(target=send))
        for thread in threads:
            thread.start()
        ask_until_answered(service)
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        front = front or front_of(service)
        assert front_of(service) == front, service.log  # it is still the same one
    assert "ended" not in service.log


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("head", [b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                                  b"Content-Length: 0\r\nContent-Length: 49\r\n\r\n", b"Content-Length: 49\r\nContent-Length: 49\r\n\r\n",
                                  b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", b"Host: elsewhere\r\n\r\n",
                                  b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"])
def test_two_readers_can_not_see_two_requests(serve, head):
    """What a proxy before us might read otherwise is refused, and the connection with it."""
    service = serve("--head-timeout", "1s", "--stall-timeout", "1s")
    for method in (b"POST", b"GET"):
        answer = service.raw(method + b" /healthz HTTP/1.1\r\nHost: localhost\r\n" + head + SMUGGLED)
        assert answer.count(b"HTTP/1.1 ") <= 1 and b"404" not in answer, answer
        assert not answer or answer.startswith(b"HTTP/1.1 400"), answer


def test_lists_go_on_while_dumps_are_taken_and_clients_are_many(serve, target):
    """100 at once, with dumps running: who is told to come back does, and all have their answers in the end, and nothing is left behind."""
    service = serve()
    process = target("shapes", "threads", "3")
    ask_until_answered(service)
    front = front_of(service)
    before = descriptors(front)
    refusals, results = set(), []

    def ask(path):
        with contextlib.suppress(ConnectionError, http.client.RemoteDisconnected):
            answer = service.get(path)
            if answer.status == 200:
                return True
            refusals.add((answer.status, "Retry-After" in answer.headers))
            time.sleep(0.05)
        return False

    def many(path, times):
        for _ in range(times):
            results.append(any(ask(path) for _ in range(400)))

    threads = [threading.Thread(target=many, args=("/api/processes", 5)) for _ in range(100)]
    threads += [threading.Thread(target=many, args=(f"/api/processes/{process.pid}/dump?dumpType=2", 2)) for _ in range(2)]
    threads += [threading.Thread(target=many, args=("/healthz", 20)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert len(results) == 500 + 4 + 80 and all(results)
    assert refusals <= {(429, True), (503, True)}, refusals
    wait_until(lambda: descriptors(front) <= before, "all to be closed")
    assert process.poll() is None


def storm(service, pid):
    """All kinds at once: lists, dumps that are left half way, garbage, connections that say nothing."""
    def leave():
        with contextlib.suppress(OSError), contextlib.closing(connect(service)) as connection:
            connection.sendall(f"GET /api/processes/{pid}/dump?dumpType=2 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connection.recv(1000)

    def send(data):
        with contextlib.suppress(OSError), contextlib.closing(connect(service)) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    idle = [connect(service) for _ in range(150)]
    threads = [threading.Thread(target=ask_until_answered, args=(service, "/api/processes")) for _ in range(60)]
    threads += [threading.Thread(target=leave) for _ in range(10)] + [threading.Thread(target=send, args=(piece,)) for piece in GARBAGE]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    for one in idle:
        one.close()


def test_nothing_grows_from_storm_to_storm(serve, target):
    """What is kept after the first ones, workers and their tables, is all that is kept."""
    service = serve("--head-timeout", "1s", "--stall-timeout", "1s", "--workers", "1")
    process = target("shapes", "threads", "3")

    def calm():
        """Once what the storm had is closed, and a worker that is kept has answered."""
        ask_until_answered(service, "/api/processes")
        wait_until(lambda: descriptors(front_of(service)) < 40 and len(family(service.pid)) == 3, "calm")
        return weight(family(service.pid))

    for _ in range(3):
        storm(service, process.pid)
    memory, files, threads = calm()
    for _ in range(6):
        storm(service, process.pid)
    wait_until(lambda: calm()[1:] <= (files + 2, threads), "descriptors and threads to be as many as before")
    assert calm()[0] < memory + (2 << 20)
    assert process.poll() is None and "ended" not in service.log
