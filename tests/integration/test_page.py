"""The page in Chromium, with real processes: every tab, keys alone, downloads, hostile names, a service that goes away."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from conftest import ROOT, wait_until
from test_dump_readers import run
from test_gcdump import heap, patiently, program  # noqa: F401  (fixtures)
from test_heap_java import KNOWN, classes, jvm  # noqa: F401  (fixtures)
from test_instances import free_ports
from test_profile import FORMATS

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ROOT / "tests" / "node_modules"
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.skipif(not CHROMIUM or not shutil.which("node"), reason="no chromium or no node"),
    pytest.mark.skipif(not (PACKAGES / "playwright-core").exists(), reason="no npm package playwright-core: npm ci --prefix tests"),
    pytest.mark.skipif(not (PACKAGES / "axe-core").exists(), reason="no npm package axe-core: npm ci --prefix tests"),
]


@pytest.fixture(autouse=True)
def has_page(service):
    if "npm was missing" in service.get("/").body.decode():
        pytest.skip("built without npm")


def begin(scenario, url, **given):
    return subprocess.Popen(["node", HERE / "page.mjs", scenario, url, json.dumps(given)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, "CHROMIUM": CHROMIUM})


def finish(running):
    out, errors = running.communicate(timeout=600)
    assert running.returncode == 0, errors.decode(errors="replace")[-6000:]
    return json.loads(out)


def look(scenario, service, prefix="", **given):
    return finish(begin(scenario, f"{service.url}{prefix}/", **given))


@pytest.fixture
def family(sleeper):
    """A shell with two children; the shell, and one of them."""
    shell = sleeper("/bin/sh", "-c", "sleep 10000 & sleep 10000 & echo $!; wait", stdout=subprocess.PIPE)
    yield shell, int(shell.first_line)
    for path in pathlib.Path(f"/proc/{shell.pid}/task/{shell.pid}").glob("children"):
        for child in path.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)


def test_tree(service, family):
    shell, child = family
    seen = look("tree", service, parent=shell.pid, child=child)
    assert seen["levels"][1] == seen["levels"][0] + 1
    assert seen["order"] == sorted(seen["order"])
    assert 10_000 < seen["bytes"] < 150_000  # compressed, for the first view


def test_keyboard_alone(service, family):
    shell, child = family
    assert look("keyboard", service, parent=shell.pid, child=child)["selected"] == f"p{child}"


def test_columns_are_chosen_and_remembered(service, family):
    shell, child = family
    kept = look("columns", service, parent=shell.pid, child=child)["kept"]
    assert kept[:3] == ["Process", "PID", "Parent"] and "Command" not in kept


def test_threads_live(service, target):
    process = target("spins", "2")
    wait_until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) == 3, "its threads")
    seen = look("threads", service, id=process.pid)
    threads = sorted(int(one.name) for one in pathlib.Path(f"/proc/{process.pid}/task").iterdir())
    assert seen["ids"] == threads and seen["each"] == len(threads)
    assert seen["asked"] == 0  # of threads that nobody looks at


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can run a service that may do less")
def test_a_missing_right_comes_with_advice(serve, sleeper):
    """Root without CAP_SYS_PTRACE may not look into another user's process."""
    service = serve(wrapper=("setpriv", "--bounding-set=-sys_ptrace,-dac_read_search,-sys_admin", "--inh-caps=-all"))
    process = sleeper("sleep", "10000", user=65534)
    seen = look("advice", service, id=process.pid)
    for text in seen.values():
        assert "What helps:" in text and "CAP_SYS_PTRACE" in text.upper(), seen


def test_on_paper_there_is_all_of_it(service, sleeper):
    shell = sleeper("/bin/sh", "-c", "for i in $(seq 80); do sleep 10000 & done; echo ready; wait", stdout=subprocess.PIPE, start_new_session=True)
    try:
        seen = look("print", service, least=80)
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
    assert seen["printed"] == seen["all"] > 80
    assert seen["fits"] and seen["pdf"] > 10_000


def test_every_tab(serve, sleeper, tmp_path):
    service = serve("--path-prefix", "/team/x")
    file = tmp_path / "open by the target"
    code = f"file = open({str(file)!r}, 'w'); print('ready', flush=True); import time; time.sleep(10000)"
    process = sleeper(sys.executable, "-c", code, stdout=subprocess.PIPE, env={**os.environ, "SECRET_OF_TEST": "swordfish-7"})
    program = os.readlink(f"/proc/{process.pid}/exe")
    seen = look("tabs", service, prefix="/team/x", id=process.pid, program=program, file=str(file), secret="swordfish-7")
    assert "swordfish" not in seen["Environment"]  # only when it is asked for
    assert "1 group" in seen["Stacks"]


@pytest.mark.parametrize("full", [False, True])
def test_dump_opens_in_lldb(service, target, tmp_path, full):
    process = target("shapes", "threads", "3")
    path = tmp_path / "dump.dmp"
    seen = look("dump", service, id=process.pid, full=full, path=str(path))
    assert seen["name"].startswith("shapes") and seen["name"].endswith(".dmp")
    assert path.read_bytes()[:4] == b"MDMP"
    lldb = shutil.which("lldb-19")
    if not lldb:
        pytest.skip("no lldb-19")
    answer = tmp_path / "answer.json"
    subprocess.run([lldb, "--batch", "--no-lldbinit", "-o", f"command script import {HERE / 'lldb_reader.py'}"], check=True, capture_output=True,
                   timeout=300, env={**os.environ, "DUMP": str(path), "ANSWER": str(answer), "IDS_ONLY": "1", "REQUESTS": ""})
    threads = {int(one.name) for one in pathlib.Path(f"/proc/{process.pid}/task").iterdir()}
    assert {thread["id"] for thread in json.loads(answer.read_text())["threads"]} == threads


def test_profile_to_flame_graph(service, target, tmp_path):
    process = target("spins", "2")
    path = tmp_path / "profile"
    seen = look("profile", service, id=process.pid, path=str(path), formats=list(FORMATS))
    assert 2 <= seen["found"] < seen["all"]
    assert "burn_seventy" in seen["hot"] or "burn_thirty" in seen["hot"]
    for name, is_right in FORMATS.items():  # all of one recording
        assert is_right(pathlib.Path(f"{path}.{name}").read_bytes()), name


@pytest.mark.skipif(not shutil.which("javac"), reason="no javac")
def test_the_heap_of_java(service, procscope, jvm, tmp_path):  # noqa: F811
    """Counted twice, with what nothing reaches and without it: what changed is known."""
    process, path, saved = jvm(), tmp_path / "heap.hprof", tmp_path / "saved.json"
    seen = look("heap", service, id=process.pid, path=str(path), saved=str(saved))
    assert seen["known"][1] == f"{KNOWN:,}" and seen["known"][2].startswith("Heap$Known")
    growth, more, name, bytes_before, now, before, left = seen["gone"]
    assert (more, before, left) == ("−777", "777", "0") and growth.startswith("−") and now == "0 B" and name.split() == ["Heap$Garbage", "gone"]
    assert seen["shrunk"] == 0 and seen["counts"] >= 2
    assert "other.json can't be taken for a count of a heap" in seen["refused"]
    assert path.read_bytes().startswith(b"JAVA PROFILE 1.0.2\0")
    counted = json.loads(saved.read_text())
    assert next(one["count"] for one in counted["types"] if one["type"] == "Heap$Known") == KNOWN
    done = wait_until(lambda: (one := run(procscope, "heap", process.pid, "--compare", saved, check=False)).returncode != 8 and one, "a count", within=240)
    assert done.returncode == 0 and b" total\n" in done.stdout, done.stderr


@pytest.mark.skipif(not shutil.which("dotnet"), reason="no dotnet")
def test_the_heap_of_dotnet(service, procscope, heap, tmp_path):  # noqa: F811
    """Compared with that of another process, as procscope heap --json gave it."""
    other, path = tmp_path / "other.json", tmp_path / "heap.gcdump"
    smaller = heap(400)
    done = patiently(lambda: run(procscope, "heap", smaller.pid, "--json", check=False), lambda done: done.returncode == 8)
    other.write_bytes(done.stdout)
    seen = look("alive", service, id=heap(1000).pid, path=str(path), other=str(other), type="Known", ending=".gcdump", hasContents=False,
                frame="Heap.Main(System.String[])")
    assert seen["frame"].endswith(".NET")  # its methods have names in stacks, too
    assert "seconds=10&" in seen["trace"]
    assert service.get("/" + seen["trace"].replace("seconds=10", "seconds=1")).body.startswith(b"Nettrace")
    assert seen["known"][1] == "1,100" and seen["known"][2].startswith("Known")
    assert seen["grown"][1] == "+600" and seen["grown"][5:] == ["500", "1,100"]
    assert b"!FastSerialization.1" in path.read_bytes()[:64]


KNOWN_IN_NODE = """
class Known { constructor(number) { this.number = number; } }
globalThis.known = Array.from({ length: Number(process.argv[1]) }, (_, i) => new Known(i));
console.log("ready");
setInterval(() => {}, 1000);
"""


def test_the_heap_of_node(service, procscope, sleeper, tmp_path):
    """Compared with that of another process, as .NET's."""
    other, path = tmp_path / "other.json", tmp_path / "a.heapsnapshot"
    larger, smaller = (sleeper("node", "-e", KNOWN_IN_NODE, str(count), stdout=subprocess.PIPE) for count in (5000, 2000))
    done = patiently(lambda: run(procscope, "heap", smaller.pid, "--json", check=False), lambda done: done.returncode == 8)
    other.write_bytes(done.stdout)
    seen = look("alive", service, id=larger.pid, path=str(path), other=str(other), type="Known", ending=".heapsnapshot", hasContents=True)
    assert seen["known"][1:] == ["5,000", "Known"]
    assert seen["grown"][1] == "+3,000" and seen["grown"][5:] == ["2,000", "5,000"]
    assert path.read_bytes().startswith(b'{"snapshot":')


def test_end_asks_first(service, family):
    shell, child = family
    assert look("end", service, id=shell.pid)["planned"] == 3
    assert shell.wait() == -signal.SIGKILL
    wait_until(lambda: not pathlib.Path(f"/proc/{child}").exists(), "the child's end")


def test_a_name_that_is_html(service, sleeper):
    name = "<b class=hostile>"[:15]
    code = f"import ctypes, time; ctypes.CDLL(None).prctl(15, {name.encode()!r}, 0, 0, 0); print('named', flush=True); time.sleep(10000)"
    hostile = sleeper(sys.executable, "-c", code, "<img src=x onerror=alert(1)>\u202e", stdout=subprocess.PIPE)
    seen = look("hostile", service, id=hostile.pid, name=name)
    assert seen["name"] == name
    assert "<img src=x onerror=alert(1)>" in seen["command"] and "\u202e" not in seen["command"]
    assert seen["made"] == 0


def test_five_thousand_processes(service):
    seen = look("many", service)
    assert seen["drawn"] < 100 and seen["atEnd"] < 100
    assert seen["rows"] == 2  # the head, and the root that was folded


def test_a_thousand_real_processes(service, sleeper):
    shell = sleeper("/bin/sh", "-c", "for i in $(seq 1000); do sleep $SPAN & done; echo ready; wait", stdout=subprocess.PIPE, start_new_session=True,
                    env={**os.environ, "SPAN": "10000.77"})
    try:
        seen = look("thousand", service, whole="10000")
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
    assert seen["drawn"] < 100 and seen["atEnd"] < 100


def free_port():
    """One that stays free while nobody listens: below those that the kernel gives to who doesn't say which."""
    for port in random.sample(range(20000, 30000), 200):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def test_a_service_that_comes_back(serve, sleeper, tmp_path):
    first = serve(listen=(f"127.0.0.1:{free_port()}",))
    path = tmp_path / "go"
    running = begin("restart", f"{first.url}/", path=str(path), id=sleeper().pid)
    wait_until(lambda: path.exists() or running.poll() is not None, "the page", within=300)
    first.stop()
    wait_until(lambda: pathlib.Path(f"{path}.lost").exists() or running.poll() is not None, "the page's word", within=300)
    serve(listen=(first.url.removeprefix("http://"),))
    finish(running)


def test_errors_in_words(serve, sleeper):
    service = serve("--viewers", "1")
    gone = sleeper("/bin/true")
    gone.wait()
    assert look("words", service, gone=gone.pid)["alerts"] == 1


def test_one_alone_offers_no_others(service):
    assert look("alone", service) == {"menus": 0, "cards": 1}


def test_instances_side_by_side(serve, tmp_path):
    ports = free_ports(3)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    a, b = (serve("--instance-id", f"id-{name}", "--machine-name", name, "--registry", registry, "--registry-interval", "500ms",
                  listen=(f"127.0.0.1:{port}",)) for name, port in zip("ab", ports))
    wait_until(lambda: [one["state"] for one in a.json("/api/instances")].count("running") == 2, "them to know each other")
    wait_until(lambda: [one["state"] for one in b.json("/api/instances")].count("running") == 2, "them to know each other")
    path = tmp_path / "go"
    running = begin("instances", f"{a.url}/", path=str(path))
    wait_until(lambda: path.exists() or running.poll() is not None, "the page", within=300)
    b.stop()
    seen = finish(running)
    texts, disabled = zip(*seen["entries"])
    assert "this one" in texts[0] and texts[0].startswith("a") and texts[1].startswith("b") and str(ports[2]) in texts[2], texts
    assert "running" in texts[1] and "never seen" in texts[2] and "does not answer" in texts[2]
    assert disabled == (None, None, "true")  # nobody is there, so that it leads nowhere
    assert seen["at"] == ["instances/id-b/", "instances/id-a/", "instances/id-b/"]
    assert len(seen["cards"]) == 3 and all("Processes" in text and "Memory" in text for text in seen["cards"][:2])
    assert seen["errors"] == seen["asked"] == seen["cookies"] == 0


def test_everybody_can_use_it(service, sleeper):
    assert look("accessible", service, id=sleeper().pid)["wide"] == []
