"""Every route under its three roots, against real processes: JSON to the letter, errors, and HTTP itself."""
import gzip
import os
import pwd
import re
import signal
import socket
import stat
import sys

import pytest

from conftest import wait_until

ROOTS = ["/api/processes", "/api/diagnostics/processes", "/diagnostics/processes"]
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")
SPAN = re.compile(r"(\d+\.)?\d\d:\d\d:\d\d(\.\d{7})?")
NO_SUCH_PID = 99999999


@pytest.fixture(params=ROOTS)
def root(request):
    return request.param


def test_list(service, sleeper, root):
    process = sleeper()
    listed = service.json(f"{root}?allUsers=true")
    assert [p["name"].lower() for p in listed] == sorted(p["name"].lower() for p in listed)
    mine = [p for p in listed if p["id"] == process.pid]
    assert mine == [{"id": process.pid, "name": mine[0]["name"], "machineName": socket.gethostname(),
                     "href": f"{service.url}{root}/{process.pid}",
                     "user_name": f"{socket.gethostname()}\\{pwd.getpwuid(os.getuid()).pw_name}",
                     "runtime": "Python", "runtime_version": mine[0]["runtime_version"]}]
    assert "python" in mine[0]["name"]
    assert service.json(f"{root}/?allUsers=true")  # a trailing slash


def test_list_with_kernel_threads(service):
    if not os.path.exists("/proc/2") or open("/proc/2/stat").read().split()[3] != "0":
        pytest.skip("no kernel threads are seen from here")
    without = {p["id"] for p in service.json("/api/processes?allUsers=true")}
    assert 2 not in without
    assert 2 in {p["id"] for p in service.json("/api/processes?allUsers=true&kernel=true")}


def test_detail(service, sleeper, root):
    process = sleeper(env={**os.environ, "SAID": "so\x01"})
    wait_until(lambda: service.json(f"{root}/{process.pid}/threads")[0]["state"] == "Wait", "it sleeps")
    detail = service.json(f"{root}/{process.pid}")
    own = f"{service.url}{root}/{process.pid}"
    assert (detail["id"], detail["href"], detail["minidump"], detail["gcdump"]) == (process.pid, own, own + "/dump",
                                                                                   own + "/gcdump")
    assert detail["parent"] == f"{service.url}{root}/{os.getpid()}"
    assert detail["children"] == []
    assert detail["threads"] == [{**detail["threads"][0], "id": process.pid, "href": f"{own}/threads/{process.pid}",
                                  "state": "Wait"}]
    assert detail["thread_count"] == 1
    assert detail["module_count"] == len(detail["modules"]) > 1
    assert detail["handle_count"] == len(os.listdir(f"/proc/{process.pid}/fd"))
    assert "/dev/null" in detail["open_file_handles"]
    assert detail["file_name"] == os.readlink(f"/proc/{process.pid}/exe")
    assert "time.sleep(3600)" in detail["command_line"]
    assert detail["environment_variables"]["SAID"] == "so\x01"
    for name in ("start_time", "time_stamp"):
        assert DATE.fullmatch(detail[name])
    assert detail["start_time"] < detail["time_stamp"]
    for name in ("total_cpu_time", "user_cpu_time", "privileged_cpu_time"):
        assert SPAN.fullmatch(detail.get(name, "00:00:00"))
    assert detail["working_set"] % 4096 == 0 and detail["peak_working_set"] >= detail["working_set"]
    assert detail["virtual_memory"] > detail["working_set"]
    assert not any(value in (0, False, None) for value in detail.values())  # default values are left out


def test_child_and_parent(service, sleeper):
    parent = sleeper("/bin/sh", "-c", "sleep 3600 & echo $!; wait", stdout=-1)
    child = int(parent.first_line)
    base = f"{service.url}/api/processes"
    assert service.json(f"/api/processes/{parent.pid}")["children"] == [f"{base}/{child}"]
    assert service.json(f"/api/processes/{child}")["parent"] == f"{base}/{parent.pid}"
    os.kill(child, signal.SIGKILL)


def test_threads(service, target, root):
    process = target("shapes", "threads", "4")
    own = f"{service.url}{root}/{process.pid}"
    wait_until(lambda: {t["state"] for t in service.json(f"{root}/{process.pid}/threads")} == {"Wait"}, "all sleep")
    threads = service.json(f"{root}/{process.pid}/threads")
    assert sorted(t["id"] for t in threads) == sorted(int(t) for t in os.listdir(f"/proc/{process.pid}/task"))
    for short in threads:
        assert short["href"] == f"{own}/threads/{short['id']}"
        full = service.json(short["href"][len(service.url):])
        assert full["process"] == own
        assert full["id"] == short["id"] and full["href"] == short["href"]
        assert full["state"] == "Wait" and full["wait_reason"]
        assert re.fullmatch("0x[0-9A-F]+", full.get("start_address", "0x0"))
        assert DATE.fullmatch(full["start_time"])
    answer = service.get(f"{root}/{process.pid}/threads/{NO_SUCH_PID}")
    assert answer.status == 404


def test_modules(service, sleeper, root):
    process = sleeper()
    own = f"{service.url}{root}/{process.pid}"
    modules = service.json(f"{root}/{process.pid}/modules")
    names = [m["file_name"] for m in modules]
    assert [n.lower() for n in names] == sorted(n.lower() for n in names)
    libc = next(m for m in modules if m["file_name"].startswith("libc.so"))
    assert libc["href"] == f"{own}/modules/{libc['base_address']}"
    full = service.json(f"{root}/{process.pid}/modules/{libc['base_address']}")
    assert full["file_path"].endswith("/" + libc["file_name"]) and full["file_path"].startswith("/")
    assert full["module_memory_size"] > 1000000
    assert service.get(f"{root}/{process.pid}/modules/1").status == 404
    assert service.get(f"{root}/{process.pid}/modules/xyz").status == 404


def test_environment(service, sleeper, root):
    process = sleeper(env={"PATH": os.environ["PATH"], "One": "1", "oneMore": "2=3", "Other": "\u00e9"})
    at = f"{root}/{process.pid}/environments"
    assert service.json(f"{at}/ONE") == {"One": "1", "oneMore": "2=3"}
    assert service.json(f"{at}/none") == {}
    everything = service.json(f"{at}/all")
    assert everything["Other"] == "\u00e9" and everything["One"] == "1" and "PATH" in everything
    assert service.get(at).status == 404  # as in Kudu


@pytest.mark.parametrize("kind", [0, 2])
def test_dump(service, target, root, kind):
    process = target("shapes", "threads", "2")
    answer = service.get(f"{root}/{process.pid}/dump?dumpType={kind}&api-version=2022-03-01")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert re.fullmatch(r'attachment; filename="shapes-\w{1,6}-\d\d-\d\d-\d\d-\d\d-\d\d\.dmp"',
                        answer.headers["Content-Disposition"])
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert answer.body.startswith(b"MDMP")
    assert process.poll() is None


def test_ids(service, serve, sleeper):
    detail = service.json("/api/processes/0")
    assert detail["id"] == service.pid
    assert detail["href"] == f"{service.url}/api/processes/{service.pid}"
    process = sleeper()
    assert serve("--main-pid", process.pid).json("/api/processes/-1")["id"] == process.pid


def test_delete(service, sleeper, root):
    process = sleeper()
    answer = service.request("DELETE", f"{root}/{process.pid}")
    assert answer.status == 200, answer.body
    assert str(process.pid) in answer.body.decode()
    assert process.wait(30) == -signal.SIGKILL


def test_delete_in_the_arm_form(service, sleeper):
    process = sleeper()
    answer = service.request("DELETE", f"/api/processes/{process.pid}", headers={"x-ms-geo-location": "Europe"})
    assert (answer.status, answer.body) == (204, b"")
    assert process.wait(30) == -signal.SIGKILL
    answer = service.get(f"/api/processes/{NO_SUCH_PID}", headers={"x-ms-geo-location": "Europe"})
    assert answer.json() == {"error": {"code": "NotFound",
                                       "message": f"Process with an Id of {NO_SUCH_PID} is not running."}}


def test_stop_with_a_signal(service, sleeper):
    process = sleeper("/bin/sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done", stdout=-1)
    assert service.request("POST", f"/api/processes/{process.pid}/stop?dryRun=true").status == 200
    assert process.poll() is None
    assert service.request("POST", f"/api/processes/{process.pid}/stop?signal=TERM&grace=20").status == 200
    assert process.wait(30) == 7


@pytest.mark.parametrize("query", ["dryRun", "dryRun=", "dry-run=true", "dry_run=true", "DryRun=yes!", "grace", "signl=TERM",
                                   "dryRun=true&what"])
def test_what_is_not_understood_ends_nobody(service, sleeper, query):
    process = sleeper()
    answer = service.request("DELETE", f"/api/processes/{process.pid}?{query}")
    assert answer.status == 400, answer.body
    assert process.poll() is None


@pytest.mark.parametrize("query", ["DRYRUN=true", "dryRun=true&api-version=2022-03-01", "_=1&dryrun=1"])
def test_dry_run_as_clients_write_it(service, sleeper, query):
    process = sleeper()
    answer = service.request("DELETE", f"/api/processes/{process.pid}?{query}")
    assert (answer.status, answer.json()["ended"]) == (200, [process.pid])
    assert process.poll() is None


def test_delete_of_the_service_ends_it(serve):
    one = serve()
    answer = one.request("DELETE", "/api/processes/0")
    assert answer.status == 200, answer.body
    assert one.process.wait(30) == 0


def test_what_has_no_managed_heap(service, root):
    answer = service.get(f"{root}/{service.pid}/gcdump")
    assert answer.status == 501
    assert answer.message == f"Process {service.pid} has no .NET runtime that can be asked."


def test_unknown_process(service, root):
    for path in ("", "/threads", "/modules", "/environments/all", "/dump", "/threads/1", "/modules/1000"):
        answer = service.get(f"{root}/{NO_SUCH_PID}{path}")
        assert answer.status == 404, path
        assert answer.message == f"Process with an Id of {NO_SUCH_PID} is not running."
    assert service.request("DELETE", f"{root}/{NO_SUCH_PID}").status == 404


@pytest.mark.parametrize("query", ["dumpType=x", "dumpType=-1", "dumpType=4294967296", "format=rar", "dumpType=%31%32x"])
def test_bad_arguments(service, query):
    answer = service.get(f"/api/processes/0/dump?{query}")
    assert answer.status == 400, answer.body
    assert query.split("=")[0] in answer.message


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/processes/abc", "/api/processes/1x", "/api/processes/1/none",
                                  "/api/processes//", "/api/processes/1/threads/x", "/api/processes/18446744073709551617",
                                  "/api/../etc/passwd", "/api/processes/1/dump/x"])
def test_no_such_route(service, path):
    answer = service.get(path)
    assert answer.status == 404
    assert answer.message


@pytest.mark.parametrize("path", ["/%", "/%zz", "/api/processes/%00", "/api%2fprocesses", "/api/processes?x=%0"])
def test_bad_escapes(service, path):
    assert service.get(path).status == 400


@pytest.mark.parametrize("method,path,allow", [("PUT", "/api/processes/1", "GET, HEAD, DELETE"), ("POST", "/api/processes", "GET, HEAD"),
                                               ("GET", "/api/processes/1/stop", "POST"), ("OPTIONS", "/healthz", "GET, HEAD"),
                                               ("BREW", "/", "GET, HEAD"), ("DELETE", "/api/processes/1/dump", "GET, HEAD")])
def test_other_methods(service, method, path, allow):
    answer = service.request(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/", "/healthz", "/openapi.json", "/api/processes/0/modules", "/api/processes/0/environments/PATH"])
def test_head_is_get_without_a_body(service, path):
    head, get = service.request("HEAD", path), service.get(path)
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert head.headers[name] == get.headers[name]


def test_head_of_an_error(service):
    head = service.request("HEAD", f"/api/processes/{NO_SUCH_PID}")
    assert (head.status, head.body) == (404, b"")


def test_routes_page(service):
    answer = service.get("/routes")
    page = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert socket.gethostname() in page
    for link in re.findall('href="([^"]+)"', page):
        # no profile runs that could be stopped, and handles are of a file or port that has to be named
        expected = {"stop": (404,), "handles": (400,)}.get(link.rpartition("/")[2], (200, 501))
        assert service.get(link).status in expected, link


def test_page_and_its_files(serve):
    service = serve("--path-prefix", "/team/x")
    moved = service.get("/team/x")
    assert (moved.status, moved.headers["Location"]) == (308, "x/")
    for root in ("/team/x/", "/"):  # a proxy may take the prefix off
        answer = service.get(root)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        page = answer.body.decode()
        if "npm was missing" in page:
            pytest.skip("built without npm")
        links = re.findall('(?:href|src)="([^"]+)"', page)
        assert len(links) >= 3
        for link in links:
            assert not link.startswith("/") and "//" not in link
            link = link.removeprefix("./")
            plain = service.get(root + link)
            assert plain.status == 200 and "Content-Encoding" not in plain.headers
            if not link.startswith("assets/"):
                continue
            assert "immutable" in plain.headers["Cache-Control"]
            packed = service.get(root + link, {"Accept-Encoding": "br, gzip;q=0.5"})
            assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
            assert gzip.decompress(packed.body) == plain.body
            for encoding in ("identity", "gzip;q=0", "gzip; q=0.000, br"):
                assert service.get(root + link, {"Accept-Encoding": encoding}).body == plain.body
    for path in ("/assets/", "/assets/..", "/assets/index.html", "/assets/%2e%2e%2findex.html", "/index.html"):
        assert service.get(path).status in (400, 404)


def test_what_browsers_may_do(service):
    own = service.url
    for headers, status in [({"Origin": own}, 200), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                            ({"Host": "evil.example"}, 403), ({"Host": "localhost:7420"}, 200),
                            ({"Host": socket.gethostname()}, 200), ({"Host": "a b"}, 400),
                            ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
                            ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
                            ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200)]:
        assert service.get("/api/processes", headers=headers).status == status, headers


def test_pages_of_configured_origins(serve, sleeper):
    portal, other = "https://portal.example.com", "https://other.example.com"
    service, process = serve("--cors-origins", f"{portal}, http://localhost:3000"), sleeper()
    own = f"/api/processes/{process.pid}"
    of_page = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": portal}
    preflight = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
    for path, status in [("/api/processes", 200), (own, 200), ("/api/processes/99999999", 404), (f"{own}/stacks", 200), (f"{own}/dump?dumpType=1", 200),
                         ("/nowhere", 404)]:
        answer = service.get(path, of_page)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, portal), path
        assert answer.headers["Access-Control-Expose-Headers"] == "*" and "Origin" in answer.headers.get_all("Vary")
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Access-Control-Allow-Origin" not in service.get(path).headers
        refused = service.get(path, {**of_page, "Origin": other})
        assert refused.status == 403 and "Access-Control-Allow-Origin" not in refused.headers
    asked = service.request("OPTIONS", own, {**of_page, **preflight, "Access-Control-Request-Private-Network": "true"})
    assert (asked.status, asked.body) == (204, b"")
    assert "DELETE" in asked.headers["Access-Control-Allow-Methods"] and "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert asked.headers["Access-Control-Allow-Private-Network"] == "true"
    assert service.request("OPTIONS", own, {**of_page, **preflight, "Origin": other}).status == 403
    assert service.request("OPTIONS", own, of_page).status == 405  # no browser's question
    assert service.get("/api/processes", {**of_page, "Host": "evil.example"}).status == 403
    assert service.request("DELETE", own, {**of_page, "Origin": other}).status == 403 and process.poll() is None
    assert service.request("DELETE", own, of_page).status == 200 and process.wait(10) == -9
    for wrong in ("*", "null", "portal.example.com", "https://portal.example.com/x"):
        with pytest.raises(AssertionError, match="is not up to 32 origins"):
            serve("--cors-origins", wrong)


def test_hrefs_follow_host_and_prefix(serve):
    one = serve("--path-prefix", "/team/x")
    for path in ("/team/x/api/processes/0", "/api/processes/0"):  # a proxy may take the prefix off
        detail = one.json(path, headers={"Host": "localhost:99"})
        assert detail["href"] == f"http://localhost:99/team/x/api/processes/{one.pid}"
    assert one.get("/team/x/healthz").status == 200
    assert one.get("/team/healthz").status == 404
    assert '/team/x/api/processes"' in one.get("/team/x/routes").body.decode()


@pytest.mark.parametrize("prefix", ["", "/team/x"])
def test_hrefs_below_our_own_instance_lead_back_through_it(serve, sleeper, prefix):
    one = serve("--instance-id", "id-own", *(("--path-prefix", prefix) if prefix else ()))
    own = f"{prefix}/instances/id-own"
    absolute = f"{one.url}{own}"
    assert one.json(f"{own}/api/processes/0")["href"] == f"{absolute}/api/processes/{one.pid}"
    assert all(each["href"].startswith(f"{absolute}/api/processes/") for each in one.json(f"{own}/api/processes"))
    links = re.findall('href="([^"]+)"', one.get(f"{own}/routes").body.decode())
    assert len(links) > 5 and all(link.startswith(f"{own}/") for link in links)
    assert one.json(f"{own}/openapi.json")["servers"] == [{"url": own}]
    assert one.json(f"{prefix}/openapi.json")["servers"] == [{"url": prefix or "/"}]
    for through in (own, prefix):
        answer = one.get(f"{through}/dump?pid={sleeper().pid}&type=Mini")
        assert answer.status == 200 and answer.headers["Location"].startswith(f"{one.url}{through}/operations/")
        assert one.json(answer.headers["Location"][len(one.url):])["status"]


def test_two_listeners_and_a_socket_file(serve, tmp_path):
    path = tmp_path / "socket"
    one = serve(listen=("127.0.0.1:0", "127.0.0.1:0", f"unix:{path}"))
    assert len(set(one.urls)) == 3
    assert one.urls[2] == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    for url in one.urls:
        answer = one.get("/api/processes/0", url=url)
        assert answer.status == 200
        host = "http://localhost" if url.startswith("unix:") else url
        assert answer.json()["href"] == f"{host}/api/processes/{one.pid}"
    one.stop()
    assert not path.exists() and not one.url_file.exists()


def test_sockets_from_systemd(serve, tmp_path):
    """Handed over as systemd does: from descriptor 3 on, LISTEN_PID being the program's own pid."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_INET) as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(("127.0.0.1", 0))
        second.bind(path)
        for one in (first, second):
            one.listen()
        hand_over = (f"import os, sys; os.dup2({first.fileno()}, 100); os.dup2({second.fileno()}, 4); os.dup2(100, 3); "
                     "os.close(100); os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid())); "
                     "os.execv(sys.argv[1], sys.argv[1:])")
        for one in (first, second):
            os.set_inheritable(one.fileno(), True)
        one = serve(wrapper=(sys.executable, "-c", hand_over), close_fds=False)
        assert one.urls == [f"http://127.0.0.1:{first.getsockname()[1]}", f"unix:{path}"]
        for url in one.urls:
            assert one.get("/api/processes/0", url=url).status == 200
    one.stop()
    assert os.path.exists(path)  # systemd's file, not ours to remove


def test_hostile_names(service, target):
    process = target("shapes", "hostile-name")
    name = open(f"/proc/{process.pid}/comm", "rb").read()[:-1].decode(errors="replace")
    detail = service.json(f"/api/processes/{process.pid}")
    assert detail["id"] == process.pid
    assert "\n" in name and ") (" in name
    assert detail["name"] == name
    disposition = service.get(f"/api/processes/{process.pid}/dump").headers["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="[\w.\-()+,=@~^$!&\'#\[\]{}`]+"', disposition), disposition


def test_hostile_arguments_and_environment(service, sleeper):
    code = "print('ready', flush=True); import time; time.sleep(3600)"
    process = sleeper(b"/usr/bin/python3", b"-c", code.encode(), b'\xff"\n', stdout=-1, env={b"A\xfe": b"\xff", b"B": b'"\n'})
    detail = service.json(f"/api/processes/{process.pid}")
    assert '\ufffd"\n' in detail["command_line"]
    assert detail["environment_variables"]["B"] == '"\n'
    assert detail["environment_variables"]["A\ufffd"] == "\ufffd"


def test_a_target_that_says_more(service, target):
    process = target("shapes", "zombie-leader")
    detail = service.json(f"/api/processes/{process.pid}")
    assert detail["thread_count"] >= 2
