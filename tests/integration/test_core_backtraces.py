"""The frames of every thread, from our core and from the live, stopped process: gdb finds the same addresses and functions.

For programs in C, C++, Rust, Go, Java, C#, JavaScript and Python (tests/targets/languages), whose threads wait in places
that are known by name. Where a language has readers of its own that take a core, they are asked, too: jhsdb of the JDK
is held against jstack. lldb 19 is held against gdb for what is compiled.
"""
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import MODES, ROOT, TARGETS
from test_core_readers import stopped
from test_dump_readers import lldb_sees, needs, needs_lldb, run, settled, tasks

SOURCES = ROOT / "tests" / "targets" / "languages"
DOTNET = pathlib.Path(shutil.which("dotnet") or "/").resolve().parent

pytestmark = needs("gdb")


def newest(pattern):
    found = sorted(glob.glob(str(DOTNET / pattern)), key=lambda path: [int(n) for n in re.findall(r"\d+", path)])
    return pathlib.Path(found[-1]) if found else None


class Missing(Exception):
    """The runtime or compiler that it takes is not there."""


def want(program):
    if not shutil.which(program):
        raise Missing(program)
    return program


def of_c(folder):
    return [TARGETS / "known", "3"]


def of_cpp(folder):
    run(want("g++"), "-std=c++17", "-O1", "-g", "-pthread", SOURCES / "waits.cc", "-o", folder / "waits")
    return [folder / "waits"]


def of_rust(folder):
    run(want("rustc"), "-g", "-C", "opt-level=1", "-C", "force-frame-pointers=yes", SOURCES / "waits.rs", "-o",
        folder / "waits")
    return [folder / "waits"]


def of_go(folder):
    run(want("go"), "build", "-o", folder / "waits", SOURCES / "waits.go",
        env={**os.environ, "GOCACHE": str(folder / "cache"), "GO111MODULE": "off"})
    return [folder / "waits"]


def of_java(folder):
    run(want("javac"), "-d", folder, SOURCES / "Waits.java")
    return [want("java"), "-Xmx128m", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", folder, "Waits"]


def of_dotnet(folder):
    """With the compiler itself: a project would have packages restored from a registry."""
    want("dotnet")
    compiler, runtime = newest("sdk/*/Roslyn/bincore/csc.dll"), newest("shared/Microsoft.NETCore.App/*/System.Runtime.dll")
    if not compiler or not runtime:
        raise Missing("the .NET SDK")
    assemblies = [path for path in glob.glob(str(runtime.parent / "*.dll"))
                  if re.search(r"/System\.(Private\.CoreLib|Runtime|Console|Threading|Threading\.Thread)\.dll$", path)]
    run("dotnet", compiler, "-nologo", f"-out:{folder}/waits.dll", *(f"-r:{path}" for path in assemblies),
        SOURCES / "waits.cs")
    (folder / "waits.runtimeconfig.json").write_text(json.dumps({"runtimeOptions": {
        "framework": {"name": "Microsoft.NETCore.App", "version": runtime.parent.name}}}))
    return ["dotnet", folder / "waits.dll"]


def of_node(folder):
    return [want("node"), SOURCES / "waits.js"]


def of_python(folder):
    return [want("/usr/bin/python3"), SOURCES / "waits.py"]


# language -> how to get a command; names of functions or of threads that there must be, and how many have them
LANGUAGES = {
    "c": (of_c, {"wait_in_here": 4, "known_inner": 3, "known_outer": 3}),
    "c++": (of_cpp, {"known::on_condition::wait_in_here": 3, "known::in_pause::wait_in_here": 1,
                     "known::enter<known::on_condition>": 3}),
    "rust": (of_rust, {"waits::known_lock": 1, "waits::known_channel": 1, "waits::known_sleep": 1}),
    "go": (of_go, {"main.knownRead": 3, "main.knownOuter": 3}),
    "java": (of_java, {"waits-monitor": 1, "waits-park": 1, "waits-sleep": 1}),
    "dotnet": (of_dotnet, {"waits-monitor": 1, "waits-event": 1, "waits-sleep": 1}),
    "node": (of_node, {}),
    "python": (of_python, {}),
}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build(language) makes its program, once, and returns its command and what is known of it."""
    made = {}

    def make(language):
        if language not in made:
            recipe, names = LANGUAGES[language]
            try:
                made[language] = [str(part) for part in recipe(tmp_path_factory.mktemp(language))], names
            except Missing as missing:
                made[language] = missing
        if isinstance(made[language], Missing):
            pytest.skip(f"no {made[language]}")
        return made[language]

    return make


@pytest.fixture
def start(build, sleeper):
    def begin(language):
        command, names = build(language)
        process = sleeper(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if language in ("c", "c++", "rust", "python"):
            settled(process.pid)  # the others have threads of their own that come and go
        return process, names

    return begin


def gdb_frames(answer, *arguments):
    """Thread id -> [[pc, function, whether that was inlined], ...]."""
    done = run("gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set auto-load off", *arguments,
               "-x", ROOT / "tests" / "integration" / "gdb_frames.py", timeout=300, env={**os.environ, "ANSWER": str(answer)})
    assert answer.exists(), done.stderr.decode(errors="replace")
    return {int(thread): frames for thread, frames in json.loads(answer.read_text()).items()}


def name_of(pid, thread):
    return pathlib.Path(f"/proc/{pid}/task/{thread}/comm").read_text(errors="replace").rstrip("\n")


def threads_by_name(pid, frames, names):
    """Name -> the threads that have it, or a function of that name in their calls."""
    return {name: {thread for thread, calls in frames.items()
                   if name_of(pid, thread) == name or any((call or "").split("(")[0] == name for _, call, _ in calls)}
            for name in names}


def take(procscope, pid, path, mode):
    run(procscope, "dump", pid, "--format", "core", "--type", 2, "--quiet", "--output", path, *MODES[mode])
    return path


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_stopped_process(procscope, start, tmp_path, language):
    """Nothing moves: every thread is to be the same."""
    process, names = start(language)
    stopped(process.pid)
    path = take(procscope, process.pid, tmp_path / "core", "stop")
    live = gdb_frames(tmp_path / "live.json", "-p", process.pid)

    assert set(live) == tasks(process.pid) and all(live.values())
    assert max(len(frames) for frames in live.values()) > 3
    for name, threads in threads_by_name(process.pid, live, names).items():
        assert len(threads) == names[name], (name, live)
    assert gdb_frames(tmp_path / "core.json", f"/proc/{process.pid}/exe", path) == live


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_running_process(procscope, start, tmp_path, language, mode):
    """Threads that are blocked are where they were when the process is stopped afterwards; a runtime's own may move."""
    process, names = start(language)
    path = take(procscope, process.pid, tmp_path / "core", mode)
    stopped(process.pid)
    live = gdb_frames(tmp_path / "live.json", "-p", process.pid)
    dumped = gdb_frames(tmp_path / "core.json", f"/proc/{process.pid}/exe", path)

    assert set(dumped) == set(live)
    for name, threads in threads_by_name(process.pid, live, names).items():
        assert len(threads) == names[name]
        for thread in threads:
            assert dumped[thread] == live[thread], (name, thread)
    same = sum(dumped[thread] == live[thread] for thread in live)
    assert same == len(live) if language in ("c", "c++", "rust", "python") else same > len(live) / 2, (dumped, live)


@needs_lldb
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("language", ["c", "c++", "rust"])
def test_lldb_agrees_with_gdb(procscope, start, tmp_path, language, mode):
    def own(frames):
        """In the program itself. Without the callers of inlined functions: gdb says the same address again, lldb one close
        by, and of libc, whose symbols each has from elsewhere, each knows others."""
        return [pc for at, (pc, _) in enumerate(frames)
                if not (at and frames[at - 1][1]) and any(start <= pc < end for start, end in code)]

    process, _ = start(language)
    settled(process.pid)
    program = os.readlink(f"/proc/{process.pid}/exe")
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
        code = [[int(part, 16) for part in line.split()[0].split("-")] for line in maps if line.rstrip().endswith(program)]
    path = take(procscope, process.pid, tmp_path / "core", mode)
    by_gdb = gdb_frames(tmp_path / "core.json", f"/proc/{process.pid}/exe", path)
    by_lldb = {thread: [(frame["pc"], frame["inlined"]) for frame in seen["frames"]]
               for thread, seen in lldb_sees(path)["threads"].items()}

    assert set(by_lldb) == set(by_gdb)
    lengths = []
    for thread, frames in by_gdb.items():
        ours, theirs = own([(pc, inlined) for pc, _, inlined in frames]), own(by_lldb[thread])
        lengths.append(len(ours))
        assert ours == theirs[:len(ours)] and len(theirs) - len(ours) <= 1, thread  # gdb ends at main(), lldb at _start()
    assert sorted(lengths)[-3] >= 3, lengths


@needs("eu-stack")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("language", ["c", "c++"])
def test_elfutils_agrees_with_itself(procscope, start, tmp_path, language, mode):
    """eu-stack of the core, and of the process stopped afterwards."""
    def calls(*arguments):
        found, frames = {}, None
        for line in run("eu-stack", *arguments, check=False).stdout.decode().splitlines():
            if line.startswith("TID "):
                frames = found.setdefault(int(line[4:].rstrip(":")), [])
            elif line.startswith("#"):
                frames.append(line)
        return found

    process, _ = start(language)
    settled(process.pid)
    path = take(procscope, process.pid, tmp_path / "core", mode)
    live = calls("-p", process.pid)
    assert set(live) == tasks(process.pid) and all(len(frames) >= 3 for frames in live.values())
    assert calls("--core", path) == live


@needs("jhsdb")
@needs("jstack")
@pytest.mark.parametrize("mode", MODES)
def test_the_jdk_shows_java_frames(procscope, start, tmp_path, mode):
    """The JDK's own reader of cores finds the calls that the JVM tells of itself."""
    def java_calls(text, thread_line):
        found, calls = {}, None
        for line in text.splitlines():
            if match := re.match(thread_line, line):
                calls = found.setdefault(match[1], [])
            elif calls is not None and (match := re.match(r"\s*(?:at (?:[\w.]+@?[\w.]*/)?|- )([\w.$/+]+)\(", line)):
                # what the JVM made of a lambda is called differently by each
                if "Lambda$" not in match[1]:
                    calls.append(match[1])
        return {name: calls for name, calls in found.items() if name.startswith("waits-") or name == "main"}

    process, _ = start("java")
    path = take(procscope, process.pid, tmp_path / "core", mode)
    told = java_calls(run("jstack", process.pid).stdout.decode(), r'"([^"]+)" #\d+')
    program = os.readlink(f"/proc/{process.pid}/exe")
    text = run("jhsdb", "jstack", "--core", path, "--exe", program, timeout=300).stdout.decode()
    seen = java_calls(text, r'"([^"]+)" #\d+')
    assert set(told) == {"main", "waits-monitor", "waits-park", "waits-sleep"}
    assert told["waits-sleep"].count("Waits.knownSleep") == 6
    assert seen == told, text
