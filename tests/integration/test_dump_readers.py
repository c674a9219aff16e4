"""Other people's readers open our dumps: lldb 19, Breakpad's minidump_stackwalk and minidump_dump.

What a reader shows is held against what the target says of itself: threads, registers, calls, words of memory.
"""
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT, TARGETS, is_busy, wait_until

DUMP_PID = BUILD / "tests" / "dump" / "dump_pid"
BREAKPAD = ROOT / "tests" / "node_modules" / "minidump" / "bin" / "linux-x64"
LLDB = shutil.which("lldb-19")
# of the file; what the stack walker says at the end of a stack ("invalid rip/rsp") is no complaint about it
COMPLAINTS = re.compile(r"minidump\w*\.cc:\d+: ERROR.*")
GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1

needs_lldb = pytest.mark.skipif(not LLDB, reason="no lldb-19")
needs_breakpad = pytest.mark.skipif(not (BREAKPAD / "minidump_stackwalk").exists(),
                                    reason="no Breakpad readers: npm ci --prefix tests")


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"no {program}")


def run(*command, timeout=600, check=True, **options):
    """Where it is to be good, a machine that is too busy for it is asked again."""
    for _ in range(20 if check else 1):
        done = subprocess.run([str(part) for part in command], capture_output=True, timeout=timeout, **options)
        if done.returncode == 0 or not is_busy(done.stderr):
            break
    assert not check or done.returncode == 0, (command, done.returncode, done.stderr.decode(errors="replace")[-4000:])
    return done


@pytest.fixture
def dump(tmp_path):
    """dump(pid, type) writes a dump with the program's own layers and returns its path and what was said."""

    def write(pid, kind=0):
        path = tmp_path / f"{pid}-{kind:x}.dmp"
        said = run(DUMP_PID, pid, f"{kind:x}", path).stdout.decode().split()
        facts = dict(zip(said[::2], said[1::2]))
        assert path.stat().st_size == int(facts["size"])
        return path, facts

    return write


def lldb_sees(path, *requests, ids_only=False):
    answer = path.with_suffix(".json")
    script = ROOT / "tests" / "integration" / "lldb_reader.py"
    done = run(LLDB, "--batch", "--no-lldbinit", "-o", f"command script import {script}",
               env={**os.environ, "DUMP": str(path), "ANSWER": str(answer), "IDS_ONLY": "1" if ids_only else "",
                    "REQUESTS": " ".join(f"{address}:{count}" for address, count in requests)})
    assert answer.exists(), done.stderr.decode(errors="replace")
    seen = json.loads(answer.read_text())
    seen["threads"] = {thread["id"]: thread for thread in seen["threads"]}
    seen["memory"] = {request: seen["memory"]["%d:%d" % request] for request in requests}
    return seen


def tasks(pid):
    return {int(name) for name in os.listdir(f"/proc/{pid}/task")}


def settled(pid):
    """Waits until all threads sleep: lldb 19 can't unwind through fflush, in a live process neither."""

    def all_sleep():
        states = []
        for thread in tasks(pid):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace") as stat:
                states.append(stat.read().rpartition(")")[2].split()[0])
        return set(states) <= {"S", "Z"}

    wait_until(all_sleep, "all threads asleep")


def functions(thread):
    return [frame["function"] or "" for frame in thread["frames"]]


def stackwalk(path, *symbols):
    """(thread index -> lines of frames, all output) of Breakpad's minidump_stackwalk."""
    done = run(BREAKPAD / "minidump_stackwalk", "-m", path, *symbols)
    complaints = COMPLAINTS.findall(done.stderr.decode(errors="replace"))
    assert not complaints, complaints
    frames = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        if match := re.match(r"(\d+)\|(\d+)\|(.*)", line):
            frames.setdefault(int(match[1]), []).append(match[3])
    return frames, done.stdout.decode(errors="replace")


def minidump_dump(path):
    done = run(BREAKPAD / "minidump_dump", path)
    complaints = COMPLAINTS.findall(done.stderr.decode(errors="replace"))
    assert not complaints, complaints
    return done.stdout.decode(errors="replace")


@pytest.fixture
def known(target):
    def start(*arguments):
        process = target("known", *arguments)
        settled(process.pid)
        return json.loads(process.first_line)

    return start


@needs_lldb
@pytest.mark.parametrize("kind", [0, 2, 0x8, 0x200, 0x1806])
def test_lldb_shows_threads_calls_and_words(known, dump, kind):
    facts = known("3")
    heap = (facts["heap"], 1000)
    heap_end = (facts["heap"] + (facts["heap_words"] - 10) * 8, 10)
    reserved = [(address, 1) for address in facts["reserved"]]
    data, bss = (facts["data"], 1), (facts["bss"], 1)
    stacks = [(thread["word"], 1) for thread in facts["threads"]]
    path, _ = dump(facts["pid"], kind)
    seen = lldb_sees(path, heap, heap_end, data, bss, *reserved, *stacks)

    assert seen["pid"] == facts["pid"]
    assert set(seen["threads"]) == tasks(facts["pid"])
    assert seen["selected"] == facts["pid"]
    for thread in facts["threads"]:
        names = functions(seen["threads"][thread["id"]])
        calls = [name for name in names if name in ("wait_in_here", "known_inner", "known_outer", "run")]
        assert calls == ["wait_in_here", "known_inner", "known_outer", "run"], names
        assert any("start_thread" in name or "clone" in name for name in names), names
    assert "main" in functions(seen["threads"][facts["pid"]])
    if kind != 0x8:  # filtered stacks hold pointers only
        assert [seen["memory"][stack] for stack in stacks] == [[0x57AC000000000000 + i] for i in range(3)]
    if kind & 0x202:
        assert seen["memory"][heap] == [i * GOLDEN & MASK for i in range(1000)]
        assert seen["memory"][heap_end] == [i * GOLDEN & MASK for i in range(99990, 100000)]
        assert seen["memory"][data] == [0x1122334455667788]
        assert seen["memory"][bss] == [0x99AABBCCDDEEFF00]
        assert [seen["memory"][one] for one in reserved] == [[0xFEED000000000001], [0xFEED000000000002]]
        assert path.stat().st_size < 64 << 20  # of the 64 GiB reserved two pages were touched
    else:
        assert seen["memory"][heap] is None


@needs_lldb
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the target sets x86-64 registers")
def test_lldb_shows_registers(known, dump):
    facts = known()
    path, _ = dump(facts["pid"])
    registers = lldb_sees(path)["threads"][facts["holder"]]["registers"]

    assert registers["rbx"] == 0xB0B0000000000001
    assert [registers[f"r{n}"] for n in (12, 13, 14, 15)] == [0xB0B0000000000000 + n for n in (2, 3, 4, 5)]


@needs_lldb
def test_lldb_finds_modules_by_build_id(known, dump):
    facts = known()
    path, _ = dump(facts["pid"])
    seen = lldb_sees(path)
    notes = run("readelf", "-n", TARGETS / "known").stdout.decode()
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    program = next(module for module in seen["modules"] if module["path"].endswith("/known"))

    assert program["uuid"].replace("-", "").lower() == build_id
    with open(f"/proc/{facts['pid']}/maps", encoding="utf-8") as maps:
        bases = {}
        for line in maps:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/"):
                bases.setdefault(fields[5].strip(), int(fields[0].split("-")[0], 16))
    mapped = {os.path.realpath(module["path"]): module["base"] for module in seen["modules"]
              if module["path"].startswith("/")}
    for name in ("/known", "/libc.so.6"):
        path = next(path for path in bases if path.endswith(name))
        assert mapped[os.path.realpath(path)] == bases[path]


@needs_breakpad
def test_breakpad_reads_every_bit(known, dump):
    facts = known()
    for kind in [0, 2, 0x1FFFFFF, *(1 << bit for bit in range(25))]:
        path, said = dump(facts["pid"], kind)
        text = minidump_dump(path)
        assert re.search(rf"process_id\s+= (0x{facts['pid']:x}|{facts['pid']})\b", text), text[:3000]
        assert int(said["ignored"], 16) == kind & 0x600000
        frames, _ = stackwalk(path)
        assert len(frames) == len(facts["threads"]) + 2
        path.unlink()


@needs_breakpad
def test_breakpad_names_functions(known, dump, tmp_path):
    facts = known()
    with open(f"/proc/{facts['pid']}/maps", encoding="utf-8") as maps:
        libc = re.search(r"/\S*/libc\.so\.6", maps.read())[0]
    for program in (TARGETS / "known", libc):
        symbols = run(BREAKPAD / "dump_syms", program).stdout
        _, _, _, identifier, name = symbols.split(b"\n", 1)[0].decode().split(" ")
        folder = tmp_path / "symbols" / name / identifier
        folder.mkdir(parents=True)
        (folder / f"{name}.sym").write_bytes(symbols)
    path, _ = dump(facts["pid"])
    frames, _ = stackwalk(path, tmp_path / "symbols")
    calls = [[frame.split("|")[1].split("(")[0] for frame in thread] for thread in frames.values()]

    assert "main" in calls[0]  # the first thread of the file is the process's first
    waiting = [thread for thread in calls if "known_inner" in thread]
    assert len(waiting) == 2, calls
    for thread in waiting:
        start = thread.index("wait_in_here")
        assert thread[start:start + 4] == ["wait_in_here", "known_inner", "known_outer", "run"]


@needs_breakpad
@needs_lldb
def test_both_read_many_threads(known, dump):
    facts = known("500")
    path, _ = dump(facts["pid"])
    frames, _ = stackwalk(path)
    minidump_dump(path)
    assert len(frames) == 502
    seen = lldb_sees(path, *((thread["word"], 1) for thread in facts["threads"]))
    assert set(seen["threads"]) == tasks(facts["pid"])
    for i, thread in enumerate(facts["threads"]):
        assert "known_outer" in functions(seen["threads"][thread["id"]])
        assert seen["memory"][thread["word"], 1] == [0x57AC000000000000 + i]


def check_live(process, path, seen, marker=None):
    """What must be true of any language's process."""
    assert seen["pid"] == process.pid
    assert set(seen["threads"]) == tasks(process.pid)
    for thread in seen["threads"].values():
        assert thread["frames"] and thread["frames"][0]["pc"] != 0, thread
    if marker:
        assert marker.encode() in path.read_bytes() or marker.encode("utf-16-le") in path.read_bytes()


def breakpad_agrees(process, path):
    if (BREAKPAD / "minidump_stackwalk").exists():
        frames, _ = stackwalk(path)
        minidump_dump(path)
        assert len(frames) == len(tasks(process.pid))


@needs_lldb
@needs("g++")
def test_cpp(sleeper, dump, tmp_path):
    source = tmp_path / "threads.cc"
    source.write_text("""
        #include <chrono>
        #include <cstdint>
        #include <cstdio>
        #include <thread>
        #include <vector>
        namespace shop {
        struct Clerk {
            std::vector<std::uint64_t> orders = std::vector<std::uint64_t>(5000);
            __attribute__((noinline)) void serve() {
                for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
            }
        };
        }
        int main() {
            shop::Clerk clerk;
            for (std::uint64_t i = 0; i < clerk.orders.size(); i++) clerk.orders[i] = i * i;
            std::thread one([&] { clerk.serve(); }), two([&] { clerk.serve(); });
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            std::printf("%llu\\n", (unsigned long long)clerk.orders.data());
            std::fflush(stdout);
            one.join();
        }""")
    run("g++", "-g", "-O0", "-pthread", source, "-o", tmp_path / "threads")
    process = sleeper(str(tmp_path / "threads"), stdout=subprocess.PIPE)
    orders = (int(process.first_line), 5000)
    path, _ = dump(process.pid, 2)
    seen = lldb_sees(path, orders)

    check_live(process, path, seen)
    assert seen["memory"][orders] == [i * i for i in range(5000)]
    serving = [thread for thread in seen["threads"].values() if "shop::Clerk::serve()" in functions(thread)]
    assert len(serving) == 2
    breakpad_agrees(process, path)


@needs_lldb
def test_python(sleeper, dump):
    process = sleeper("/usr/bin/python3", "-c", """if 1:
        import array, threading, time
        words = array.array("Q", [i * 7 for i in range(3000)])
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
        print(words.buffer_info()[0], flush=True)
        time.sleep(3600)""", stdout=subprocess.PIPE)
    words = (int(process.first_line), 3000)
    path, _ = dump(process.pid, 2)
    seen = lldb_sees(path, words)

    check_live(process, path, seen)
    assert len(seen["threads"]) == 2
    assert seen["memory"][words] == [i * 7 for i in range(3000)]
    assert any("nanosleep" in name for name in functions(seen["threads"][process.pid])[:3])
    breakpad_agrees(process, path)


@needs_lldb
@needs("node")
def test_node(sleeper, dump):
    process = sleeper("node", "-e", """
        const mark = 'made-by-' + 'procscope-' + (40 + 2);
        globalThis.kept = Buffer.from(mark + '-in-node');
        setInterval(() => globalThis.kept, 3600e3);
        console.log('ready');""", stdout=subprocess.PIPE)
    path, _ = dump(process.pid, 2)
    seen = lldb_sees(path)
    check_live(process, path, seen, "made-by-procscope-42-in-node")
    assert any("uv_run" in name or "epoll" in name for name in functions(seen["threads"][process.pid]))
    breakpad_agrees(process, path)


@needs_lldb
@needs("java")
def test_java(sleeper, dump, tmp_path):
    source = tmp_path / "Waits.java"
    source.write_text("""
        public class Waits {
            static volatile byte[] kept;
            public static void main(String[] arguments) throws Exception {
                kept = ("made-by-" + "procscope-" + (40 + arguments.length) + "-in-java").getBytes("US-ASCII");
                Thread worker = new Thread(() -> {
                    try { Thread.sleep(3600_000); } catch (InterruptedException e) { }
                }, "worker");
                worker.setDaemon(true);
                worker.start();
                System.out.println("ready");
                Thread.sleep(3600_000);
            }
        }""")
    try:
        process = sleeper("java", "-Xmx128m", str(source), "x", "y", stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    except AssertionError as failure:
        pytest.skip(f"java does not run a source file: {failure}")  # a JRE without the compiler
    for kind in (0, 2):
        path, _ = dump(process.pid, kind)
        seen = lldb_sees(path)
        check_live(process, path, seen, "made-by-procscope-42-in-java" if kind else None)
        assert len(seen["threads"]) > 8
        breakpad_agrees(process, path)


@needs_lldb
@needs("go")
def test_go(sleeper, dump, tmp_path):
    source = tmp_path / "waits.go"
    source.write_text("""
        package main
        import ("fmt"; "runtime"; "time"; "unsafe")
        var kept []uint64
        //go:noinline
        func spin(done *bool) { for !*done { } }
        func main() {
            kept = make([]uint64, 4000)
            for i := range kept { kept[i] = uint64(i) * 11 }
            done := false
            runtime.GOMAXPROCS(3)
            go spin(&done)
            time.Sleep(100 * time.Millisecond)
            fmt.Println(uintptr(unsafe.Pointer(&kept[0])))
            time.Sleep(time.Hour)
        }""")
    run("go", "build", "-o", tmp_path / "waits", source, env={**os.environ, "GOCACHE": str(tmp_path / "cache"),
                                                              "GOFLAGS": "-mod=mod", "GO111MODULE": "off"})
    process = sleeper(str(tmp_path / "waits"), stdout=subprocess.PIPE)
    words = (int(process.first_line), 4000)
    path, _ = dump(process.pid, 2)
    seen = lldb_sees(path, words)

    check_live(process, path, seen)
    assert seen["memory"][words] == [i * 11 for i in range(4000)]
    assert any("main.spin" in functions(thread) for thread in seen["threads"].values())
    breakpad_agrees(process, path)


@needs_lldb
@needs("rustc")
def test_rust(sleeper, dump, tmp_path):
    source = tmp_path / "waits.rs"
    source.write_text("""
        use std::{thread, time::Duration};
        #[inline(never)]
        fn linger() { loop { thread::sleep(Duration::from_secs(3600)); } }
        fn main() {
            let kept: Vec<u64> = (0..4000).map(|i| i * 13).collect();
            thread::Builder::new().name("lingers".into()).spawn(linger).unwrap();
            thread::sleep(Duration::from_millis(100));
            println!("{}", kept.as_ptr() as usize);
            linger();
            drop(kept);
        }""")
    built = run("rustc", "-g", "-o", tmp_path / "waits", source, check=False)
    if built.returncode != 0:
        pytest.skip("rustc does not build here")
    process = sleeper(str(tmp_path / "waits"), stdout=subprocess.PIPE)
    words = (int(process.first_line), 4000)
    path, _ = dump(process.pid, 2)
    seen = lldb_sees(path, words)

    check_live(process, path, seen)
    assert seen["memory"][words] == [i * 13 for i in range(4000)]
    assert sum("waits::linger" in " ".join(functions(thread)) for thread in seen["threads"].values()) == 2
    breakpad_agrees(process, path)


@needs_lldb
def test_leader_that_has_ended(target, dump):
    process = target("shapes", "zombie-leader")
    settled(process.pid)
    path, _ = dump(process.pid, 2)
    seen = lldb_sees(path)

    assert seen["pid"] == process.pid
    assert set(seen["threads"]) == tasks(process.pid) - {process.pid}
    assert any("shapes" in module["path"] for module in seen["modules"])
    for thread in seen["threads"].values():
        assert any("start_thread" in name or "clone" in name for name in functions(thread)), thread
    breakpad = tasks(process.pid) - {process.pid}
    if (BREAKPAD / "minidump_stackwalk").exists():
        assert len(stackwalk(path)[0]) == len(breakpad)


def test_many_mappings_threads_and_churn(target, dump):
    process = target("shapes", "maps", "60000")
    for kind in (0, 2):
        path, _ = dump(process.pid, kind)
        if (BREAKPAD / "minidump_stackwalk").exists():
            minidump_dump(path)
    process = target("shapes", "threads", "10000")
    path, facts = dump(process.pid)
    assert int(facts["threads"]) == 10001
    if LLDB:
        assert len(lldb_sees(path)["threads"]) == 10001
    process = target("shapes", "churn")
    for _ in range(20):
        for kind in (0, 2):
            path, facts = dump(process.pid, kind)
            assert int(facts["threads"]) >= 1
    if LLDB:
        assert process.pid in lldb_sees(path)["threads"]


def test_memory_of_ours_does_not_grow_with_the_target(sleeper, dump):
    process = sleeper("/usr/bin/python3", "-c", """if 1:
        import time
        kept = bytearray(b"x" * 4096) * (512 * 256)
        print("ready", flush=True)
        time.sleep(3600)""", stdout=subprocess.PIPE)
    path, facts = dump(process.pid, 2)
    assert path.stat().st_size > 512 << 20
    assert int(facts["peak_kb"]) < 16 * 1024
    path.unlink()
