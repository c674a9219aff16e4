"""Functions of Python in stacks, held against what the interpreter itself says of threads that stand still (tests/targets/places.py).
Debian's interpreter, and others where they are installed."""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

from conftest import PROCSCOPE, ROOT, wait_until
from test_dump_readers import run

PLACES = ROOT / "tests" / "targets" / "places.py"
FOLDERS = [pathlib.Path("/usr/bin"), pathlib.Path("/usr/local/bin"), *sorted(pathlib.Path.home().glob(".pyenv/versions/*/bin"))]


def interpreters():
    """One of each version from 3.11 to 3.14, and what is known of it."""
    found = {}
    for folder in FOLDERS:
        for minor in range(11, 15):
            path = folder / f"python3.{minor}"
            if path.exists():
                found.setdefault(f"3.{minor}" if folder == FOLDERS[0] else f"3.{minor} of {folder.parent.name}", str(path))
    return found


INTERPRETERS = interpreters()


def as_shown(text):
    """What is not UTF-8 becomes U+FFFD in JSON."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@pytest.fixture
def places(sleeper):
    def begin(path, *arguments):
        process = sleeper(path, PLACES, *arguments, stdout=subprocess.PIPE)
        told = json.loads(process.first_line)
        return process, {int(thread): [[as_shown(name), as_shown(file), line] for name, file, line in frames]
                         for thread, frames in told.items()}
    return begin


def of_python(thread):
    return [[frame["function"], frame.get("file"), frame.get("line")] for frame in thread["frames"] if frame.get("kind") == "python"]


def compare(stacks, told):
    seen = {thread["id"]: thread for thread in stacks["threads"]}
    for thread, frames in told.items():
        assert of_python(seen[thread]) == frames
        assert not [frame for frame in seen[thread]["frames"] if frame.get("function", "").startswith("_PyEval_EvalFrameDefault")]
        assert seen[thread]["end"] == "outermost"


@pytest.mark.parametrize("version", INTERPRETERS)
def test_as_the_interpreter_says(procscope, places, version):
    process, told = places(INTERPRETERS[version])
    stacks = json.loads(run(procscope, "stack", process.pid, "--json").stdout)
    compare(stacks, told)
    main = next(thread for thread in stacks["threads"] if thread["id"] == process.pid)
    assert [frame[0] for frame in of_python(main)] == ["<module>"]


@pytest.mark.parametrize("version", INTERPRETERS)
def test_of_a_core(procscope, places, tmp_path, version):
    process, told = places(INTERPRETERS[version])
    run(procscope, "dump", process.pid, "--type", "2", "--format", "core", "-o", tmp_path / "core")
    process.kill()
    process.wait()
    compare(json.loads(run(procscope, "stack", "--core", tmp_path / "core", "--json").stdout), told)


def test_one_thread_over_http(service, places):
    process, told = places("/usr/bin/python3")
    for thread, frames in list(told.items())[:3]:
        path = f"/api/processes/{process.pid}/threads/{thread}/stack"
        # on a machine that is busy enough the threads are not stopped in time, which is said with 504
        answer = wait_until(lambda: next((one for one in [service.get(path)] if one.status != 504), None), "an answer")
        assert answer.status == 200 and of_python(answer.json()) == frames


def test_text_and_groups(procscope, sleeper):
    code = ("import threading, time\n"
            "class Pool:\n"
            "    def work(self):\n"
            "        time.sleep(3600)\n"
            "for _ in range(20):\n"
            "    threading.Thread(target=Pool().work, daemon=True).start()\n"
            "print('ready', flush=True)\n"
            "time.sleep(3600)\n")
    process = sleeper("/usr/bin/python3", "-c", code, stdout=subprocess.PIPE)
    assert process.first_line == "ready"

    def groups_at_work():
        """Those that have come to sleep: by different C functions, as the interpreter makes a call that it has seen often shorter."""
        groups = json.loads(run(procscope, "stack", process.pid, "--group", "--json").stdout)["groups"]
        found = [group for group in groups if of_python(group)[:1] == [["Pool.work", "<string>", 4]]
                 and group["frames"][0]["function"] == "clock_nanosleep"]
        return found if sum(group["count"] for group in found) == 20 else None

    assert len(wait_until(groups_at_work, "all threads sleep")) <= 4
    text = run(procscope, "stack", process.pid).stdout.decode()
    assert len(re.findall(r"#\d+ +0x[0-9a-f]+ Pool\.work \[python\] at <string>:4\n", text)) == 20
    assert "_PyEval_EvalFrameDefault" not in text


def test_frames_past_the_bound(procscope, sleeper):
    """Of a recursion that is too deep the innermost functions are there, and the answer says that there are more."""
    code = ("import sys, time\n"
            "sys.setrecursionlimit(20000)\n"
            "def deep(n):\n"
            "    if n == 0:\n"
            "        print('ready', flush=True)\n"
            "        time.sleep(3600)\n"
            "    deep(n - 1)\n"
            "deep(9000)\n")
    process = sleeper("/usr/bin/python3", "-c", code, stdout=subprocess.PIPE)
    assert process.first_line == "ready"
    thread, = json.loads(run(procscope, "stack", process.pid, "--json").stdout)["threads"]
    assert thread["end"] == "too_deep"
    frames = of_python(thread)
    assert len(frames) == 2048 and {frame[0] for frame in frames} == {"deep"}
    assert frames[-1] == ["deep", "<string>", 7]


@pytest.mark.skipif(not shutil.which("python3.11-dbg"), reason="python3.11-dbg is not installed")
def test_builds_of_another_layout_stay_native(procscope, sleeper):
    process = sleeper("python3.11-dbg", "-c", "import time\nprint('ready', flush=True)\ntime.sleep(3600)", stdout=subprocess.PIPE)
    assert process.first_line == "ready"
    thread, = json.loads(run(procscope, "stack", process.pid, "--json").stdout)["threads"]
    assert of_python(thread) == []
    assert "_PyEval_EvalFrameDefault" in [frame.get("function") for frame in thread["frames"]]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="makes a namespace")
def test_in_a_namespace_of_its_own(procscope, sleeper):
    """There threads know themselves by other ids than we do."""
    code = "import time\ndef waits():\n    time.sleep(3600)\nprint('ready', flush=True)\nwaits()"
    outer = sleeper("unshare", "--pid", "--fork", "--kill-child", "/usr/bin/python3", "-c", code, stdout=subprocess.PIPE)
    assert outer.first_line == "ready"
    pid = int(pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
    thread, = json.loads(run(procscope, "stack", pid, "--json").stdout)["threads"]
    assert of_python(thread) == [["waits", "<string>", 3], ["<module>", "<string>", 5]]


def test_the_interpreter_itself(procscope, places):
    process, told = places("/usr/bin/python3")
    stacks = json.loads(run(procscope, "stack", process.pid, "--json", "--no-runtime").stdout)
    for thread in stacks["threads"]:
        assert of_python(thread) == []
        assert "_PyEval_EvalFrameDefault" in [frame.get("function") for frame in thread["frames"]]


MAPS = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int count, char **files)
{
    for (int i = 1; i < count; i++)
        mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open(files[i], O_RDONLY), 0);
    puts("ready");
    fflush(stdout);
    pause();
}
"""


def pretended_library():
    """Its parts and where they stand: it has an interpreter's section, its version, and 1 GiB of names, of nothing mostly."""
    wanted, names, sections = ["Py_Version", "PyCode_Type", "PyUnicode_Type"], b"\0.PyRuntime\0.names\0.symbols\0.dynamic\0", [bytes(64)]
    texts = b"\0".join([b"", *(name.encode() for name in wanted), b""])
    texts_at = (1 << 30) - len(texts)
    symbols = bytes(24) + b"".join(struct.pack("<IBBHQQ", texts_at + texts.index(name.encode()), 0x11, 0, 1, 256, 8) for name in wanted)

    def section(name, kind, offset, size, link=0):
        sections.append(struct.pack("<IIQQQQIIQQ", names.index(name), kind, 0, offset, offset, size, link, 0, 1, 24))

    section(b".PyRuntime", 1, 256, 64)
    section(b".names", 3, 512, len(names))
    section(b".symbols", 3, 4096, 1 << 30)
    section(b".dynamic", 2, 4096 + (1 << 30), 24, 3)  # all names are looked for here in vain, and then there
    section(b".dynamic", 11, 4096 + (1 << 30), len(symbols), 3)
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 1024, 0, 64, 56, 1, 64, len(sections), 2)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 4096, 4096, 4096)
    version = struct.pack("<I", 0x030b00f0)
    return {0: head + load, 256: version, 512: names, 1024: b"".join(sections), 4096 + texts_at: texts, 4096 + (1 << 30): symbols}


def test_a_library_that_pretends_is_given_up(tmp_path, sleeper):
    first = tmp_path / "libpython3.1.so"
    with first.open("wb") as file:
        for offset, part in pretended_library().items():
            file.seek(offset)
            file.write(part)
    paths = [first] + [tmp_path / f"libpython3.{i}.so" for i in range(2, 5)]
    for path in paths[1:]:
        os.link(first, path)
    (tmp_path / "maps.c").write_text(MAPS)
    run("cc", "-o", tmp_path / "maps", tmp_path / "maps.c")
    process = sleeper(tmp_path / "maps", *paths, stdout=subprocess.PIPE)
    with (tmp_path / "answer").open("w+") as answer:
        command = subprocess.Popen([PROCSCOPE, "stack", str(process.pid), "--json"], stdout=answer)
        os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        read = int(re.search(r"rchar: (\d+)", pathlib.Path(f"/proc/{command.pid}/io").read_text())[1])
        assert command.wait() == 0
        answer.seek(0)
        assert json.load(answer)["threads"][0]["frames"]
    assert read < 14 << 30  # of 28
