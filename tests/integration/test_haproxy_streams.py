"""HAProxy before the service (test_haproxy.py): streams come whole, pauses and ends pass through it in both directions, what only a proxy may
say is not taken from clients, a client stays with its instance, and instances are known by their certificates."""
import collections
import contextlib
import http.client
import json
import shutil
import ssl
import subprocess
import sys
import threading

import pytest

from conftest import is_held, wait_until
from haproxy import Haproxy, Http2, get
from test_access import bearer, token
from test_dump_readers import needs
from test_haproxy import Behind, behind, haproxy  # noqa: F401  (fixtures)
from test_instances import free_ports
from test_instances_tls import authority, certificates  # noqa: F401  (fixtures)
from test_tls import server  # noqa: F401  (a fixture)

pytestmark = [pytest.mark.skipif(not shutil.which("haproxy"), reason="no haproxy"), needs("openssl")]
MEBIBYTES = 100


@pytest.fixture
def large(sleeper):
    code = f"import os, time; x = os.urandom(1 << 20) * {MEBIBYTES}; print('ready', flush=True); time.sleep(3600)"
    return sleeper(sys.executable, "-c", code, stdout=subprocess.PIPE)


@contextlib.contextmanager
def ask(haproxy, path, method="GET", headers=None):  # noqa: F811
    """An answer by HTTP/1.1 whose body is still to come."""
    context = ssl.create_default_context(cafile=haproxy.ca)
    with contextlib.closing(http.client.HTTPSConnection("localhost", haproxy.port, timeout=60, context=context)) as connection:
        connection.putrequest(method, path)
        for name, value in headers or []:
            connection.putheader(name, value)
        connection.endheaders()
        yield connection.getresponse()


def differing_pages(one, other):
    return sum(one[at:at + 4096] != other[at:at + 4096] for at in range(0, len(one), 4096))


def test_a_dump_comes_whole(haproxy, behind, large):  # noqa: F811
    path = f"/api/processes/{large.pid}/dump?dumpType=2"
    direct = behind.get(path, url=behind.own).body
    with ask(haproxy, path) as answer:
        first = answer.read()
    connection = Http2(haproxy)
    stream = connection.request(get(path))
    assert connection.status(stream) == 200
    second = connection.body(stream)
    connection.close()
    assert len(direct) == len(first) == len(second) > MEBIBYTES << 20
    for one in (first, second):  # the time of the dump and what the dump itself has touched
        assert differing_pages(direct, one) < 16
    assert haproxy.curl(path + "&estimate=true", "--http2", "-w", "%{http_version}").endswith("2")


def test_events_come_as_they_happen(haproxy, sleeper):  # noqa: F811
    connection = Http2(haproxy)
    stream = connection.request(get("/api/events"))
    connection.read(lambda: b"\n\n" in connection.body(stream))
    process = sleeper("sleep", "3600")
    connection.read(lambda: b'"id":%d,' % process.pid in connection.body(stream))
    assert b'"id":%d,' % process.pid in connection.body(stream) and not connection.is_over(stream)
    connection.close()


def ended(behind, pid, operation="dump"):  # noqa: F811
    numbers = [line["number"] for line in behind.audited("begin", operation=operation) if line["target"]["id"] == pid]
    return next((line for line in behind.audited("end", operation=operation) if line["number"] in numbers), None)


def test_who_takes_nothing_is_waited_for_no_longer_than_without_a_proxy(haproxy, behind, large):  # noqa: F811
    """A window that is never opened again reaches the worker, which gives up after stall-timeout; the client sees that it was cut."""
    connection = Http2(haproxy, window=65535)
    stream = connection.request(get(f"/api/processes/{large.pid}/dump?dumpType=2"))
    end = wait_until(lambda: ended(behind, large.pid), "the worker to give up", within=60)
    assert end["result"] == "cut" and end["bytes"] < MEBIBYTES << 19 and not is_held(large.pid)
    connection.widen(0, stream)
    connection.read(lambda: connection.is_over(stream))
    assert len(connection.body(stream)) < MEBIBYTES << 20 < int(dict(connection.headers[stream][0])["content-length"])
    connection.close()


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_who_goes_away_ends_the_dump(haproxy, behind, large, version):  # noqa: F811
    path = f"/api/processes/{large.pid}/dump?dumpType=2"
    if version == "2":
        connection = Http2(haproxy, window=65535)
        stream = connection.request(get(path))
        connection.read(lambda: connection.body(stream))
        connection.reset(stream)
        connection.widen(0)
        assert connection.status(connection.request(get("/healthz"))) == 200  # the others of this connection go on
    else:
        with ask(haproxy, path) as answer:
            assert answer.read(1 << 16)
    assert wait_until(lambda: ended(behind, large.pid), "the dump to end")["result"] == "cut" and not is_held(large.pid)


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_who_goes_away_before_the_answer_ends_what_it_waits_for(haproxy, behind, sleeper, version):  # noqa: F811
    process = sleeper("sleep", "3600")
    path = f"/api/processes/{process.pid}/profile?seconds=600"
    if version == "2":
        connection = Http2(haproxy)
        stream = connection.request(get(path))
    else:
        connection = haproxy.connect()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    wait_until(lambda: [line for line in behind.audited("begin", operation="profile") if line["target"]["id"] == process.pid], "it to begin")
    if version == "2":
        connection.reset(stream)
    connection.close()
    assert wait_until(lambda: ended(behind, process.pid, "profile"), "the profile to end")["result"] != "done"


def test_many_that_are_begun_and_left_leave_nothing(haproxy, behind):  # noqa: F811
    """As in a rapid reset."""
    for _ in range(10):
        connection = Http2(haproxy)
        with contextlib.suppress(OSError):  # HAProxy may have had enough
            for _ in range(100):
                connection.reset(connection.request(get("/api/processes")))
        connection.close()
    wait_until(lambda: json.loads(haproxy.curl(f"/api/processes/{behind.pid}"))["id"] == behind.pid, "an answer")
    assert behind.process.poll() is None and "ended" not in behind.log


def test_a_client_can_not_speak_for_a_proxy(haproxy, behind, sleeper):  # noqa: F811
    """The service believes 127.0.0.1 what its client may not do: of a client HAProxy takes such words away."""
    process = sleeper("sleep", "3600")
    path = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/w/processes/{process.pid}"
    flags = ["-X", "DELETE", "-o", "/dev/null", "-w", "%{http_code}"]
    for name in ("X-MS-CLIENT-ROLEBASED-CONTRIBUTOR: 1", "x-ms-client-rolebased-contributor: 1", "X-MS-CLIENT-AUTHORIZATION-SOURCE: legacy"):
        for version in ("--http1.1", "--http2"):
            assert haproxy.curl(path, *flags, version, "-H", name) == "403"
    assert process.poll() is None
    done = subprocess.run(["curl", "-sS", "--cacert", haproxy.ca, *flags, "-H", "X-MS-CLIENT-ROLEBASED-CONTRIBUTOR: 1", behind.url + path], capture_output=True, text=True)
    assert done.stdout == "204", done
    process.wait(60)


def test_links_are_those_of_the_client(haproxy):  # noqa: F811
    for version in ("--http1.1", "--http2"):
        shown = json.loads(haproxy.curl("/api/processes/0", version, "-H", "X-Forwarded-Proto: http", "-H", "X-Forwarded-Host: smuggled.example", "-H", "Forwarded: host=smuggled.example"))
        assert shown["href"].startswith(haproxy.url + "/api/processes/")


@pytest.fixture
def cluster(tmp_path_factory, authority, server):  # noqa: F811
    """Three instances by https that know each other, behind HAProxy."""
    ports = dict(zip("abc", free_ports(3)))
    registry = "static:" + ",".join(f"https://127.0.0.1:{port}" for port in ports.values())
    folders = {name: tmp_path_factory.mktemp(name) for name in ports}
    services = {}

    def start(name):
        (folders[name] / "urls").unlink(missing_ok=True)
        services[name] = Behind(folders[name], server, name, "--registry", registry, "--registry-interval", "200ms", "--peer-ca", authority.pem, port=ports[name])

    for name in ports:
        start(name)
    try:
        for service in services.values():
            wait_until(lambda s=service: [one["state"] for one in json.loads(s.get("/api/instances", url=s.own).body)] == ["running"] * 3, "all to know each other")
        with Haproxy(tmp_path_factory.mktemp("haproxy"), services, certificate=server, ca=authority.pem) as proxy:
            proxy.start = start
            yield proxy
    finally:
        for service in services.values():
            service.stop(check=False)


def shown(haproxy, headers):  # noqa: F811
    with ask(haproxy, "/api/processes/0", headers=headers) as answer:
        return answer.status, json.loads(answer.read())


# Where the cookie may stand: name -> headers for an instance's id. HTTP/2 has a header for each cookie.
COOKIES = {"alone": lambda value: [("Cookie", f"ARRAffinity={value}")], "among others": lambda value: [("Cookie", f"x=y; ARRAffinity={value}; z=1")],
           "in a second header": lambda value: [("Cookie", "x=y"), ("Cookie", f"ARRAffinity={value}")],
           "in the first of two": lambda value: [("Cookie", f"ARRAffinity={value}"), ("Cookie", "x=y")]}


def test_a_client_stays_with_its_instance(cluster):
    def by_http2(headers):
        connection = Http2(cluster)
        stream = connection.request(get("/api/processes/0") + [(name.lower(), value) for name, value in headers])
        status = connection.status(stream)
        connection.close()
        return status, json.loads(connection.body(stream))

    for name in "abc":
        for headers in COOKIES.values():
            for way in (lambda headers: shown(cluster, headers), by_http2):
                status, process = way(headers(f"id-{name}"))
                assert status == 200 and process["machineName"] == name, (name, headers("x"))
                assert process["href"].startswith("https://localhost")
    with ask(cluster, "/api/processes/0?instance=id-c", headers=[("Cookie", "ARRAffinity=id-a")]) as answer:
        assert json.loads(answer.read())["machineName"] == "c" and any("ARRAffinity=id-c" in value for value in answer.headers.get_all("Set-Cookie"))
    # it is gone: nobody answers for it, wherever its name stands
    cluster.services["b"].stop()
    for headers in COOKIES.values():
        for way in (lambda headers: shown(cluster, headers), by_http2):
            wait_until(lambda way=way, headers=headers: way(headers("id-b"))[0] == 502, "it to be missed")
            status, said = way(headers("id-b"))
            assert status == 502 and "id-b" in said["Message"]
    assert shown(cluster, [])[0] == 200  # who has not chosen is with another one
    cluster.start("b")
    wait_until(lambda: shown(cluster, COOKIES["alone"]("id-b"))[0] == 200, "it to be back")
    assert shown(cluster, COOKIES["alone"]("id-b"))[1]["machineName"] == "b"


@pytest.mark.parametrize("form", ["", "&compress=gzip&level=1"], ids=["length", "chunks"])
def test_an_instance_that_dies_in_the_middle_is_seen(cluster, large, form):
    path, cookie = f"/api/processes/{large.pid}/dump?dumpType=2{form}", "ARRAffinity=id-b"
    with ask(cluster, path, headers=[("Cookie", cookie)]) as answer:
        assert answer.read(5)
        cluster.services["b"].process.kill()
        cluster.services["b"].process.wait()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    wait_until(lambda: not is_held(large.pid), "it to run on")


def test_by_http2_a_length_tells(cluster, large):
    """HAProxy ends the stream as if all were there: that is why the configuration is for HTTP/1.1 where it is not told otherwise."""
    connection = Http2(cluster, window=65535)
    stream = connection.request(get(f"/api/processes/{large.pid}/dump?dumpType=2") + [("cookie", "ARRAffinity=id-b")])
    connection.read(lambda: connection.body(stream))
    cluster.services["b"].process.kill()
    cluster.services["b"].process.wait()
    connection.widen(0, stream)
    assert connection.status(stream) == 200
    assert len(connection.body(stream)) < MEBIBYTES << 20 < int(dict(connection.headers[stream][0])["content-length"])
    connection.close()


@pytest.mark.parametrize("what", ["authority", "name"])
def test_an_instance_is_known_by_its_certificate(tmp_path, authority, certificates, server, what):  # noqa: F811
    """One with another certificate never gets a request, and what a client shows with it."""
    good = Behind(tmp_path, certificates["right"], "a")
    (tmp_path / "other").mkdir()
    bad = Behind(tmp_path / "other", certificates[what], "b")
    try:
        with Haproxy(tmp_path, {"a": good, "b": bad, "c": bad}, certificate=certificates["right"], ca=authority.pem, alpn=None) as proxy:
            def settled():
                return all(shown(proxy, [("Cookie", f"ARRAffinity=id-{name}"), ("Authorization", "Bearer secret")])[1]["machineName"] == "a" for name in "abc")
            wait_until(lambda: settled(), "HAProxy to have looked at all")
            assert "https://" in bad.url and not bad.seen()
            assert proxy.curl("/healthz", "--http2", "-w", "%{http_version}").endswith("1.1")  # where nothing is said of it
    finally:
        good.stop()
        bad.stop()


def test_more_clients_than_a_proxy_may_have_connections_wait_their_turn(serve, tmp_path):
    """From another machine HAProxy is one client: it lets them wait rather than run into client-connections."""
    own = next((address for address in subprocess.run(["hostname", "-I"], stdout=subprocess.PIPE, text=True).stdout.split() if "." in address), None)
    if not own:
        pytest.skip("no address but loopback")
    shown_token = bearer(token(tmp_path / "tokens", "reader"))
    services, statuses = {name: serve("--tokens", tmp_path / "tokens", listen=("0.0.0.0:0",)) for name in "abc"}, []
    for service in services.values():
        service.url = service.url.replace("0.0.0.0", own)
    with Haproxy(tmp_path, services) as proxy:
        def many():
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)) as connection:
                for _ in range(5):
                    connection.request("GET", "/api/processes", headers=shown_token)
                    answer = connection.getresponse()
                    answer.read()
                    statuses.append(answer.status)
        threads = [threading.Thread(target=many) for _ in range(500)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert len(statuses) == 2500 and set(statuses) == {200}, collections.Counter(statuses)
