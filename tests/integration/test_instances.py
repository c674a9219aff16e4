"""Several instances that know each other: lists, requests passed on, and what becomes of them when one goes."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from conftest import PROCSCOPE, is_held, read_line, wait_until

NAMES = ("a", "b", "c")


def free_ports(count):
    """Ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Cluster:
    """Three services of a static registry."""

    def __init__(self, serve):
        self.serve = serve
        self.ports = dict(zip(NAMES, free_ports(len(NAMES))))
        self.registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in self.ports.values())
        self.services = {}
        for name in NAMES:
            self.start(name)
        for service in self.services.values():
            wait_until(lambda s=service: states(s) == {name: "running" for name in NAMES}, "all to know each other")

    def start(self, name, *arguments):
        self.services[name] = self.serve("--instance-id", f"id-{name}", "--machine-name", name, "--registry", self.registry,
                                         "--registry-interval", "200ms", *arguments, listen=(f"127.0.0.1:{self.ports[name]}",))
        return self.services[name]

    def __getitem__(self, name):
        return self.services[name]


def states(service):
    """Name -> state; of those that are known."""
    return {one["name"]: one["state"] for one in service.json("/api/instances") if "name" in one}


def member(service, name):
    return next(one for one in service.json("/api/instances") if one.get("name") == name)


def children(pid, name):
    """Children of a process by the name of their program."""
    found = []
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == name:
                found.append(int(child))
    return found


@pytest.fixture
def cluster(serve):
    return Cluster(serve)


def test_a_list_tells_of_all_and_who_is_asked(cluster):
    for name in NAMES:
        listed = cluster[name].json("/api/instances")
        assert [one["is_self"] for one in listed] == [True, False, False]
        assert listed[0]["id"] == f"id-{name}" and cluster[name].json("/api/instances/self")["id"] == f"id-{name}"
        assert {one["id"] for one in listed} == {"id-a", "id-b", "id-c"}
        for one in listed:
            assert one["href"] == f"{cluster[name].url}/instances/{one['id']}" and one["short_id"] == one["id"][:6]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", one["last_seen"])


def test_a_list_of_another_leads_through_the_one_that_was_asked(cluster):
    for name in NAMES:  # as the page of another one sees it
        for one in cluster["a"].json(f"/instances/id-{name}/api/instances"):
            assert one["href"] == f"{cluster['a'].url}/instances/{one['id']}"
            assert cluster["a"].json(one["href"][len(cluster["a"].url):] + "/api/instances/self")["id"] == one["id"]


def test_one_alone_lists_itself_and_knows_no_other(service):
    one, = service.json("/api/instances")
    own = service.json("/api/instances/self")
    assert one["is_self"] and one["state"] == "running" and one["id"] == own["id"] and re.fullmatch("[0-9a-f]{64}", own["id"])
    assert service.json(f"/instances/{own['id']}/api/processes/0")["id"] == service.pid
    for path, headers in ((f"/api/processes/0?instance=other", {}), ("/instances/other/api/processes/0", {}),
                          ("/api/processes/0", {"X-Procscope-Instance": "other"})):
        answer = service.get(path, headers)
        assert answer.status == 404 and "'other'" in answer.message and own["id"] in answer.message, answer.body
    # without others the cookie is somebody else's: browsers send it to every port of a host
    assert service.get("/api/processes/0", {"Cookie": "ARRAffinity=other"}).status == 200


@pytest.mark.parametrize("way", ["path", "header", "query", "cookie"])
def test_a_request_goes_where_it_is_sent(cluster, way):
    asked, other = cluster["a"], cluster["b"]
    prefix = "/instances/id-b" if way == "path" else ""
    headers = {"header": {"X-Procscope-Instance": "id-b"}, "cookie": {"Cookie": "x=y; ARRAffinity=id-b; z"}}.get(way, {})
    query = "?instance=id-b" if way == "query" else ""

    def get(path, **more):
        return asked.request(more.get("method", "GET"), prefix + path + query, headers)

    answer = get("/api/processes/0")
    detail = answer.json()
    assert detail["id"] == other.pid and detail["machineName"] == "b"
    assert detail["href"] == f"{asked.url}{prefix}/api/processes/{other.pid}"  # usable through the one that was asked
    assert answer.headers.get("Set-Cookie") == ("ARRAffinity=id-b; Path=/; HttpOnly; SameSite=Lax" if way == "query" else None)
    if way == "path":
        assert asked.json(detail["href"][len(asked.url):])["id"] == other.pid
    answer = get("/api/processes/99999999")
    assert answer.status == 404 and "is not running" in answer.message
    head = get("/api/processes/0/dump", method="HEAD")
    assert head.status == 200 and head.body == b"" and head.headers["X-Dump-Threads"] and ".dmp" in head.headers["Content-Disposition"]
    # itself, by any of them
    own = asked.request("GET", ("/instances/id-a" if way == "path" else "") + "/api/processes/0" + query.replace("id-b", "id-a"),
                        {key: value.replace("id-b", "id-a") for key, value in headers.items()})
    assert own.json()["id"] == asked.pid


def test_the_page_of_another_comes_through(cluster):
    asked = cluster["a"]
    answer = asked.get("/instances/id-b")
    assert answer.status == 308 and answer.headers["Location"] == "id-b/"
    assert asked.get("/instances/id-a").headers["Location"] == "id-a/"
    for name in NAMES:
        page = asked.get(f"/instances/id-{name}/")
        assert page.status == 200 and "text/html" in page.headers["Content-Type"] and page.headers["Content-Security-Policy"]
        for asset in re.findall(r"assets/[\w.-]+", page.body.decode())[:3]:
            assert asked.get(f"/instances/id-{name}/{asset}").status == 200
    # the page itself is never chosen by a cookie: there would be no way back
    assert asked.get("/", {"Cookie": "ARRAffinity=gone"}).status == 200


def test_who_is_unknown_is_named_and_the_cookie_taken_back(cluster):
    for headers in ({"Cookie": "ARRAffinity=nobody"}, {"X-Procscope-Instance": "nobody"}):
        answer = cluster["a"].get("/api/processes/0", headers)
        assert answer.status == 404 and "'nobody'" in answer.message
        assert answer.headers.get("Set-Cookie", "").startswith("ARRAffinity=; ") == ("Cookie" in headers)
    answer = cluster["a"].get("/api/processes/0?instance=nobody")
    assert answer.status == 404 and "Set-Cookie" not in answer.headers
    for path in ("/instances/a%3Bb/api/processes", "/instances/.../x", "/instances/" + "x" * 200 + "/y"):
        assert cluster["a"].get(path).status == 404


def test_ending_and_arguments_go_along(cluster, sleeper):
    process = sleeper()
    answer = cluster["a"].request("DELETE", f"/instances/id-c/api/processes/{process.pid}?dry-run=true")
    assert answer.status == 400 and "nothing was done" in answer.message and process.poll() is None
    answer = cluster["a"].request("POST", f"/api/processes/{process.pid}/stop", {"X-Procscope-Instance": "id-c"})
    assert answer.status == 200 and process.wait(10) is not None
    text = cluster["a"].get(f"/instances/id-c/api/processes/{cluster['c'].pid}/stacks", {"Accept": "text/plain"})
    assert text.headers["Content-Type"].startswith("text/plain") and text.headers["Vary"] == "Accept"
    assert cluster["a"].request("PUT", "/instances/id-c/api/processes/1").status == 405


def test_a_body_goes_along(cluster):
    path = f"/instances/id-c/livemetrics?pid={cluster['c'].pid}&durationSeconds=1"
    wish = {"includeDefaultProviders": False, "providers": [{"providerName": "procscope", "counterNames": ["thread-count"]}]}
    answer = cluster["a"].request("POST", path, {"Content-Type": "application/json"}, json.dumps(wish))
    assert answer.status == 200 and json.loads(answer.body[1:])["name"] == "thread-count"
    assert cluster["a"].request("POST", path).status == 400
    assert cluster["a"].request("POST", path, body=" " * 20000).status == 413


def test_arms_paths_name_an_instance(cluster):
    site = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/shop"
    answer = cluster["a"].json(f"{site}/instances/id-b/processes/0?api-version=1")
    assert answer["properties"]["identifier"] == cluster["b"].pid
    assert answer["id"] == f"{site}/instances/id-b/processes/{cluster['b'].pid}" or answer["id"].startswith(f"{site}/instances/id-b/processes/")
    assert answer["properties"]["href"].startswith(f"{cluster['a'].url}{site}/instances/id-b/processes/")
    listed = cluster["a"].json(f"{site}/instances?api-version=1")["value"]
    assert sorted(one["name"] for one in listed) == ["id-a", "id-b", "id-c"]
    answer = cluster["a"].get(f"{site}/instances/nobody/processes?api-version=1")
    assert answer.status == 404 and "'nobody'" in answer.json()["error"]["message"]


def test_there_is_no_loop(cluster):
    answer = cluster["a"].get("/api/processes/0", {"X-Procscope-Hop": "id-b", "X-Procscope-Instance": "id-c"})
    assert answer.status == 421 and "'id-a'" in answer.message
    assert cluster["a"].get("/api/processes/0", {"X-Procscope-Hop": "id-b"}).status == 421
    # hrefs as the client of the other one sees us; what could break out of JSON or a page is not taken
    answer = cluster["a"].json("/api/processes/0", {"X-Procscope-Hop": "id-b", "X-Procscope-Instance": "id-a",
                                                    "X-Procscope-Base": "https://front/x"})
    assert answer["href"].startswith("https://front/x/api/processes/")
    answer = cluster["a"].json("/api/processes/0", {"X-Procscope-Hop": "id-b", "X-Procscope-Instance": "id-a",
                                                    "X-Procscope-Base": "javascript:alert(1)"})
    assert answer["href"].startswith(cluster["a"].url)


@pytest.fixture
def large():
    """large(mebibytes) -> a process with so much memory, and the random MiB that it is full of."""
    started = []

    def start(mebibytes):
        block = os.urandom(1 << 20)
        code = f"import sys, time; held = sys.stdin.buffer.read(1 << 20) * {mebibytes}; print('ready', flush=True); time.sleep(3600)"
        with tempfile.TemporaryFile() as given:
            given.write(block)
            given.seek(0)
            process = subprocess.Popen([sys.executable, "-c", code], stdin=given, stdout=subprocess.PIPE)
        started.append(process)
        read_line(process)
        return process, block

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def peak_kib(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def test_a_large_dump_streams_through_with_every_byte(cluster, large, tmp_path):
    process, block = large(200)
    peer, = children(cluster["a"].pid, "procscope-peer")
    assert cluster["a"].get(f"/instances/id-b/api/processes/{cluster['c'].pid}/dump?dumpType=2").status == 200
    before = peak_kib(peer)
    answer = cluster["a"].get(f"/instances/id-b/api/processes/{process.pid}/dump?dumpType=2")
    assert peak_kib(peer) - before < 2048
    assert len(answer.body) == int(answer.headers["Content-Length"]) and answer.body.count(block) >= 200
    assert answer.headers["X-Dump-Mode"] and ".dmp" in answer.headers["Content-Disposition"]
    for form in ("compress=gzip", "format=zip"):  # of no known length: in chunks
        body = cluster["a"].get(f"/instances/id-b/api/processes/{cluster['c'].pid}/dump?dumpType=0&{form}").body
        (tmp_path / "file").write_bytes(body)
        command = ["gzip", "-t"] if "gzip" in form else ["unzip", "-tq"]
        if "gzip" in form:
            (tmp_path / "file").rename(tmp_path / "file.gz")
        subprocess.run([*command, str(next(tmp_path.iterdir()))], check=True, stdout=subprocess.DEVNULL)
        next(tmp_path.iterdir()).unlink()


def test_back_pressure_and_an_end_reach_the_other_one(cluster, large):
    process, _ = large(100)
    with contextlib.closing(cluster["a"].connection()) as connection:
        connection.request("GET", f"/instances/id-b/api/processes/{process.pid}/dump?dumpType=2&mode=stop")
        response = connection.getresponse()
        assert response.read(1000)
        peer, = children(cluster["a"].pid, "procscope-peer")
        time.sleep(0.5)  # it would have read all of it by now
        assert peak_kib(peer) < 64 << 10
        assert is_held(process.pid)  # the worker of the other one waits for us
        response.close()
    wait_until(lambda: not is_held(process.pid), "the process to be let go")
    wait_until(lambda: "cut after" in cluster["b"].log, "the other one to notice")
    assert cluster["a"].json("/instances/id-b/api/processes/0")["id"] == cluster["b"].pid


def test_a_cut_there_is_a_cut_here(cluster, large):
    process, _ = large(100)
    with contextlib.closing(cluster["a"].connection()) as connection:
        connection.request("GET", f"/instances/id-b/api/processes/{process.pid}/dump?dumpType=2")
        response = connection.getresponse()
        response.read(1000)
        for worker in children(cluster["b"].pid, "procscope-work"):
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(http.client.IncompleteRead):
            response.read()
    assert process.poll() is None


def test_events_of_another(cluster):
    with contextlib.closing(cluster["a"].connection()) as connection:
        connection.request("GET", "/instances/id-b/api/events")
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = [response.readline() for _ in range(12)]
    assert lines[1] == b"event: snapshot\n" and any(line == b"event: tick\n" for line in lines)


def test_one_that_is_gone_is_named_with_when_it_was_seen(cluster):
    asked = cluster["a"]
    cluster["c"].stop()
    wait_until(lambda: member(asked, "c")["state"] == "unreachable", "it to be missed")
    assert "refused" in member(asked, "c")["problem"] or "connect" in member(asked, "c")["problem"]
    answer = asked.get("/instances/id-c/api/processes/0")
    assert answer.status == 502 and "c (id-c)" in answer.message and "last seen" in answer.message, answer.message
    cluster.start("c")
    wait_until(lambda: member(asked, "c")["state"] == "running", "it to be back")
    assert asked.json("/instances/id-c/api/processes/0")["id"] == cluster["c"].pid


def test_two_with_one_id_are_told_and_not_mixed_up(serve):
    ports = free_ports(3)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    services = [serve("--instance-id", one, "--machine-name", f"m{i}", "--registry", registry, "--registry-interval", "200ms",
                      listen=(f"127.0.0.1:{ports[i]}",)) for i, one in enumerate(("x", "y", "y"))]
    wait_until(lambda: list(states(services[0]).values()) == ["running", "conflict", "conflict"], "the conflict to be seen")
    answer = services[0].request("DELETE", "/instances/y/api/processes/1")
    assert answer.status == 409 and "instance-id" in answer.message
    wait_until(lambda: "goes by our id" in services[1].log, "a word in its log")


def test_the_process_for_others_may_die(cluster):
    asked = cluster["a"]
    for _ in range(2):
        peer, = children(asked.pid, "procscope-peer")
        os.kill(peer, signal.SIGKILL)
        wait_until(lambda p=peer: children(asked.pid, "procscope-peer") not in ([], [p]), "another one")
        assert asked.json("/api/processes/0")["id"] == asked.pid
        wait_until(lambda: asked.get("/instances/id-b/api/processes/0").status == 200, "it to know the others again")
    assert "was ended by signal 9" in asked.log


def test_it_has_no_rights(cluster):
    peer, = children(cluster["a"].pid, "procscope-peer")
    status = pathlib.Path(f"/proc/{peer}/status").read_text()
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M) and re.search(r"^CapPrm:\s+0+$", status, re.M)
    assert re.search(r"^Seccomp:\s+2$", status, re.M)
    if os.geteuid() == 0:
        assert not re.search(r"^Uid:\s+0\s", status, re.M)
    # and those that need no network have none of its libraries
    for pid in (cluster["a"].pid, *children(cluster["a"].pid, "procscope-http")):
        assert "libcurl" not in pathlib.Path(f"/proc/{pid}/maps").read_text()


def test_too_many_at_once_are_told_so(serve):
    ports = free_ports(2)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    first, second = (serve("--instance-id", one, "--machine-name", one, "--registry", registry, "--registry-interval", "200ms", "--forwards", "1",
                           listen=(f"127.0.0.1:{port}",)) for one, port in zip(("x", "y"), ports))
    wait_until(lambda: states(first).get("y") == "running", "the other one")
    with contextlib.closing(first.connection()) as connection:
        connection.request("GET", "/instances/y/api/events")
        assert connection.getresponse().status == 200
        answer = first.get("/instances/y/api/processes")
        assert answer.status == 503 and "forwards" in answer.message and answer.headers["Retry-After"]
    wait_until(lambda: first.get("/instances/y/api/processes").status == 200, "its place to be free again")


def test_what_is_no_instance_does_no_harm(serve):
    """A server that answers with anything: the list says so, and nothing breaks."""
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}}", b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", b"\x00" * 2000, b"",
               b"HTTP/1.1 200 OK\r\n\r\n" + b"{" * (1 << 20), b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
               b"HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n" + b'{"id":"../x","run":"1","url":"file:///x"}']
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        def run():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(4096)
                        connection.sendall(answers[len(taken) % len(answers)])
                        taken.append(1)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        service = serve("--registry", f"static:http://127.0.0.1:{server.getsockname()[1]}", "--registry-interval", "100ms")
        wait_until(lambda: len(taken) > len(answers), "all of them to be asked for")
        own, other = service.json("/api/instances")
        assert other["state"] == "unreachable" and other["problem"] and "id" not in other
        assert children(service.pid, "procscope-peer")
        server.shutdown(socket.SHUT_RDWR)
    assert "ended" not in service.log


def test_a_registry_that_can_not_be_is_refused(procscope):
    for registry, word in (("consul:http://a", "static:URL"), ("static:http://a b", "static:URL"), ("dns:x", "dns:NAME:PORT")):
        done = subprocess.run([procscope, "serve", "--listen", "127.0.0.1:0", "--registry", registry], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and word in done.stderr, done.stderr


@pytest.mark.skipif(not shutil.which("haproxy"), reason="no haproxy")
def test_haproxy_keeps_a_client_with_its_instance(cluster, tmp_path):
    """By the configuration of deploy/haproxy, as it is."""
    port, = free_ports(1)
    environment = {**os.environ, "PROCSCOPE_BIND": f"127.0.0.1:{port}"}
    for name in NAMES:
        environment |= {f"PROCSCOPE_{name.upper()}": f"127.0.0.1:{cluster.ports[name]}", f"PROCSCOPE_{name.upper()}_ID": f"id-{name}"}
    configuration = pathlib.Path(__file__).parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
    subprocess.run(["haproxy", "-c", "-f", configuration], env=environment, check=True, stdout=subprocess.DEVNULL)
    with subprocess.Popen(["haproxy", "-db", "-f", configuration], env=environment, stderr=subprocess.DEVNULL) as process:
        def get(path, cookie=None):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                connection.request("GET", path, headers={"Cookie": f"ARRAffinity={cookie}"} if cookie else {})
                response = connection.getresponse()
                response.text = response.read()
                return response

        def is_up():
            with contextlib.suppress(OSError):
                return get("/healthz").status == 200

        try:
            wait_until(is_up, "haproxy")
            answer = get("/api/processes/0")
            cookie = re.search("ARRAffinity=(id-[abc])", answer.headers["Set-Cookie"]).group(1)
            for _ in range(4):  # with its cookie it stays there
                assert json.loads(get("/api/processes/0", cookie).text)["machineName"] == cookie[-1]
            other = "id-b" if cookie != "id-b" else "id-c"
            answer = get(f"/api/processes/0?instance={other}", cookie)  # and is moved by a choice
            assert json.loads(answer.text)["machineName"] == other[-1] and f"ARRAffinity={other}" in answer.headers.get_all("Set-Cookie")[0]
            href = json.loads(answer.text)["href"]
            assert href.startswith(f"http://127.0.0.1:{port}/")
            cluster[other[-1]].stop()
            # whichever of the others is asked then: none answers for it
            wait_until(lambda: get("/api/processes/0", other).status == 502, "it to be missed")
            answer = get("/api/processes/0", other)
            assert answer.status == 502 and f"({other})" in json.loads(answer.text)["Message"]
        finally:
            process.terminate()


def test_the_command_line_asks_another_one(cluster):
    def run(*arguments):
        return subprocess.run([PROCSCOPE, *arguments], capture_output=True, text=True, check=False)

    listed = run("--url", cluster["a"].url, "instances")
    assert listed.returncode == 0 and [line.split()[:3] for line in listed.stdout.splitlines()[1:]] == [
        ["*", "a", "running"], ["-", "b", "running"], ["-", "c", "running"]], listed
    shown = run("--url", cluster["a"].url, "--instance", "id-b", "show", "0", "--json")
    assert json.loads(shown.stdout)["id"] == cluster["b"].pid
    for arguments, word, code in ((("--instance", "id-b", "ps"), "--url", 2), (("instances",), "--url", 2),
                                  (("--url", cluster["a"].url, "--instance", "a/b", "ps"), "no id", 2),
                                  (("--url", cluster["a"].url, "--instance", "nobody", "ps"), "'nobody'", None)):
        done = run(*arguments)
        assert done.returncode not in (0, None) and (code is None or done.returncode == code) and word in done.stderr, done
