"""Other people's readers open our ELF cores: gdb, lldb 19, eu-stack, eu-readelf.

What they show is held against what the target says of itself, and gdb's backtraces against gdb's own of the live,
stopped process.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import zipfile

import pytest

from conftest import TARGETS, wait_until
from test_dump_readers import functions, lldb_sees, needs, needs_lldb, run, settled, tasks

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
KINDS = [0, 2, 0x200]

pytestmark = needs("gdb")


@pytest.fixture
def core(procscope, tmp_path):
    """core(pid, type) writes a core and returns its path."""

    def write(pid, kind=0, *arguments):
        path = tmp_path / f"{pid}-{kind:x}.core"
        run(procscope, "dump", pid, "--format", "core", "--type", kind, "--force", "--output", path, *arguments)
        return path

    return write


@pytest.fixture
def known(target):
    def start(*arguments):
        process = target("known", *arguments)
        settled(process.pid)
        return json.loads(process.first_line)

    return start


def gdb(*arguments, timeout=300):
    done = run("gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set auto-load safe-path /",
               *arguments, timeout=timeout)
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def commands(*lines):
    return [part for line in lines for part in ("-ex", line)]


def backtraces(text):
    """Thread id -> its frames, without what differs from session to session."""
    found, frames = {}, None
    for line in text.splitlines():
        if match := re.match(r"Thread \d+ .*?LWP (\d+)\)", line):
            frames = found.setdefault(int(match[1]), [])
        elif frames is not None and re.match(r"#\d+ ", line):
            frames.append(line)
    return found


def backtraces_of_core(program, path):
    text, _ = gdb(*commands("thread apply all bt"), program, path)
    return backtraces(text)


def backtraces_of_process(pid):
    text, _ = gdb("-p", pid, *commands("thread apply all bt"))
    return backtraces(text)


def stopped(pid):
    os.kill(pid, signal.SIGSTOP)

    def all_stopped():
        states = set()
        for thread in tasks(pid):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace") as stat:
                states.add(stat.read().rpartition(")")[2].split()[0])
        return states <= {"T", "Z"}

    wait_until(all_stopped, "all threads stopped")


@pytest.mark.parametrize("kind", KINDS)
def test_gdb_shows_what_it_shows_of_the_process(known, core, kind):
    facts = known("3")
    pid = facts["pid"]
    stopped(pid)
    path = core(pid, kind)
    live = backtraces_of_process(pid)

    assert set(live) == tasks(pid) and len(live) == 5
    assert backtraces_of_core(TARGETS / "known", path) == live
    waiting = [frames for frames in live.values() if "known_inner" in " ".join(frames)]
    assert len(waiting) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_gdb_reads_words_auxv_and_mappings(known, core, kind):
    facts = known()
    path = core(facts["pid"], kind)
    places = [thread["word"] for thread in facts["threads"]]
    if kind:
        places += [facts["heap"] + 8 * i for i in (1, 99999)]
        places += [facts["data"], facts["bss"], *facts["reserved"]]
    text, _ = gdb(*commands("info auxv", "info proc mappings", "info threads",
                            *(f"x/1gx {place}" for place in places)), TARGETS / "known", path)
    words = [int(word, 16) for word in re.findall(r"^0x[0-9a-f]+[^:\n]*:\s+(0x[0-9a-f]{16})$", text, re.M)]

    expected = [0x57AC000000000000 + i for i in range(len(facts["threads"]))]
    if kind:
        expected += [GOLDEN, 99999 * GOLDEN & MASK, 0x1122334455667788, 0x99AABBCCDDEEFF00]
        expected += [0xFEED000000000001, 0xFEED000000000002]
    assert words == expected
    assert path.stat().st_size < 64 << 20  # of the 64 GiB reserved two pages were touched
    auxv = {}
    for name, value in re.findall(r"^\d+\s+AT_(PHDR|ENTRY|PAGESZ)\s.*\s(\w+)$", text, re.M):
        auxv[name] = int(value, 0)
    with open(f"/proc/{facts['pid']}/auxv", "rb") as file:
        raw = file.read()
    live = {int.from_bytes(raw[i:i + 8], "little"): int.from_bytes(raw[i + 8:i + 16], "little")
            for i in range(0, len(raw), 16)}
    assert auxv == {"PHDR": live[3], "ENTRY": live[9], "PAGESZ": live[6]}
    with open(f"/proc/{facts['pid']}/maps", encoding="utf-8") as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/"):
                start, end = (int(part, 16) for part in fields[0].split("-"))
                assert re.search(rf"{start:#x}\s+{end:#x}\s+{end - start:#x}\s+{int(fields[2], 16):#x} ", text), line


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the target sets x86-64 registers")
def test_gdb_shows_registers(known, core):
    facts = known()
    path = core(facts["pid"])
    text, _ = gdb(*commands("info threads"), TARGETS / "known", path)
    number = re.search(rf"(\d+) +(?:Thread|LWP).*?\b{facts['holder']}\b", text)[1]
    names = ["rbx", "r12", "r15", "xmm5.v2_int64[0]"]
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        if re.search(r"^flags.*\bavx\b", cpuinfo.read(), re.M):
            names.append("ymm5.v4_int64[0]")  # only with NT_X86_XSTATE
    text, _ = gdb(*commands(f"thread {number}", *(f"p/x ${name}" for name in names)), TARGETS / "known", path)
    values = [int(value, 16) for value in re.findall(r"^\$\d+ = (0x\w+)", text, re.M)]
    assert values == [0xB0B0000000000000 + n for n in (1, 2, 5, 5, 5)][:len(names)]


@needs_lldb
@pytest.mark.parametrize("kind", KINDS)
def test_lldb_shows_threads_calls_and_words(known, core, kind):
    facts = known("3")
    heap = (facts["heap"], 1000)
    stacks = [(thread["word"], 1) for thread in facts["threads"]]
    seen = lldb_sees(core(facts["pid"], kind), heap, *stacks)

    assert seen["pid"] == facts["pid"] == seen["selected"]
    assert set(seen["threads"]) == tasks(facts["pid"])
    for thread in facts["threads"]:
        names = functions(seen["threads"][thread["id"]])
        assert [name for name in names if name in ("wait_in_here", "known_inner", "known_outer", "run")] == [
            "wait_in_here", "known_inner", "known_outer", "run"], names
    assert "main" in functions(seen["threads"][facts["pid"]])
    assert [seen["memory"][stack] for stack in stacks] == [[0x57AC000000000000 + i] for i in range(3)]
    if kind:
        assert seen["memory"][heap] == [i * GOLDEN & MASK for i in range(1000)]


@needs("eu-stack")
@pytest.mark.parametrize("kind", KINDS)
def test_elfutils(known, core, kind):
    facts = known("3")
    path = core(facts["pid"], kind)
    frames, calls = {}, None
    for line in run("eu-stack", "--core", path).stdout.decode().splitlines():
        if line.startswith("TID "):
            calls = frames.setdefault(int(line[4:].rstrip(":")), [])
        elif line.startswith("#"):
            calls.append(line.split()[-1])
    assert set(frames) == tasks(facts["pid"])
    for thread in facts["threads"]:
        assert frames[thread["id"]][1:5] == ["wait_in_here", "known_inner", "known_outer", "run"]
    notes = run("eu-readelf", "-n", path).stdout.decode()
    assert notes.count("PRSTATUS") == notes.count("SIGINFO") == notes.count("FPREGSET") == 5
    for name in ("PRPSINFO", "AUXV", "FILE"):
        assert len(re.findall(rf"^  CORE +\d+  {name}$", notes, re.M)) == 1
    assert f"pid: {facts['pid']}" in notes


@needs("eu-stack")
def test_many_threads(known, core):
    facts = known("500")
    path = core(facts["pid"])
    found = backtraces_of_core(TARGETS / "known", path)
    assert set(found) == tasks(facts["pid"]) and len(found) == 502
    assert sum("known_outer" in " ".join(frames) for frames in found.values()) == 500
    assert run("eu-stack", "--core", path, timeout=300).stdout.count(b" known_outer") == 500


def test_many_mappings(target, core):
    process = target("shapes", "maps", "60000")
    for kind in (0, 2):
        path = core(process.pid, kind)
        text = run("readelf", "-lW", path).stdout.decode()
        assert text.count("\n  LOAD ") >= 60000
    assert process.pid in backtraces_of_core(TARGETS / "shapes", path)


def test_leader_that_has_ended(target, core):
    process = target("shapes", "zombie-leader")
    found = backtraces_of_core(TARGETS / "shapes", core(process.pid))
    assert set(found) == tasks(process.pid) - {process.pid}
    assert all("start_thread" in " ".join(frames) for frames in found.values())


def test_zip_of_a_core(known, core, procscope, tmp_path):
    facts = known()
    archive = tmp_path / "core.zip"
    run(procscope, "dump", facts["pid"], "--format", "zip", "--inner", "core", "--output", archive)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        name = opened.namelist()[0]
        assert name.startswith("known-") and name.endswith(".core")
        opened.extract(name, tmp_path)
    assert set(backtraces_of_core(TARGETS / "known", tmp_path / name)) == tasks(facts["pid"])
    assert run(procscope, "dump", facts["pid"], "--inner", "core", "--output", "-", check=False).returncode == 2


def test_over_http(service, known):
    facts = known()
    answer = service.get(f"/api/processes/{facts['pid']}/dump?format=core")
    assert answer.status == 200 and answer.body[:4] == b"\x7fELF"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert re.search(r'filename="?known-\S+\.core"?', answer.headers["Content-Disposition"])
    assert answer.headers["X-Dump-Threads"] == "4"
    answer = service.get(f"/api/processes/{facts['pid']}/dump?format=elf")
    assert answer.status == 400 and "core" in answer.message


PROGRAMS = {
    "/usr/bin/python3": ("-c", "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,)).start()\n"
                               "print('ready', flush=True)\ntime.sleep(3600)"),
    "node": ("-e", "console.log('ready'); setInterval(() => {}, 3600000)"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_interpreters(sleeper, core, program):
    if not shutil.which(program):
        pytest.skip(f"no {program}")
    process = sleeper(program, *PROGRAMS[program], stdout=subprocess.PIPE)
    settled(process.pid)
    stopped(process.pid)
    path = core(process.pid, 2)
    live = backtraces_of_process(process.pid)
    assert set(live) == tasks(process.pid)
    assert all(frames for frames in live.values()) and max(len(frames) for frames in live.values()) > 3
    assert backtraces_of_core(f"/proc/{process.pid}/exe", path) == live


@needs("java")
def test_java(sleeper, core, tmp_path):
    source = tmp_path / "Waits.java"
    source.write_text("""
        public class Waits {
            public static void main(String[] arguments) throws Exception {
                System.out.println("ready");
                Thread.sleep(3600000);
            }
        }""")
    try:
        process = sleeper("java", "-Xmx128m", str(source), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except AssertionError as failure:
        pytest.skip(f"java does not run a source file: {failure}")  # a JRE without the compiler
    stopped(process.pid)
    path = core(process.pid, 2)
    live = backtraces_of_process(process.pid)
    assert set(live) == tasks(process.pid)
    assert all(frames for frames in live.values()) and max(len(frames) for frames in live.values()) > 3
    assert backtraces_of_core(f"/proc/{process.pid}/exe", path) == live
