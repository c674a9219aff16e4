"""What the processes of a running service are confined to, as the kernel says it, and what one of them could do that was taken over."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest

from conftest import PROCSCOPE, wait_until

# x86-64's numbers; what the kernel would say without a filter is never EPERM for these arguments
EPERM = 1
DENIED = {"execve": (59, "0,0,0"), "execveat": (322, "-1,0,0,0,0"), "mount": (165, "1,0,0,0,0"), "bpf": (321, "-1,0,0"), "unshare": (272, "0"),
          "socket(AF_PACKET)": (41, "17,-1,0"), "init_module": (175, "0,0,0"), "io_uring_setup": (425, "0,0"), "userfaultfd": (323, "-1")}
READS = {"read": (0, "-1,0,0"), "getpid": (39, "")}


def family(pid):
    """It and all that descend from it."""
    yield pid
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in path.read_text().split():
                yield from family(int(child))


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def of_name(service, name):
    return [pid for pid in family(service.pid) if status_of(pid)["Name"] == name]


@contextlib.contextmanager
def silent_server():
    """One that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def half_read(service, path, headers):
    """An answer of which only the head is taken: its worker goes on."""
    with contextlib.closing(service.connection()) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        assert response.status == 200, path
        yield response


@pytest.fixture
def everything(serve, sleeper, tmp_path):
    """A service with each kind of process that there is, all of them at work: the service, and the role's header."""
    tokens = tmp_path / "tokens"
    token = subprocess.run([PROCSCOPE, "token", "new", "--file", tokens, "--role", "admin", "--name", "all"], check=True, capture_output=True, text=True).stdout.split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    large = sleeper("/usr/bin/python3", "-c", f"kept = bytearray(b'1') * {64 << 20}\nimport time\ntime.sleep(3600)")
    with silent_server() as port, contextlib.ExitStack() as stack:
        service = serve("--tokens", tokens, "--registry", "static:http://127.0.0.1:1", "--debuginfod-urls", f"http://127.0.0.1:{port}",
                        "--debuginfod-timeout", "60s", "--audit", tmp_path / "audit")
        wait_until(lambda: int(status_of(large.pid)["VmRSS"].split()[0]) > 64 << 10, "its memory")
        stack.enter_context(half_read(service, "/api/events", headers))
        stack.enter_context(half_read(service, f"/api/processes/{large.pid}/dump?dumpType=2", headers))
        assert service.request("POST", f"/api/processes/{large.pid}/profile/start", headers).status == 200
        asking = threading.Thread(target=service.get, args=(f"/api/processes/{large.pid}/stacks", headers))
        asking.start()
        try:
            wait_until(lambda: of_name(service, "procscope-fetch"), "debuginfod to be asked")
            yield service
        finally:
            for pid in of_name(service, "procscope-fetch"):
                os.kill(pid, 9)
            asking.join()


def test_every_process_has_a_filter_and_leaves_no_core(everything):
    seen = {}
    for pid in family(everything.pid):
        status = status_of(pid)
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        seen.setdefault(status["Name"], []).append(status)
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", status
        assert int(re.search(r"Max core file size +\d+ +(\d+)", limits)[1]) <= 1, status["Name"]
    assert set(seen) >= {"procscope", "procscope-work", "procscope-http", "procscope-auth", "procscope-peer", "procscope-fetch"}
    assert len(seen["procscope-work"]) >= 5  # two are kept; events, a dump, a profile
    for name in ("procscope-http", "procscope-auth", "procscope-peer", "procscope-fetch"):
        assert all(int(status[name_of], 16) == 0 for status in seen[name] for name_of in ("CapEff", "CapPrm", "CapInh")), name


def call_within(pid, calls):
    """{name: errno or 0}: a debugger has the process make the calls, as who took it over would."""
    commands = ["set confirm off", "set debuginfod enabled off"]
    for number, arguments in calls.values():
        words = ",".join([str(number), *filter(None, [arguments])])
        commands += [f"print ((long (*)(long, ...))syscall)({words})", "print *((int *(*)(void))__errno_location)()"]
    done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), *(part for command in commands for part in ("-ex", command))], capture_output=True, text=True)
    values = [int(value) for value in re.findall(r"^\$\d+ = (-?\d+)$", done.stdout, re.M)]
    assert len(values) == 2 * len(calls), done.stdout + done.stderr
    return {name: values[2 * i + 1] if values[2 * i] < 0 else 0 for i, name in enumerate(calls)}


@pytest.mark.skipif(not shutil.which("gdb") or os.geteuid() != 0 or os.uname().machine != "x86_64", reason="takes gdb, root, and x86-64's numbers")
def test_one_that_was_taken_over_starts_nothing_and_gets_nowhere_near_the_kernel(service, serve, sleeper):
    free = sleeper("/usr/bin/sleep", "3600")
    assert EPERM not in call_within(free.pid, DENIED).values()  # else it would prove nothing
    workers = of_name(service, "procscope-work")
    assert len(workers) == 2
    for pid in (service.pid, *workers, *of_name(service, "procscope-http")):
        answers = call_within(pid, {**DENIED, **READS})
        assert all(answers[name] == EPERM for name in DENIED), answers
        assert all(answers[name] != EPERM for name in READS), answers
    assert service.get("/api/processes").status == 200
    assert service.get(f"/api/processes/{free.pid}/stacks").status == 200
