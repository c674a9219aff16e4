"""dotnet-monitor's routes, for processes of every language: shapes, choice of a process, artifacts in other people's
readers, operations and their end; and a runtime that is asked for its number notices nothing, whoever of us is killed."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import jsonschema
import pytest

from conftest import wait_until
from dotnet import compile_alone
from test_access import bearer, token
from test_core_readers import gdb
from test_dump_readers import needs
from test_gcdump import SOURCE, sockets

NO_SUCH_PID = 99999999
EMPTY = "00000000-0000-0000-0000-000000000000"
KILLS = 60
ARM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/w"
# as its own writer has them: nothing more, and every member there
METRIC = {
    "type": "object",
    "required": ["timestamp", "provider", "name", "displayName", "unit", "counterType", "tags", "value", "meterTags", "instrumentTags"],
    "properties": {
        "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$"},
        "provider": {"enum": ["System.Runtime", "procscope", "java"]},
        "name": {"type": "string"}, "displayName": {"type": "string"}, "unit": {"type": "string"},
        "counterType": {"enum": ["Metric", "Rate"]}, "value": {"type": "number"},
        "tags": {"type": "string"}, "meterTags": {"type": "null"}, "instrumentTags": {"type": "null"},
    },
    "additionalProperties": False,
}


def detail(answer):
    """The sentence of an error, in the form that its clients expect."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail"} and problem["status"] == answer.status
    return problem["detail"]


def file_name(answer):
    return re.fullmatch('attachment; filename="(.*)"', answer.headers["Content-Disposition"]).group(1)


@pytest.fixture
def waiting(service, target):
    """A program in C whose threads sleep."""
    process = target("shapes", "threads", "3")
    wait_until(lambda: {t["state"] for t in service.json(f"/api/processes/{process.pid}/threads")} == {"Wait"}, "all sleep")
    return process


def uid_of(service, pid):
    return service.json(f"/process?pid={pid}")["uid"]


# --- Processes ---


def test_processes(service, waiting, sleeper):
    other = sleeper()
    listed = {p["pid"]: p for p in service.json("/processes")}
    kudu = {p["id"]: p for p in service.json("/api/processes")}
    for process in (waiting, other):
        one = service.json(f"/process?pid={process.pid}")
        assert listed[process.pid] == {"pid": process.pid, "uid": one["uid"], "name": kudu[process.pid]["name"], "isDefault": False}
        assert one["name"] == kudu[process.pid]["name"] and one["operatingSystem"] == "Linux"
        assert one["commandLine"] == service.json(f"/api/processes/{process.pid}")["command_line"]
    assert len({p["uid"] for p in listed.values()}) == len(listed)
    assert service.json(f"/process?pid={waiting.pid}")["processArchitecture"] == {"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine]
    assert service.json(f"/env?pid={waiting.pid}") == service.json(f"/api/processes/{waiting.pid}/environments/all")


def test_a_uid_is_the_process_as_long_as_it_lives(serve, service, waiting):
    uid = uid_of(service, waiting.pid)
    assert serve().json(f"/process?uid={uid.upper()}")["pid"] == waiting.pid  # another service says the same
    assert service.json(f"/process?uid={uid}&pid={waiting.pid}&name=SHAPES")["pid"] == waiting.pid
    for query in (f"uid={uid}&pid={os.getpid()}", f"uid={uid}&name=other", f"pid={waiting.pid}&name=other"):
        assert service.get(f"/process?{query}").status == 400
    waiting.kill()
    waiting.wait()
    assert "is running" in detail(service.get(f"/process?uid={uid}"))


def test_a_name_is_one_process(service, sleeper, tmp_path):
    program = tmp_path / "onlyone-with-a-long-name"
    program.symlink_to(sys.executable)
    command = (str(program), "-c", "print('ready', flush=True); import time; time.sleep(3600)")
    first = sleeper(*command, stdout=subprocess.PIPE)
    assert service.json(f"/process?name={program.name.upper()}")["pid"] == first.pid
    second = sleeper(*command, stdout=subprocess.PIPE)
    answer = service.get(f"/process?name={program.name}")
    assert answer.status == 400
    assert all(text in detail(answer) for text in (program.name, str(first.pid), str(second.pid)))


def test_the_default_process(serve, waiting):
    service = serve("--main-pid", waiting.pid)
    assert service.json("/process")["pid"] == waiting.pid
    assert [p["pid"] for p in service.json("/processes") if p["isDefault"]] == [waiting.pid]
    assert service.get("/stacks").json()["stacks"]


def test_errors(service, waiting):
    for query, words in ((f"pid={NO_SUCH_PID}", "is not running"), ("pid=x", "not a number"), ("pid=-1", "is not running"),
                         ("uid=1", "not a GUID"), (f"uid={EMPTY}", "uid"), ("name=no-such", "no-such"), ("name=" + "n" * 300, "no process has")):
        answer = service.get(f"/process?{query}")
        assert answer.status == 400 and words.lower() in detail(answer).lower(), query
    for path, words in ((f"/dump?pid={waiting.pid}&type=Huge", "Mini, Full, Triage or WithHeap"),
                        (f"/dump?pid={waiting.pid}&egressProvider=blob", "egress"), (f"/trace?pid={waiting.pid}&profile=Http", "no .NET runtime"),
                        (f"/trace?pid={waiting.pid}&profile=Cpu,Nonsense", "'Nonsense'"), (f"/trace?pid={waiting.pid}&durationSeconds=-1", "'-1'"),
                        (f"/livemetrics?pid={waiting.pid}&durationSeconds=0", "at least once"), (f"/stacks?pid={waiting.pid}&tags={'t' * 200}", "tags")):
        answer = service.get(path)
        assert answer.status == 400 and words in detail(answer), path
    assert service.get(f"/gcdump?pid={waiting.pid}").status == 501
    answer = service.request("POST", "/dump")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD" and detail(answer)


def test_the_dialect_can_be_left_out(serve):
    service = serve("--dotnet-monitor", "0")
    for path in ("/processes", "/process", "/env", "/dump", "/gcdump", "/trace", "/stacks", "/livemetrics", "/info", "/operations"):
        assert service.get(path).status == 404
        assert path not in service.json("/openapi.json")["paths"]
    assert service.get("/").status == 200 and service.get("/api/processes").status == 200


# --- Artifacts ---


@pytest.mark.parametrize("kind", ["Mini", "Triage", "WithHeap", "Full", None])
def test_dump(service, waiting, tmp_path, kind):
    answer = service.get(f"/dump?uid={uid_of(service, waiting.pid)}" + (f"&type={kind}" if kind else ""))
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/octet-stream" and re.fullmatch(r"core_\d{8}_\d{6}", file_name(answer))
    core = tmp_path / "core"
    core.write_bytes(answer.body)
    program = os.readlink(f"/proc/{waiting.pid}/exe")
    seen, _ = gdb("-ex", "info threads", program, core)
    assert len(set(re.findall(r"LWP (\d+)", seen))) == 4, seen
    sizes = {"Triage": 0, "WithHeap": 0x201, "Full": 2, None: 0x201}
    if kind in sizes:
        again = service.get(f"/api/processes/{waiting.pid}/dump?format=core&dumpType={sizes[kind]}")
        assert len(again.body) == len(answer.body)


def test_kudulites_arguments(service, waiting):
    """Its page says type= to Kudu's own route, and takes a whole trace from profile/start."""
    answer = service.get(f"/api/processes/{waiting.pid}/dump?type=Triage")
    assert answer.status == 200 and answer.body.startswith(b"\x7fELF") and file_name(answer).endswith(".core")
    assert service.get(f"/api/processes/{waiting.pid}/dump?type=Mini&format=raw").body.startswith(b"MDMP")
    assert service.get(f"/api/processes/{waiting.pid}/dump?type=Mini&dumpType=2").status == 400
    answer = service.get(f"/api/processes/{waiting.pid}/profile/start?durationSeconds=1", {"Accept": "text/html,*/*"})
    assert answer.status == 200 and answer.body.startswith(b"Nettrace") and file_name(answer).endswith(".nettrace")
    answer = service.request("POST", f"/api/processes/{waiting.pid}/profile/start?durationSeconds=60")
    assert answer.status == 200
    assert service.get(f"/api/processes/{waiting.pid}/profile/stop?format=nettrace").body.startswith(b"Nettrace")


def test_trace(service, waiting):
    def trace():
        """Who took the one before may still be on its way out."""
        answer = service.get(f"/trace?pid={waiting.pid}&durationSeconds=1&profile=cpu,http")
        return answer.status != 409 and answer

    answer = wait_until(trace, "a trace")
    assert answer.status == 200 and answer.body.startswith(b"Nettrace")
    assert re.fullmatch(rf"\d{{8}}_\d{{6}}_{waiting.pid}\.nettrace", file_name(answer))


def test_stacks(service, waiting):
    path = f"/stacks?pid={waiting.pid}"
    kudu = service.json(f"/api/processes/{waiting.pid}/stacks")["threads"]
    stacks = service.json(path, {"Accept": "application/json"})["stacks"]
    assert [s["threadId"] for s in stacks] == [t["id"] for t in kudu] and [s["threadName"] for s in stacks] == [t["name"] for t in kudu]
    for stack, thread in zip(stacks, kudu):
        assert [f["methodName"] for f in stack["frames"]] == [f.get("function") or f"0x{f['address']}" for f in thread["frames"]]
        assert [f["moduleName"] for f in stack["frames"]] == [f.get("module", "") for f in thread["frames"]]
    text = service.get(path, {"Accept": "text/plain"})
    assert text.headers["Content-Type"].startswith("text/plain")
    assert text.body.decode() == "".join(
        f"Thread: (0x{s['threadId']:X})\n" + "".join(f"  {f['moduleName'] or '??'}!{f['methodName']}\n" for f in s["frames"]) + "\n"
        for s in stacks)
    scope = service.get(path, {"Accept": "application/speedscope+json"})
    assert scope.headers["Content-Type"] == "application/speedscope+json" and len(scope.json()["profiles"]) == 4


def records(body):
    """Of a JSON text sequence (RFC 7464)."""
    assert body.startswith(b"\x1e") and body.endswith(b"\n")
    return [json.loads(record) for record in body.split(b"\x1e")[1:]]


def test_livemetrics(service, target, waiting):
    answer = service.get(f"/livemetrics?pid={waiting.pid}&durationSeconds=2")
    assert answer.headers["Content-Type"] == "application/json-seq"
    metrics = records(answer.body)
    for metric in metrics:
        jsonschema.validate(metric, METRIC)
    by_name = {name: [m["value"] for m in metrics if m["name"] == name] for name in {m["name"] for m in metrics}}
    assert {len(values) for values in by_name.values()} == {2}
    assert by_name["thread-count"] == [4, 4]
    assert by_name["working-set"][-1] * 1e6 == service.json(f"/api/processes/{waiting.pid}")["working_set"]
    busy = target("spins", "1")

    def used():
        """On a busy machine it may get no processor for a second."""
        metrics = records(service.get(f"/livemetrics?pid={busy.pid}&durationSeconds=2").body)
        values = [m["value"] for m in metrics if m["name"] == "cpu-usage"]
        assert values and all(0 <= value <= 101 / os.cpu_count() + 1 for value in values), values
        return min(values) > 0

    wait_until(used, "two busy seconds", within=120)


def test_livemetrics_end_with_their_process(service, waiting):
    connection = service.connection()
    connection.request("GET", f"/livemetrics?pid={waiting.pid}&durationSeconds=600")
    response = connection.getresponse()
    assert response.read(1) == b"\x1e"
    waiting.kill()
    waiting.wait()
    rest = response.read()  # whole: it ends in its last chunk
    assert records(b"\x1e" + rest)
    connection.close()


# --- Operations ---


def operations(service, tag):
    return service.json(f"/operations?tags={tag}")


def started(service, path, tag):
    """A request that runs until it is ended, and its operation."""
    connection = service.connection()
    connection.request("GET", f"{path}&tags={tag}")
    operation, = wait_until(lambda: operations(service, tag), "it is listed")
    return connection, operation


def workers(service):
    found = []
    for pid in pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(pid)] if pathlib.Path(f"/proc/{pid}/comm").read_text() == "procscope-work\n" else []
    return found


def test_operations(service, waiting):
    path = f"/stacks?pid={waiting.pid}&tags=one,%20two,ONE"
    answer = service.get(path)
    location = answer.headers["Location"]
    assert location.startswith(f"{service.url}/operations/")
    operation = service.json(location[len(service.url):])
    assert location.endswith(operation["operationId"]) and operation["status"] == "Succeeded" and operation["error"] is None
    assert operation["process"] == {"pid": waiting.pid, "uid": uid_of(service, waiting.pid), "name": "shapes"}
    assert operation["tags"] == ["one", "two"]
    summary = {k: v for k, v in operation.items() if k not in ("resourceLocation", "error")}
    for query in ("tags=two", "tags=one,two", f"pid={waiting.pid}&tags=one", f"uid={operation['process']['uid']}&tags=one", "name=shapes&tags=one"):
        assert summary in service.json(f"/operations?{query}"), query
    for query in ("tags=two,three", f"pid={os.getpid()}", f"uid={EMPTY}&tags=one", "name=other"):
        assert summary not in service.json(f"/operations?{query}"), query
    refused = service.get(f"/gcdump?pid={waiting.pid}&tags=refused")
    failed, = operations(service, "refused")
    assert failed["status"] == "Failed" and refused.headers["Location"] is None
    assert service.json(f"/operations/{failed['operationId']}")["error"]["message"] == detail(refused)
    before = len(service.json("/operations"))
    assert service.request("HEAD", f"/dump?pid={waiting.pid}").status == 200
    assert service.get(f"/process?pid={waiting.pid}").status == 200
    assert len(service.json("/operations")) == before  # neither leaves an artifact


@pytest.mark.parametrize("path", ["/livemetrics", "/trace"])
def test_cancel(service, waiting, path):
    tag = "cancel" + path[1:]
    connection, operation = started(service, f"{path}?pid={waiting.pid}&durationSeconds=600", tag)
    assert operation["status"] == "Running" and operation["process"]["pid"] == waiting.pid
    if path == "/livemetrics":
        response = connection.getresponse()
        assert response.read(1) == b"\x1e"
    at = f"/operations/{operation['operationId']}"
    assert service.request("DELETE", at).status == 200
    if path == "/livemetrics":
        with pytest.raises(http.client.IncompleteRead):  # cut off, and seen to be
            response.read()
    else:
        response = connection.getresponse()
        assert response.status == 409 and b"cancelled" in response.read()
    connection.close()
    assert service.json(at)["status"] == "Cancelled"
    again = service.request("DELETE", at)
    assert again.status == 400 and "does not run any more" in detail(again)
    assert service.request("DELETE", f"/operations/{EMPTY}").status == 404
    assert waiting.poll() is None


def test_a_client_that_goes_away_has_cancelled(service, waiting):
    connection, operation = started(service, f"/livemetrics?pid={waiting.pid}&durationSeconds=600", "away")
    connection.close()
    wait_until(lambda: service.json(f"/operations/{operation['operationId']}")["status"] == "Cancelled", "it is seen")


def test_a_killed_worker_has_failed(service, waiting):
    kept = workers(service)
    connection, operation = started(service, f"/livemetrics?pid={waiting.pid}&durationSeconds=600", "killed")
    assert connection.getresponse().read(1) == b"\x1e"
    for worker in set(workers(service)) - set(kept):  # its own; a kept one may have been replaced just now
        os.kill(worker, signal.SIGKILL)
    at = f"/operations/{operation['operationId']}"
    wait_until(lambda: (answer := service.get(at)).status == 200 and answer.json()["status"] == "Failed", "it is seen")
    connection.close()
    assert waiting.poll() is None


def test_many_operations_are_bounded(service, waiting):
    for _ in range(140):
        assert service.get(f"/dump?pid={waiting.pid}&type=none").status == 400
    assert len(service.json("/operations")) == 128


def test_as_many_as_the_service_allows(serve, waiting):
    service = serve("--profiles", "1")
    connection, _ = started(service, f"/livemetrics?pid={waiting.pid}&durationSeconds=600", "first")
    answer = service.get(f"/trace?pid={waiting.pid}&durationSeconds=1")
    assert answer.status == 429 and answer.headers["Retry-After"] and "(profiles)" in detail(answer)
    connection.close()


# --- Who may do what ---


def test_roles(serve, waiting, tmp_path):
    """The inspector decides here, too, before the front says what it knows itself."""
    file = tmp_path / "tokens"
    headers = {role: bearer(token(file, role, role)) for role in ("reader", "operator", "dumper")}
    service = serve("--tokens", file)
    one, nobody = f"pid={waiting.pid}", {}
    for path, role in ((f"/process?{one}", "reader"), ("/processes", "reader"), ("/operations", "reader"), (f"/livemetrics?{one}&durationSeconds=1", "reader"),
                       (f"/stacks?{one}", "operator"), (f"/dump?{one}", "dumper"), (f"{ARM}/instances", "reader")):
        allowed = list(headers)[list(headers).index(role):]
        assert service.get(path, nobody).status == 401, path
        assert {name: service.get(path, header).status for name, header in headers.items()} == {
            name: 200 if name in allowed else 403 for name in headers}, path
    traced = json.dumps({"providers": [{"name": "Any", "arguments": {"FilterAndPayloadSpecs": "*"}}]})  # 501: it has no .NET
    assert {name: service.request("POST", f"/trace?{one}", header, traced).status for name, header in headers.items()} == {
        "reader": 403, "operator": 403, "dumper": 501}
    assert service.json(f"/process?{one}", headers["reader"])["commandLine"] is None
    assert service.json(f"/process?{one}", headers["operator"])["commandLine"]
    assert detail(service.get(f"/dump?{one}", headers["operator"])) and detail(service.get("/operations", nobody))
    operation = service.json("/operations", headers["reader"])[-1]["operationId"]
    for role, status in (("reader", 403), ("operator", 400)):  # it does not run any more
        assert service.request("DELETE", f"/operations/{operation}", headers[role]).status == status
    assert service.request("DELETE", f"/operations/{operation}").status == 401
    assert service.get("/info").status == 200  # like /openapi.json it says nothing of this machine


# --- .NET ---


@pytest.fixture
def dotnet(sleeper):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        program = compile_alone(SOURCE, pathlib.Path(folder))

        def start():
            return sleeper("dotnet", program, "1000", stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": folder, "HOME": folder})

        yield start


def ask_cookie(process):
    """What the runtime itself says, asked without us."""
    import socket
    import uuid
    path, = pathlib.Path(f"/proc/{process.pid}/environ").read_bytes().split(b"TMPDIR=")[1].split(b"\0")[:1]
    path, = pathlib.Path(path.decode()).glob(f"dotnet-diagnostic-{process.pid}-*-socket")
    with socket.socket(socket.AF_UNIX) as port:
        port.connect(str(path))
        port.sendall(b"DOTNET_IPC_V1\0" + (20).to_bytes(2, "little") + bytes([4, 4, 0, 0]))
        reply = b""
        while len(reply) < 44:
            reply += port.recv(4096)
    return str(uuid.UUID(bytes_le=reply[28:44]))


@needs("dotnet")
def test_dotnet(service, dotnet):
    process = dotnet()
    cookie = wait_until(lambda: ask_cookie(process), "the runtime answers")
    one = service.json(f"/process?uid={cookie}")
    assert (one["pid"], one["uid"], one["managedEntryPointAssemblyName"]) == (process.pid, cookie, "Heap")
    assert {p["pid"]: p["uid"] for p in service.json("/processes")}[process.pid] == cookie
    answer = service.get(f"/gcdump?uid={cookie}")
    assert answer.status == 200 and b"FastSerialization" in answer.body[:40]
    assert re.fullmatch(rf"\d{{8}}_\d{{6}}_{process.pid}\.gcdump", file_name(answer))
    assert process.poll() is None


@needs("dotnet")
def test_a_runtime_that_is_asked_notices_nothing(serve, dotnet):
    """Workers are killed while they ask: the runtime answers the next, and keeps no connection."""
    process = dotnet()
    service = serve("--workers", "1")
    before = sockets(process.pid)
    cookie = wait_until(lambda: ask_cookie(process), "the runtime answers")
    chance = random.Random(7)
    for _ in range(KILLS):
        worker = wait_until(lambda: workers(service) or service.get("/processes") and [], "a worker")[0]
        asking = threading.Thread(target=lambda: contextlib.suppress(Exception) and service.get("/processes"))
        asking.start()
        time.sleep(chance.random() * 0.02)
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        asking.join()
    assert process.poll() is None and ask_cookie(process) == cookie
    answer = wait_until(lambda: (one := service.get(f"/process?uid={cookie}")).status == 200 and one, "an answer in time")
    assert answer.json()["pid"] == process.pid
    wait_until(lambda: sockets(process.pid) == before, "no connection is left")


@needs("dotnet")
def test_a_runtime_that_is_stopped_holds_up_no_list(service, dotnet):
    process = dotnet()
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: "State:\tT" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "it stops")
    uid = {p["pid"]: p["uid"] for p in service.json("/processes")}[process.pid]
    assert service.json(f"/process?uid={uid}")["pid"] == process.pid
    os.kill(process.pid, signal.SIGCONT)
    cookie = ask_cookie(process)
    assert cookie != uid and service.json(f"/process?uid={cookie}")["pid"] == process.pid
    assert service.json(f"/process?uid={uid}")["pid"] == process.pid  # who has seen that one finds it by it, too
