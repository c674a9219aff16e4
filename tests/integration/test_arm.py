"""ARM's form: Azure's own SDK on all of its process operations, and Kudu's envelopes for Azure's front end."""
import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from conftest import ROOT, wait_until

NODE_MODULES = ROOT / "tests" / "node_modules"
HERE = pathlib.Path(__file__).parent
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP, SITE, SLOT = "my group", "shop", "staging"
NO_SUCH_PID = 99999999
GEO = {"x-ms-geo-location": "West Europe"}
READER_MAY_SEE = {"COR_ENABLE_PROFILING": "1", "CORECLR_ENABLE_PROFILING": "0", "MicrosoftProductionDiagnostics_AgentPath": "/x"}

needs_sdk = pytest.mark.skipif(not shutil.which("node") or not (NODE_MODULES / "@azure" / "arm-appservice").exists(),
                               reason="no node, or its packages are not installed")


def site_path(slot=None, instance=None, site=SITE):
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP.replace(' ', '%20')}/providers/Microsoft.Web/sites/{site}"
    return path + (f"/slots/{slot}" if slot else "") + (f"/instances/{instance}" if instance else "")


def call(service, calls):
    """What the SDK makes of the answers."""
    done = subprocess.run(["node", HERE / "arm_client.js", service.url], input=json.dumps(calls), capture_output=True, text=True,
                          env={**os.environ, "NODE_PATH": str(NODE_MODULES)}, check=True, timeout=120)
    return json.loads(done.stdout)


# How the SDK names an operation and orders its arguments, for each place that a process may be looked for in.
PLACES = {"site": (None, None), "slot": (SLOT, None), "instance": (None, "here"), "slot and instance": (SLOT, "here")}


def operation(verb, what, place, *arguments):
    slot, instance = PLACES[place]
    name = f"{verb}{'Instance' if instance else ''}{what}{'Slot' if slot else ''}"
    return [name, GROUP, SITE, *map(str, arguments), *([slot] if slot else []), *([instance] if instance else [])]


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


VARYING = {"time_stamp", "total_cpu_time", "user_cpu_time", "privileged_cpu_time", "total_processor_time", "user_processor_time",
           "open_file_handles",
           # of one that was just let go: it is on its way back to sleep
           "state", "wait_reason"}
# what the SDK has no member for: beyond Kudu, or left out of its model
NOT_IN_SDK = {"machineName", "gcdump", "runtime", "runtime_version", "build_id", "deleted", "soname", "cpu", "system_call",
              "wait_channel", "stack", "priviledged_processor_time", "id", "name"}


def check_object(kudu, sdk, base, path):
    """Every member of Kudu's object is what the SDK gives, with hrefs below ARM's path."""
    for name, value in kudu.items():
        if name in NOT_IN_SDK | VARYING:
            continue
        got = sdk[camel(name)]
        if name in ("threads", "modules"):
            assert len(got) == len(value)
            for one, other in zip(value, got):
                check_object(one, other, base, path)
        elif name in ("start_time",):
            assert got.rstrip("Z")[:23] == value[:23]
        else:
            assert json.loads(json.dumps(value).replace(f"{base}/api", f"{base}{path}")) == got, name


def check_identity(sdk, path, name, kind):
    assert (sdk["id"], sdk["name"], sdk["type"]) == (path, name, f"Microsoft.Web/sites/{kind}")


@needs_sdk
@pytest.mark.parametrize("place", PLACES)
def test_sdk(serve, target, sleeper, place):
    service = serve("--instance-id", "here", "--machine-name", "box")
    process, victim = target("shapes", "threads", "3"), sleeper()
    pid = process.pid
    wait_until(lambda: {t["state"] for t in service.json(f"/api/processes/{pid}/threads")} == {"Wait"}, "all sleep")
    kudu = service.json(f"/api/processes/{pid}")
    base = kudu["modules"][-1]["base_address"]
    listed, got, deleted, dumped, threads, modules, module, gone, wrong = call(service, [
        operation("list", "Processes", place), operation("get", "Process", place, pid), operation("delete", "Process", place, victim.pid),
        operation("get", "ProcessDump", place, pid), operation("list", "ProcessThreads", place, pid),
        operation("list", "ProcessModules", place, pid), operation("get", "ProcessModule", place, pid, base),
        operation("get", "Process", place, NO_SUCH_PID), operation("get", "ProcessModule", place, pid, "1")])
    slot, instance = PLACES[place]
    path = site_path(slot, instance)
    between = f"{SITE}/{slot + '/' if slot else ''}{instance + '/' if instance else ''}"
    kind = ("slots/" if slot else "") + ("instances/" if instance else "") + "processes"

    mine, = [p for p in listed["result"] if p["identifier"] == pid]
    check_identity(mine, f"{path}/processes/{pid}", f"{between}{pid}", kind)
    assert mine["href"] == f"{service.url}{path}/processes/{pid}"
    assert {p["identifier"] for p in listed["result"]} >= {os.getpid(), pid}

    check_identity(got["result"], f"{path}/processes/{pid}", f"{between}{pid}", kind)
    check_object(kudu, got["result"], service.url, path)
    assert got["result"]["threadCount"] == 4 and got["result"]["userName"].startswith("box\\")

    assert deleted["result"] is None and victim.wait(10) == -9

    dump = base64.b64decode(dumped["result"])
    assert dump.startswith(b"MDMP") and len(dump) == len(service.get(f"/api/processes/{pid}/dump").body)

    assert {t["identifier"] for t in threads["result"]} == {int(t) for t in os.listdir(f"/proc/{pid}/task")}
    for one, other in zip(kudu["threads"], threads["result"]):
        check_identity(other, f"{path}/processes/{pid}/threads/{one['id']}", f"{between}{pid}/{one['id']}", f"{kind}/threads")
        check_object(one, other, service.url, path)
        assert other["state"] in ("Wait", "Running", "Ready")

    assert [m["baseAddress"] for m in modules["result"]] == [m["base_address"] for m in kudu["modules"]]
    for one, other in zip(kudu["modules"], modules["result"]):
        check_object(one, other, service.url, path)
    check_identity(module["result"], f"{path}/processes/{pid}/modules/{base}", f"{between}{pid}/{base}", f"{kind}/modules")
    check_object(service.json(f"/api/processes/{pid}/modules/{base}"), module["result"], service.url, path)

    for answer in (gone, wrong):
        assert answer["status"] == 404 and answer["details"]["error"]["code"] == "NotFound"
    assert "is not running" in gone["message"]
    assert process.poll() is None


@needs_sdk
def test_all_operations_of_the_sdk_are_called():
    script = "const {WebSiteManagementClient} = require('@azure/arm-appservice');" \
        "const c = new WebSiteManagementClient({}, 's', {});" \
        "console.log(Object.keys(c.webApps).filter(n => /Process/.test(n)).join(' '))"
    have = subprocess.run(["node", "-e", script], capture_output=True, text=True, env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
                          check=True).stdout.split()
    called = {operation(verb, what, place)[0] for place in PLACES for verb, what in (
        ("list", "Processes"), ("get", "Process"), ("delete", "Process"), ("get", "ProcessDump"), ("list", "ProcessThreads"),
        ("list", "ProcessModules"), ("get", "ProcessModule"))}
    assert set(have) == called and len(called) == 28


@needs_sdk
def test_instances(serve, sleeper):
    service = serve("--instance-id", "a1b2c3d4", "--machine-name", "box")
    process = sleeper()
    listed, in_slot, one, other = call(service, [
        ["listInstanceIdentifiers", GROUP, SITE], ["listInstanceIdentifiersSlot", GROUP, SITE, SLOT],
        ["getInstanceInfo", GROUP, SITE, "A1B2C3D4"], ["getInstanceProcess", GROUP, SITE, str(process.pid), "ffff"]])
    for answer in (listed, in_slot):
        assert [(i["name"], i["state"]) for i in answer["result"]] == [("a1b2c3d4", "READY")]
    # the name is what other calls take for an instance
    found, = call(service, [["getInstanceProcess", GROUP, SITE, str(process.pid), listed["result"][0]["name"]]])
    assert found["result"]["identifier"] == process.pid
    assert one["result"]["name"] == "A1B2C3D4"
    assert other["status"] == 404 and "'ffff' is not here: this is 'a1b2c3d4'" in other["message"]


def message(answer):
    error = answer.json()["error"]
    assert set(error) == {"code", "message"}
    return error["message"]


@pytest.mark.parametrize("arguments,environment", [(("--site-name", "Shop", "--slot-name", "staging"), {}),
                                                   ((), {"WEBSITE_SITE_NAME": "Shop", "WEBSITE_SLOT_NAME": "staging"})])
def test_another_site_or_slot_is_not_here(serve, sleeper, arguments, environment):
    service = serve(*arguments, environment=environment)
    process = sleeper()
    for path, word in ((site_path("staging", site="store"), "site 'store' is not here: this is 'Shop'"),
                       (site_path(site="shop"), "slot 'production' of the site 'shop' is not here: this is 'staging'"),
                       (site_path("test"), "slot 'test'")):
        answer = service.request("DELETE", f"{path}/processes/{process.pid}")
        assert answer.status == 404 and word in message(answer)
    assert process.poll() is None
    assert service.request("DELETE", f"{site_path('Staging')}/processes/{process.pid}").status == 204
    assert process.wait(10) == -9


def test_without_a_name_any_will_do(service, sleeper):
    process = sleeper()
    for site, slot in (("a", None), ("b", "c")):
        assert service.json(f"{site_path(slot, site=site)}/processes/{process.pid}")["properties"]["id"] == process.pid
    upper = site_path().replace("resourceGroups", "resourcegroups").replace("Microsoft.Web", "microsoft.web")
    answer = service.json(f"{upper}/processes/{process.pid}?api-version=2015-08-01")
    assert (answer["id"], answer["type"]) == (f"{upper}/processes/{process.pid}", "Microsoft.Web/sites/processes")


def test_hrefs_lead_somewhere(service, target):
    process = target("shapes", "threads", "1")
    detail = service.json(f"{site_path()}/processes/{process.pid}")["properties"]
    thread = detail["threads"][0]["properties"]
    full = service.json(thread["href"][len(service.url):])["properties"]
    links = [detail["href"], detail["parent"], thread["href"], full["process"], full["stack"], detail["modules"][0]["properties"]["href"],
             detail["minidump"]]
    for link in links:
        assert link.startswith(f"{service.url}{site_path()}/processes/")
        assert service.get(link[len(service.url):]).status == 200, link
    assert "has no .NET runtime" in message(service.get(detail["gcdump"][len(service.url):]))  # a program in C; it got there


def test_what_is_not_there(service):
    for path in ("/subscriptions", "/subscriptions/s", site_path(), f"{site_path()}/config", f"{site_path()}//processes",
                 site_path().replace("Microsoft.Web", "Microsoft.Compute") + "/processes", f"{site_path(instance='x')}/instances",
                 f"{site_path()}/processes/x"):
        answer = service.get(path)
        assert answer.status == 404 and message(answer), path
    answer = service.request("PUT", f"{site_path()}/processes/1")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD, DELETE" and message(answer)
    long = f"/subscriptions/{'x' * 1100}/resourceGroups/g/providers/Microsoft.Web/sites/s/processes"
    assert "longer" in message(service.get(long)) and service.get(long).status == 400


def test_a_deletion_is_exact(service, sleeper):
    process = sleeper()
    path = f"{site_path()}/processes/{process.pid}"
    for query, word in (("dryRun=true", "no place"), ("dry-run=true", "nothing was done"), ("grace=x", "duration")):
        answer = service.request("DELETE", f"{path}?{query}")
        assert answer.status == 400 and word in message(answer)
    assert process.poll() is None
    answer = service.request("DELETE", f"{path}?api-version=2025-05-01")
    assert (answer.status, answer.body) == (204, b"")
    assert process.wait(10) == -9
    assert service.request("DELETE", f"{path}?api-version=2025-05-01").status == 404


def test_kudus_envelopes(service, target):
    process = target("shapes", "threads", "1")
    own = f"/api/processes/{process.pid}"
    wait_until(lambda: {t["state"] for t in service.json(f"{own}/threads")} == {"Wait"}, "all sleep")
    plain = service.json(own)
    answer = service.json(own, {**GEO, "Referer": f"https://management.azure.com{site_path()}/processes/{process.pid}?api-version=1"})
    properties = answer.pop("properties")
    assert answer == {"id": f"{site_path()}/processes/{process.pid}", "name": f"{SITE}/{process.pid}",
                      "type": "Microsoft.Web/sites/processes", "location": "West Europe"}
    assert properties.pop("identifier") == process.pid
    # to the letter Kudu's: threads and modules have no envelopes, hrefs are those of the request
    assert {k: v for k, v in properties.items() if k not in VARYING} == {k: v for k, v in plain.items() if k not in VARYING}
    listed = service.json(f"{own}/threads", {**GEO, "Referer": f"https://x{site_path()}/processes/{process.pid}/threads/"})["value"]
    assert [t["id"] for t in listed] == [f"{site_path()}/processes/{process.pid}/threads/{t['id']}" for t in plain["threads"]]
    # without a Referer the id is the request's own path, which has neither name nor type
    module = service.json(f"{own}/modules", GEO)["value"][0]
    assert module.keys() == {"id", "location", "properties"}
    assert module["id"] == f"{own}/modules/{module['properties']['base_address']}"
    assert service.json(f"{own}/environments/PATH", GEO)["properties"].keys() == service.json(f"{own}/environments/PATH").keys()
    assert service.json(f"{own}/stacks", GEO)["thread_count"] == 2  # beyond Kudu, and so as ever
    assert "is not running" in message(service.get(f"/api/processes/{NO_SUCH_PID}", GEO))


@pytest.mark.parametrize("peer", ["tcp", "unix"])
def test_only_a_front_end_says_who_may_only_read(serve, sleeper, tmp_path, peer):
    socket_file = tmp_path / "socket"
    service = serve("--front-ends", "127.0.0.2/32, unix" if peer == "unix" else "127.0.0.0/8",
                    listen=("127.0.0.1:0", f"unix:{socket_file}"))
    process = sleeper(env={"PATH": os.environ["PATH"], "SECRET": "s3cret", **READER_MAY_SEE})
    believed, ignored = (f"unix:{socket_file}", service.url) if peer == "unix" else (service.url, f"unix:{socket_file}")
    for own in (f"/api/processes/{process.pid}", f"{site_path()}/processes/{process.pid}"):
        for url, headers, all_of_it in (
                (believed, {}, False), (believed, {"X-MS-CLIENT-ROLEBASED-CONTRIBUTOR": "0"}, False),
                (believed, {"X-MS-CLIENT-AUTHORIZATION-SOURCE": "RoleBased"}, False),
                (believed, {"X-MS-CLIENT-ROLEBASED-CONTRIBUTOR": "1"}, True),
                (believed, {"x-ms-client-authorization-source": "Legacy"}, True),
                # nobody else loses a right by these headers, nor wins one
                (ignored, {}, True), (ignored, {"X-MS-CLIENT-ROLEBASED-CONTRIBUTOR": "0"}, True)):
            answer = service.get(own, {**GEO, **headers}, url=url)
            detail = answer.json()["properties"]
            assert ("command_line" in detail) == all_of_it, (url, headers)
            assert ("SECRET" in detail["environment_variables"]) == all_of_it
            assert all_of_it or detail["environment_variables"] == READER_MAY_SEE
            assert all_of_it or b"s3cret" not in answer.body
    assert service.get(f"/api/processes/{process.pid}/environments/all", GEO, url=believed).json()["properties"] == READER_MAY_SEE
    for method, path in (("GET", f"/api/processes/{process.pid}/dump"), ("DELETE", f"{site_path()}/processes/{process.pid}"),
                         ("GET", f"/api/processes/{process.pid}/stacks"), ("GET", f"{site_path()}/processes/{process.pid}/dump")):
        answer = service.request(method, path, GEO, url=believed)
        assert answer.status == 403 and "may only read" in message(answer), path
    assert process.poll() is None
    # who speaks Kudu's plain form did not come through ARM
    assert "command_line" in service.get(f"/api/processes/{process.pid}", url=believed).json()


def test_front_ends_are_checked(procscope):
    done = subprocess.run([procscope, "serve", "--front-ends", "proxy.example", "--print-config"], capture_output=True, text=True)
    assert done.returncode != 0 and "front-ends = 'proxy.example' is not up to 32 addresses" in done.stderr


def test_base_is_what_the_client_wrote(serve):
    service = serve("--path-prefix", "/diag", "--instance-id", "here")
    path = f"/diag{site_path(instance='here')}/processes/0"
    answer = service.json(path, {"Host": "localhost:1"})
    assert answer["properties"]["href"] == f"http://localhost:1{path[:-1]}{service.pid}"
    assert answer["id"] == path[len("/diag"):]
    assert answer["properties"]["machineName"] == socket.gethostname()
