"""Targets of unusual shape: every operation answers rightly, or says clearly why not; and the target runs on."""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import TARGETS, wait_until
from test_dump_readers import lldb_sees, needs_lldb

ROUTES = ("", "/threads", "/modules", "/environments/all")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0]


def tracer(pid):
    return re.search(r"TracerPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(errors="replace")).group(1)


def let_go(pid):
    """The last byte of a dump can be there before the worker has let go."""
    return tracer(pid) == "0"


def ask_everything(service, pid):
    """Every reading route; all must answer 200."""
    for route in ROUTES:
        answer = service.get(f"/api/processes/{pid}{route}")
        assert answer.status == 200, (route, answer.status, answer.body[:200])
    return service.json(f"/api/processes/{pid}")


def dump(service, pid, kind=0):
    answer = service.get(f"/api/processes/{pid}/dump?dumpType={kind}")
    assert answer.status == 200, (answer.status, answer.body[:300])
    assert answer.body[:4] == b"MDMP" and len(answer.body) == int(answer.headers["Content-Length"])
    return answer.body


def lldb_threads(path):
    """The thread ids that lldb finds in the dump."""
    return set(lldb_sees(path, ids_only=True)["threads"])


@needs_lldb
def test_ten_thousand_threads(service, target, tmp_path):
    process = target("shapes", "threads", "10000")
    assert ask_everything(service, process.pid)["thread_count"] == 10001
    threads = service.json(f"/api/processes/{process.pid}/threads")
    assert len(threads) == 10001
    path = tmp_path / "many.dmp"
    path.write_bytes(dump(service, process.pid))
    assert lldb_threads(path) == {thread["id"] for thread in threads}
    wait_until(lambda: let_go(process.pid), "being let go")
    assert state(process.pid) == "S"


@needs_lldb
def test_sixty_thousand_mappings(service, target, tmp_path):
    process = target("shapes", "maps", "60000")
    detail = ask_everything(service, process.pid)
    assert any(module["file_name"] == "shapes" for module in detail["modules"])
    path = tmp_path / "mappings.dmp"
    for kind in (0, 2):
        path.write_bytes(dump(service, process.pid, kind))
        assert lldb_threads(path) == {process.pid}


@pytest.mark.parametrize("shape", ["churn", "fork-forever", "exec-forever"])
def test_restless_target(service, target, shape):
    """Threads, children or whole programs come and go while we look: no 500, no hang, and it goes on."""
    process = target("shapes", shape)
    for _ in range(15):
        for route in (*ROUTES, "/dump", "/dump?dumpType=2"):
            answer = service.get(f"/api/processes/{process.pid}{route}")
            # an exec replaces what we were looking at: then it may say so
            allowed = {200, 404, 409, 504} if shape == "exec-forever" else {200, 504}
            assert answer.status in allowed, (route, answer.status, answer.body[:300])
    assert process.poll() is None
    wait_until(lambda: let_go(process.pid), "being let go")
    assert state(process.pid) in "RSD"


def test_deleted_program(service, sleeper, tmp_path):
    program = tmp_path / "gone"
    shutil.copy(TARGETS / "shapes", program)
    process = sleeper(str(program), "threads", "1", stdout=subprocess.PIPE)
    program.unlink()
    detail = ask_everything(service, process.pid)
    assert detail["file_name"] == str(program)
    module = next(m for m in service.json(f"/api/processes/{process.pid}/modules") if m["file_name"].startswith("gone"))
    full = service.json("/" + module["href"].split("/", 3)[3])
    assert full["deleted"] is True
    notes = subprocess.run(["readelf", "-n", TARGETS / "shapes"], capture_output=True, text=True, check=True).stdout
    assert full["build_id"] == re.search(r"Build ID: (\w+)", notes).group(1)
    dump(service, process.pid)


def test_stopped_target_stays_stopped(service, target):
    process = target("shapes", "threads", "5")
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: state(process.pid) == "T", "the stop")
    ask_everything(service, process.pid)
    for kind in (0, 2):
        dump(service, process.pid, kind)
        wait_until(lambda: let_go(process.pid), "being let go")
        wait_until(lambda: state(process.pid) == "T", "the stop again") # from one stop into the other
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: state(process.pid) == "S", "going on")


@needs_lldb
def test_zombie_leader_with_live_threads(service, target, tmp_path):
    process = target("shapes", "zombie-leader")
    assert state(process.pid) == "Z"
    ask_everything(service, process.pid)
    live = {thread["id"] for thread in service.json(f"/api/processes/{process.pid}/threads")} - {process.pid}
    assert len(live) == 2
    path = tmp_path / "leader.dmp"
    path.write_bytes(dump(service, process.pid))
    assert live <= lldb_threads(path)


def test_leader_that_left_its_threads_working(service, target):
    process = target("shapes", "working-zombie")
    assert state(process.pid) == "Z"
    names = {frame.get("function") for thread in service.json(f"/api/processes/{process.pid}/stacks")["threads"]
             for frame in thread["frames"]}
    assert {"shapes_work", "wait_for_ever"} <= names
    for mode in "cpu", "wall":
        for _ in range(20):  # a machine that is busy gives the target little
            answer = service.get(f"/api/processes/{process.pid}/profile?seconds=1&mode={mode}&format=folded")
            assert answer.status == 200, (mode, answer.body)
            if b"shapes_work" in answer.body:
                break
        assert b"shapes_work" in answer.body, (mode, answer.body)
    assert "libc.so.6" in {module["file_name"] for module in service.json(f"/api/processes/{process.pid}/modules")}
    assert service.json(f"/api/processes/{process.pid}/environments/all")["PATH"] == os.environ["PATH"]
    archive = service.get(f"/api/processes/{process.pid}/dump?dumpType=1&format=zip")
    assert archive.status == 200, archive.body[:300]


def test_zombie(service):
    process = subprocess.Popen(["true"])
    try:
        wait_until(lambda: state(process.pid) == "Z", "the end")
        ask_everything(service, process.pid)
        answer = service.get(f"/api/processes/{process.pid}/dump")
        assert answer.status == 409 and "zombie" in answer.message
        for mode in "cpu", "wall":
            answer = service.get(f"/api/processes/{process.pid}/profile?seconds=1&mode={mode}")
            assert answer.status == 409 and "zombie" in answer.message, answer.body
    finally:
        process.wait()


@AS_ROOT
def test_kernel_thread(service):
    answer = service.get("/api/processes/2")
    if answer.status == 404:
        pytest.skip("kernel threads are not visible here")
    answer = service.get("/api/processes/2/dump")
    assert answer.status == 400 and "thread of the kernel" in answer.message
    for mode in "cpu", "wall":
        answer = service.get(f"/api/processes/2/profile?seconds=1&mode={mode}")
        assert answer.status == 400 and "thread of the kernel" in answer.message, answer.body
    assert service.request("DELETE", "/api/processes/2").status == 400


def test_traced_by_another(service, target):
    """gdb holds it: we say who does, and gdb's hold is not disturbed."""
    process = target("shapes", "threads", "3")
    debugger = subprocess.Popen(["gdb", "-q", "-nx", "-p", str(process.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: tracer(process.pid) == str(debugger.pid), "gdb")
        answer = service.get(f"/api/processes/{process.pid}/dump")
        assert answer.status == 409, answer.body
        assert str(debugger.pid) in answer.message and "gdb" in answer.message
        ask_everything(service, process.pid)
        assert tracer(process.pid) == str(debugger.pid)
    finally:
        debugger.kill()
        debugger.communicate()


@AS_ROOT
def test_other_namespaces(service, sleeper, tmp_path):
    """A process in pid and mount namespaces of its own, whose program nobody outside can see."""
    inside = tmp_path / "inside"
    inside.mkdir()
    script = (f"mount -t tmpfs none {inside} && cp {TARGETS}/shapes {inside}/hidden && exec {inside}/hidden threads 2")
    process = sleeper("unshare", "--pid", "--mount", "--fork", "--kill-child", "sh", "-c", script, stdout=subprocess.PIPE)
    child = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    assert not (inside / "hidden").exists()
    detail = ask_everything(service, child)
    assert detail["file_name"] == f"{inside}/hidden" and detail["name"] == "hidden"
    module = next(m for m in service.json(f"/api/processes/{child}/modules") if m["file_name"] == "hidden")
    full = service.json("/" + module["href"].split("/", 3)[3])
    notes = subprocess.run(["readelf", "-n", TARGETS / "shapes"], capture_output=True, text=True, check=True).stdout
    assert full["build_id"] == re.search(r"Build ID: (\w+)", notes).group(1)
    assert "deleted" not in full
    for kind in (0, 2):
        dump(service, child, kind)


def test_hostile_name(service, target):
    process = target("shapes", "hostile-name")
    detail = ask_everything(service, process.pid)
    assert detail["name"] == ') (\n"<b>\ufffd\ufffd'
    answer = service.get(f"/api/processes/{process.pid}/dump")
    assert answer.status == 200
    name = answer.headers["Content-Disposition"]
    assert "\n" not in name and "/" not in name and re.search(r'filename="[^"]+\.dmp"', name)


def test_dies_in_the_middle(service):
    """Killed at a random moment of each operation: an answer of some kind, never a hang or a 500, and no zombie is ours."""
    random.seed(7)
    for number in range(60):
        process = subprocess.Popen([TARGETS / "shapes", "threads", "40"], stdout=subprocess.PIPE)
        process.stdout.readline()
        route = random.choice((*ROUTES, "/dump", "/dump?dumpType=2"))
        delay = random.uniform(0, 0.012)
        killer = subprocess.Popen([sys.executable, "-S", "-E", "-c",
                                   f"import os, time; time.sleep({delay}); os.kill({process.pid}, 9)"])
        time.sleep(0.008)
        try:
            answer = service.get(f"/api/processes/{process.pid}{route}")
            assert answer.status in (200, 404, 409), (route, answer.status, answer.body[:300])
        except Exception as cut:
            if type(cut).__name__ != "IncompleteRead" or "dump" not in route:
                raise
        killer.wait()
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert service.get("/healthz").status == 200
