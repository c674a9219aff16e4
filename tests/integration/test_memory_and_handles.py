"""What takes the memory of a process, and who has something open: against what the kernel itself says."""
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from conftest import wait_until

HOLDS = """
import mmap, os, sys
area = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE)
for at in range(0, 48 << 20, 4096):
    area[at] = 1
shared = mmap.mmap(-1, 1 << 20)
shared[:1] = b'x'
print('ready', flush=True)
sys.stdin.read()
"""


def rollup(pid):
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return {name: int(rest.split()[0]) * 1024 for name, rest in
                (line.split(":", 1) for line in list(lines)[1:])}


@pytest.fixture
def holder(sleeper):
    return sleeper(sys.executable, "-c", "import sys; exec(sys.argv[1].replace('sys.stdin.read()', "
                   "'import time; time.sleep(3600)'))", HOLDS, stdout=subprocess.PIPE)


def test_sums_are_the_kernels(service, holder):
    memory = service.json(f"/api/processes/{holder.pid}/memory")
    kernel, total = rollup(holder.pid), memory["total"]
    assert memory["process"] == f"{service.url}/api/processes/{holder.pid}"
    assert total["rss"] == kernel["Rss"]
    assert total["private_dirty"] == kernel["Private_Dirty"]
    assert total["swap"] == kernel["Swap"]
    # shares of pages are cut to whole KiB for each mapping
    assert abs(total["pss"] - kernel["Pss"]) <= 2048 * total["mappings"]
    assert total["mappings"] == len(open(f"/proc/{holder.pid}/maps").readlines())
    for part in ("kinds", "items"):
        for member in ("size", "rss", "pss", "swap", "mappings"):
            assert sum(sum_[member] for sum_ in memory[part]) == total[member], (part, member)
    kinds = {kind["kind"]: kind for kind in memory["kinds"]}
    assert kinds["anonymous"]["rss"] >= 48 << 20 and kinds["anonymous"]["size"] >= 64 << 20
    assert kinds["shared"]["size"] >= 1 << 20
    assert {"heap", "stack", "code", "data", "file"} <= kinds.keys()
    assert memory["items"][0]["kind"] == "anonymous" and "name" not in memory["items"][0]


def test_each_mapping_on_demand(service, holder):
    memory = service.json(f"/api/processes/{holder.pid}/memory?details=true")
    wanted = [line.split(maxsplit=5)[:2] for line in open(f"/proc/{holder.pid}/maps")]
    assert [[f"{m['start']:0>8}-{m['end']:0>8}", m["permissions"]] for m in memory["mappings"]] == wanted
    assert sum(m["rss"] for m in memory["mappings"]) == memory["total"]["rss"]


def test_a_replaced_library_is_told_apart(service, sleeper, tmp_path):
    program = tmp_path / "pro\ngram"
    shutil.copy(shutil.which("sleep"), program)
    process = sleeper(str(program), "3600")
    wait_until(lambda: os.path.realpath(f"/proc/{process.pid}/exe") == str(program), "it runs that program")
    program.unlink()
    items = service.json(f"/api/processes/{process.pid}/memory")["items"]
    mine = [item for item in items if item.get("name") == str(program)]
    assert mine and all(item["deleted"] for item in mine)


def test_memory_on_the_command_line(procscope, holder):
    text = subprocess.run([procscope, "memory", str(holder.pid)], capture_output=True, text=True, check=True).stdout
    assert "anonymous" in text and "total" in text
    more = subprocess.run([procscope, "memory", str(holder.pid), "--all"], capture_output=True, text=True, check=True)
    assert "libc.so.6" in more.stdout and len(more.stdout) >= len(text)


def test_one_that_is_gone(service):
    answer = service.get("/api/processes/99999999/memory")
    assert answer.status == 404 and "is not running" in answer.message


def found(service, name):
    answer = service.json(f"/api/processes/handles?name={name}")
    assert not answer["cut"] and answer["searched"] > 0
    return answer["handles"]


def test_who_has_a_file_open(service, sleeper, tmp_path):
    log = tmp_path / "Some log.txt"
    log.touch()
    process = sleeper(sys.executable, "-c", "import sys, time; f = open(sys.argv[1]); print(f.fileno(), flush=True); "
                      "time.sleep(3600)", str(log), stdout=subprocess.PIPE, cwd=tmp_path)
    mine = [h for h in found(service, "some%20LOG") if h["process"]["id"] == process.pid]
    assert [(h["kind"], h["handle"], h["name"]) for h in mine] == [("file", int(process.first_line), str(log))]
    assert mine[0]["process"]["href"] == f"{service.url}/api/processes/{process.pid}"
    kinds = {h["kind"] for h in found(service, tmp_path.name) if h["process"]["id"] == process.pid}
    assert kinds == {"file", "directory"}


def test_who_runs_from_a_file(service, sleeper, tmp_path):
    program = tmp_path / "rare-program"
    shutil.copy(shutil.which("sleep"), program)
    process = sleeper(str(program), "3600")
    wait_until(lambda: os.path.realpath(f"/proc/{process.pid}/exe") == str(program), "it runs that program")
    assert sorted(h["kind"] for h in found(service, "rare-program")) == ["mapping", "program"]


def test_who_has_a_port(service, sleeper, tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    # neither a file of that name nor a longer number is the port
    decoy = open(tmp_path / f"x:{port}", "w")
    handles = found(service, f":{port}")
    assert [(h["process"]["id"], h["kind"], h["handle"]) for h in handles] == [
        (os.getpid(), "socket", listener.fileno())]
    assert found(service, f":{str(port)[:-1]}") == [] or all(
        not h["name"].endswith(f":{port}") for h in found(service, f":{str(port)[:-1]}"))
    six = socket.create_server(("::1", 0), family=socket.AF_INET6)
    assert [h["handle"] for h in found(service, f":{six.getsockname()[1]}")] == [six.fileno()]
    decoy.close()


def test_what_is_asked_wrongly(service):
    for query in ("", "?name=", "?text=x"):
        answer = service.get(f"/api/processes/handles{query}")
        assert answer.status == 400 and "'name'" in answer.message


def test_handles_on_the_command_line(procscope, tmp_path):
    with open(tmp_path / "esc\x1b[31m\nape", "w") as file:
        shown = subprocess.run([procscope, "handles", "esc\x1b"], capture_output=True, text=True, check=True).stdout
        assert str(os.getpid()) in shown and "\x1b" not in shown and "\\e[31m\\nape" in shown
        data = json.loads(subprocess.run([procscope, "handles", "esc\x1b", "--json"], capture_output=True, check=True).stdout)
        assert [h["handle"] for h in data["handles"]] == [file.fileno()]
