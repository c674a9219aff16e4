"""Stacks as procscope unwinds them, held against gdb's and elfutils' of the same stopped process: the same addresses and
functions in the same order, for every thread."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from conftest import MODES, TARGETS
from test_core_backtraces import LANGUAGES, build, gdb_frames, name_of, start, take  # noqa: F401: fixtures
from test_core_readers import stopped
from test_dump_readers import needs, run, settled, tasks

COMPILED = ("c", "c++", "rust")
OPTIMIZED = {
    "O0": ["-O0"],
    "O2": ["-O2"],
    "no-frame-pointer": ["-O2", "-fomit-frame-pointer", "-fno-asynchronous-unwind-tables", "-fexceptions"],
    "stripped": ["-O2", "-s"],
}


def stacks(procscope, pid, *arguments):
    said = run(procscope, "stack", pid, "--json", *arguments).stdout
    return {thread["id"]: thread for thread in json.loads(said)["threads"]}


def plain(name):
    """The last part of it, without parameters, template arguments and what compilers append: readers differ in these."""
    if not name:
        return None
    kept, depth = "", 0
    for at, letter in enumerate(re.sub(r"\[clone .*\]|\.(isra|part|constprop|cold)\.?\d*", "", name)):
        depth -= letter in ">)" and depth > 0 and name[at - 1] != "-"
        kept += letter if depth == 0 else ""
        depth += letter in "<("
    kept = re.sub(r"[<>()]", "", kept)
    return kept.split("::")[-1].strip().lstrip("_").split(" ")[-1]


def ours(thread):
    """Its C functions: those of Python that one call of the interpreter runs are that call."""
    frames = []
    for frame, before in zip(thread["frames"], [{}] + thread["frames"]):
        if frame.get("kind") != "python":
            frames.append((int(frame["address"], 16), plain(frame.get("function")), frame.get("inlined", False)))
        elif before.get("kind") != "python":
            frames.append((int(frame["address"], 16), plain("_PyEval_EvalFrameDefault"), False))
    return frames


@pytest.fixture(autouse=True)
def real_frames_only(monkeypatch):
    monkeypatch.setenv("WITHOUT_TAIL_CALLS", "1")


def theirs(frames):
    return [(pc, plain(name), inlined) for pc, name, inlined in frames]


@needs("gdb")
@pytest.mark.parametrize("language", COMPILED)
def test_compiled_programs_as_in_gdb(procscope, start, tmp_path, language):  # noqa: F811
    process, _ = start(language)
    stopped(process.pid)
    seen = stacks(procscope, process.pid)
    told = gdb_frames(tmp_path / "gdb.json", "-p", process.pid)
    program = pathlib.Path(os.readlink(f"/proc/{process.pid}/exe")).name
    assert set(seen) == set(told) == tasks(process.pid)
    for thread, frames in told.items():
        mine, other = ours(seen[thread]), theirs(frames)
        assert len(mine) >= len(other) > 1, (mine, other)
        assert [(pc, inlined) for pc, _, inlined in mine[:len(other)]] == [(pc, inlined) for pc, _, inlined in other], thread
        # of libraries, whose functions have several names, each reader takes another
        assert [(one[1], two[1]) for one, two, frame in zip(mine, other, seen[thread]["frames"])
                if language != "rust" and frame.get("module") == program and one[1] != two[1]] == []
        assert seen[thread]["end"] == "outermost" and len(mine) <= len(other) + 4


@needs("gdb")
@pytest.mark.parametrize("how", OPTIMIZED)
def test_c_however_it_is_compiled(procscope, sleeper, tmp_path, how):
    source = tmp_path / "calls.c"
    source.write_text("""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile int depth = 20;
static void __attribute__((noinline)) wait_here(int sum) { puts("ready"); fflush(stdout); for (;;) pause(); (void)sum; }
static int compare(const void *a, const void *b) { wait_here(0); return *(const int *)a - *(const int *)b; }
static void __attribute__((noinline)) sort_it(int *numbers) { qsort(numbers, 4, sizeof *numbers, compare); depth++; }
static int __attribute__((noinline)) recurse(int level)
{
    volatile char room[100];
    memset((char *)room, level, sizeof room);
    if (level == 0) { int numbers[] = {4, 3, 2, 1}; sort_it(numbers); }
    else depth += recurse(level - 1);
    return room[3];
}
static void on_signal(int number) { recurse(depth); (void)number; }
int main(void) { signal(SIGUSR1, on_signal); raise(SIGUSR1); return 0; }
""")
    run("gcc", *OPTIMIZED[how], "-o", tmp_path / "calls", source)
    process = sleeper(tmp_path / "calls", stdout=subprocess.PIPE)
    assert process.first_line == "ready"
    stopped(process.pid)
    seen = stacks(procscope, process.pid)[process.pid]
    told = gdb_frames(tmp_path / "gdb.json", "-p", process.pid)[process.pid]
    mine = [frame for frame in ours(seen) if not frame[2]]
    other = [frame for frame in theirs(told) if not frame[2]]
    assert seen["end"] == "outermost"
    assert [pc for pc, _, _ in mine[:len(other)]] == [pc for pc, _, _ in other]
    assert len(other) > 25
    names = [frame.get("function") for frame in seen["frames"]]
    assert sum(bool(frame.get("signal")) for frame in seen["frames"]) == 1
    if how == "O0":
        assert [name for name in names if name in ("wait_here", "compare", "sort_it", "on_signal", "main")] == [
            "wait_here", "compare", "sort_it", "on_signal", "main"]
        assert names.count("recurse") == 21
    elif how != "stripped":  # the compiler has joined some; where it left them the addresses tell
        assert {"wait_here", "compare", "recurse", "main"} <= {plain(name) for name in names}
    assert any(name and name.startswith("qsort") for name in names)


@needs("eu-stack")
@pytest.mark.parametrize("language", ["c", "c++"])
def test_as_in_elfutils(procscope, start, language):  # noqa: F811
    process, _ = start(language)
    stopped(process.pid)
    seen = stacks(procscope, process.pid, "--no-lines")
    told, thread = {}, None
    for line in run("eu-stack", "-p", process.pid, check=False).stdout.decode().splitlines():
        if line.startswith("TID "):
            thread = told.setdefault(int(line[4:].rstrip(":")), [])
        elif match := re.match(r"#\d+\s+0x([0-9a-f]+)", line):
            thread.append(int(match[1], 16))
    assert set(told) == set(seen)
    for thread, addresses in told.items():
        # a return address is shown one less, so that it lies in the call
        mine = [int(frame["address"], 16) for frame in seen[thread]["frames"]]
        assert len(addresses) >= 3
        assert all(abs(a - b) <= 1 for a, b in zip(mine, addresses)) and abs(len(mine) - len(addresses)) <= 1


@needs("gdb")
@pytest.mark.parametrize("language", [language for language in LANGUAGES if language not in COMPILED])
def test_of_runtimes_what_has_a_name(procscope, start, tmp_path, language):  # noqa: F811
    """Go and what is native of others, up to the first frame that gdb has no name for."""
    process, names = start(language)
    stopped(process.pid)
    seen = stacks(procscope, process.pid, "--no-lines")
    told = gdb_frames(tmp_path / "gdb.json", "-p", process.pid)
    assert set(seen) == set(told) == tasks(process.pid)
    compared = 0
    for thread, frames in told.items():
        mine = [frame for frame in ours(seen[thread]) if not frame[2]]
        other = [frame for frame in theirs(frames) if not frame[2]]
        named = next((at for at, frame in enumerate(other) if frame[1] is None), len(other))
        assert [pc for pc, _, _ in mine[:named]] == [pc for pc, _, _ in other[:min(named, len(mine))]], thread
        compared += min(named, len(mine))
    assert compared >= len(told)
    for name, count in names.items() if language == "go" else ():
        assert sum(any(frame.get("function") == name for frame in thread["frames"]) for thread in seen.values()) >= count


@pytest.mark.parametrize("language", ["c", "c++"])
def test_of_a_core_as_of_the_process(procscope, start, tmp_path, language):  # noqa: F811
    process, _ = start(language)
    stopped(process.pid)
    path = take(procscope, process.pid, tmp_path / "core", "stop")
    live = stacks(procscope, process.pid)
    core = {thread["id"]: thread for thread in json.loads(run(procscope, "stack", "--core", path, "--json").stdout)["threads"]}
    assert {thread: (stack["frames"], stack["end"]) for thread, stack in core.items()} == {
        thread: (stack["frames"], stack["end"]) for thread, stack in live.items()}
    # the file was replaced since: no name of another program is shown for it
    program = pathlib.Path(os.readlink(f"/proc/{process.pid}/exe"))
    one = min(core)
    assert run(procscope, "stack", "--core", path, one).stdout.decode().startswith(f"process {process.pid} ")
    if program.is_relative_to(tmp_path.parent):
        program.unlink()
        program.write_bytes(pathlib.Path("/bin/true").read_bytes())
        again = json.loads(run(procscope, "stack", "--core", path, "--json").stdout)["threads"]
        assert not any(frame.get("function") and frame.get("module") == program.name for t in again for frame in t["frames"])


@needs("gdb")
def test_handlers_on_a_stack_of_their_own_as_in_gdb(procscope, target, tmp_path):
    """What they have interrupted is on another stack: copied in the hold, and into a dump of stacks alone."""
    process = target("crashes")
    settled(process.pid)
    stopped(process.pid)
    live = stacks(procscope, process.pid)
    told = gdb_frames(tmp_path / "gdb.json", "-p", process.pid)
    names = {name_of(process.pid, thread): thread for thread in tasks(process.pid) if thread != process.pid}
    cores = []
    for kind in ("0", "2"):
        path = tmp_path / f"core{kind}"
        run(procscope, "dump", process.pid, "--format", "core", "--type", kind, "--quiet", "--output", path, *MODES["stop"])
        cores.append({thread["id"]: thread for thread in json.loads(run(procscope, "stack", "--core", path, "--json").stdout)["threads"]})
    assert set(live) == set(told) == set(cores[0]) == set(cores[1]) == tasks(process.pid)
    # as far as gdb is asked, and 1 MiB of a stack goes
    most = {names["overflow"]: 150, process.pid: 150}
    for thread, frames in told.items():
        mine, other = ours(live[thread])[:most.get(thread)], theirs(frames)[:most.get(thread)]
        assert len(mine) >= len(other) > 1, thread  # of the C library's names for one function each reader takes another
        assert [(pc, inlined) for pc, _, inlined in mine[:len(other)]] == [(pc, inlined) for pc, _, inlined in other], thread
        assert ours(cores[1][thread])[:most.get(thread)] == mine
        assert ours(cores[0][thread]) == ours(live[thread]) and cores[0][thread]["end"] == live[thread]["end"]
        assert thread in most or live[thread]["end"] == "outermost"
    for name, function in (("segv", "write_nowhere"), ("abort", "abort"), ("raise", "crash_raise"), ("overflow", "recurse"),
                           ("nested", "crash_nested"), ("within", "crash_within"), ("plain", "crash_plain")):
        frames = live[names[name]]["frames"]
        assert sum(bool(frame.get("signal")) for frame in frames) == (2 if name == "nested" else 1), name
        signal_at = max(at for at, frame in enumerate(frames) if frame.get("signal"))
        assert function in [frame.get("function") for frame in frames[signal_at:]], name
    assert [frame.get("function") for frame in live[process.pid]["frames"]].count("recurse") > 150


def test_over_http(service, target, procscope):
    process = target("known", "3")
    answer = service.get(f"/api/processes/{process.pid}/stacks")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("application/json")
    document = answer.json()
    assert document["thread_count"] == len(document["threads"]) == len(tasks(process.pid))
    text = service.get(f"/api/processes/{process.pid}/stacks", {"Accept": "text/plain"})
    assert text.headers["Content-Type"].startswith("text/plain") and text.headers["Vary"] == "Accept"
    assert text.body.decode().startswith(f"process {process.pid} known: ")
    grouped = service.json(f"/api/processes/{process.pid}/stacks?group=true")
    assert sum(group["count"] for group in grouped["groups"]) == document["thread_count"]
    assert grouped["groups"][0]["count"] == 3
    assert any(frame.get("function") == "known_inner" for frame in grouped["groups"][0]["frames"])
    detail = service.json(f"/api/processes/{process.pid}/threads/{process.pid}")
    one = service.get(detail["stack"].removeprefix(service.url)).json()
    assert one["id"] == process.pid and [frame.get("function") for frame in one["frames"]].count("main") == 1
    for path, status in ((f"{process.pid}/threads/1/stack", 404), ("99999999/stacks", 404),
                         (f"{process.pid}/stacks?format=xml", 400), (f"{process.pid}/stacks?group=perhaps", 400)):
        assert service.get(f"/api/processes/{path}").status == status, path


def test_on_the_command_line(procscope, target, tmp_path):
    process = target("known", "3")
    pipe = tmp_path / "pipe"  # nobody ever writes to it
    os.mkfifo(pipe)
    said = run(procscope, "stack", process.pid, "--group").stdout.decode()
    assert re.search(r"^3 threads: \d+ \"known-0\"", said, re.M) and "known_outer+0x" in said
    assert run(procscope, "stack", process.pid, process.pid).stdout.decode().count("thread ") == 1
    for arguments, code in (((), 2), (("99999999",), 3), ((process.pid, "1"), 3), (("--core", "/etc/passwd"), 2),
                            (("--core", "/nowhere"), 3), (("--core", "/etc/passwd", "1", "2"), 2), (("--core", pipe), 2)):
        done = run(procscope, "stack", *arguments, check=False)
        assert done.returncode == code and done.stderr.startswith(b"procscope: "), (arguments, done)


def test_the_process_feels_nothing(procscope, target):
    """200 times: its own record is clean."""
    process = target("witness")
    for _ in range(200):
        run(procscope, "stack", process.pid, "--no-lines")
    process.send_signal(signal.SIGTERM)
    told = json.loads(process.communicate(timeout=60)[0])
    assert told["checksum_errors"] == told["signals_out_of_order"] == told["children_noticed"] == 0
    assert told["signals_sent"] == told["signals_handled"] > 0
    assert sum(told["interrupted"].values()) == 0, told
    assert (TARGETS / "witness").exists()


@needs("node")
def test_code_of_a_runtime_has_the_names_that_it_writes_down(procscope, sleeper, tmp_path):
    source = tmp_path / "spin.js"
    source.write_text("function burnHere(n) { let s = 0; for (let i = 0; i < n; i++) s += i % 7; return s; }\n"
                      "console.log('ready'); for (;;) burnHere(1e7);\n")
    process = sleeper("node", "--perf-basic-prof", source, stdout=subprocess.PIPE, cwd=tmp_path)  # it writes a log there
    try:
        names = []
        for _ in range(50):
            names = [frame.get("function", "") for frame in stacks(procscope, process.pid, "--no-lines")[process.pid]["frames"]]
            if any("burnHere" in name for name in names):
                break
        assert any("burnHere" in name for name in names), names
        assert any(name == "main" or "Start" in name for name in names), names
    finally:
        process.kill()
        process.wait()
        pathlib.Path(f"/tmp/perf-{process.pid}.map").unlink(missing_ok=True)
