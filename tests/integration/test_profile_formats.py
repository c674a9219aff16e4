"""Other people's readers open our profiles: go tool pprof and npm's pprof-format, speedscope with its schema and in
Chromium, Microsoft's TraceEvent, an XML parser and a DOM.

The profile is made up (tests/profile/made_up.h): what each reader counts is compared exactly.
"""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.parse
import xml.etree.ElementTree as ElementTree

import jsonschema
import pytest

from conftest import BUILD, ROOT, wait_until
from dotnet import build_reader

WRITE_PROFILE = BUILD / "tests" / "profile" / "write_profile"
HERE = pathlib.Path(__file__).resolve().parent
NODE_MODULES = ROOT / "tests" / "node_modules"
SPEEDSCOPE = NODE_MODULES / "speedscope" / "dist" / "release"
SVG = "{http://www.w3.org/2000/svg}"

PERIOD = 10_000_000  # ns
MORE = 768 * 1024  # samples that a full profile has more
HOSTILE = "</text><script>alert(1)</script>;\"'&\n\x01\ufffd\u00e4]]>"
HOSTILE_MODULE = "<&\";\n\ufffd.so"
NAME, TID, WORKER = "pro<gram>;\ufffd", 4201, 4202
# (tid, outermost ... innermost) -> samples
STACKS = {
    (TID, "main", "spin", "hot"): 420,
    (TID, "main", *["recurse"] * 5): 200,
    (TID, "main", "read", "do_syscall_64"): 80,
    (WORKER, "start_thread", HOSTILE, "hot"): 240,
    (WORKER, "start_thread", HOSTILE_MODULE + "+0xabc"): 50,
    (WORKER, "start_thread", "run"): 10,
}
MODULES = {"main": "program", "spin": "program", "hot": "program", "recurse": "program", "read": "libc.so.6",
           "start_thread": "libc.so.6", "do_syscall_64": "[kernel]", HOSTILE: HOSTILE_MODULE,
           HOSTILE_MODULE + "+0xabc": HOSTILE_MODULE, "run": ""}


def has_package(name):
    return shutil.which("node") and (NODE_MODULES / name).exists()


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"no {program}")


def needs_package(name):
    return pytest.mark.skipif(not has_package(name), reason=f"no npm package {name}: npm ci --prefix tests")


def run(*command, timeout=300, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=timeout, **options)
    assert done.returncode == 0, (command, done.returncode, done.stderr.decode(errors="replace")[-4000:])
    return done.stdout.decode()


def full(stacks):
    grown = dict(stacks)
    grown[(TID, "main", "spin", "hot")] += MORE // 2
    grown[(WORKER, "start_thread", HOSTILE, "hot")] += MORE // 2
    return grown


EXPECTED = {"small": STACKS, "full": full(STACKS)}


@pytest.fixture
def profile(tmp_path):
    def write(form, size="small"):
        path = tmp_path / f"profile.{form}"
        run(WRITE_PROFILE, form, path, *(["full"] if size == "full" else []))
        return path

    return write


def inclusive(stacks, name):
    """Samples with that function anywhere on the stack."""
    return sum(count for stack, count in stacks.items() if name in stack[1:])


# --- folded ---


@pytest.mark.parametrize("size", EXPECTED)
def test_folded_lines(profile, size):
    def folded_name(name):
        name = re.sub(r"[\x00-\x1f]", " ", name).replace(";", ":")
        return name + "_[k]" if name == "do_syscall_64" else name

    seen = {}
    for line in profile("folded", size).read_text(encoding="utf-8").removesuffix("\n").split("\n"):
        stack, count = line.rsplit(" ", 1)
        assert stack not in seen
        seen[stack] = int(count)
    wanted = {";".join(folded_name(name) for name in (NAME, *stack[1:])): count for stack, count in EXPECTED[size].items()}
    assert seen == wanted


# --- pprof ---


@needs_package("pprof-format")
@pytest.mark.parametrize("size", EXPECTED)
def test_pprof_in_pprof_format(profile, size):
    read = json.loads(run("node", HERE / "pprof_reader.js", profile("pprof", size), env={**os.environ, "NODE_PATH": str(NODE_MODULES)}))
    assert read["types"] == [["samples", "count"], ["cpu", "nanoseconds"]]
    assert read["period"] == [PERIOD, "cpu", "nanoseconds"]
    assert read["began"] == "1795242600123000000"
    samples = sum(EXPECTED[size].values())
    assert read["duration"] == samples * PERIOD
    assert f"{samples} samples, 7 more were lost" in read["comments"]
    assert read["mappings"][0]["file"] == "/srv/app/program"
    mappings = {mapping["id"]: mapping for mapping in read["mappings"]}
    program = read["mappings"][0]
    assert (program["start"], program["end"], program["build"]) == (0x400000, 0x500000, "00112233445566778899aabbccddeeff01020304")
    assert program["functions"] and program["inlined"]
    seen = {}
    for sample in read["samples"]:
        assert sample["values"][1] == sample["values"][0] * PERIOD
        assert sample["labels"]["thread"] == {TID: "main", WORKER: "work<er>&;"}[sample["labels"]["tid"]]
        names = []
        for location in sample["stack"]:
            for line in location["lines"]:
                names.append(line["function"])
                module = mappings[location["mapping"]]["file"].split("/")[-1] if location["mapping"] else ""
                assert module == MODULES[line["function"]]
        key = (sample["labels"]["tid"], *reversed(names))
        seen[key] = seen.get(key, 0) + sample["values"][0]
    assert seen == EXPECTED[size]
    inlined = [location for sample in read["samples"] for location in sample["stack"] if len(location["lines"]) > 1]
    assert inlined and all(location["address"] == 0x401050 for location in inlined)
    assert inlined[0]["lines"] == [{"function": "spin", "file": "spin.h", "line": 3}, {"function": "main", "file": "main.c", "line": 10}]


@needs("go")
@pytest.mark.parametrize("size", EXPECTED)
def test_pprof_in_go(profile, tmp_path, size):
    path = profile("pprof", size)
    environment = {**os.environ, "HOME": str(tmp_path), "PPROF_TMPDIR": str(tmp_path), "PPROF_BINARY_PATH": str(tmp_path), "TZ": "UTC"}
    pprof = ("go", "tool", "pprof", "-symbolize=none")
    raw = run(*pprof, "-raw", path, env=environment)
    counted = {}
    for count, value, tid in re.findall(r"^ +(\d+) +(\d+): [\d ]+\n +thread:\[.*?\]\n +tid:\[(\d+)\]$", raw, re.M):
        assert int(value) == int(count) * PERIOD
        counted[int(tid)] = counted.get(int(tid), 0) + int(count)
    assert counted == {tid: sum(count for stack, count in EXPECTED[size].items() if stack[0] == tid) for tid in (TID, WORKER)}
    assert "Period: 10000000" in raw and "2026-11-21 06:30:00.123" in raw

    top = run(*pprof, "-top", "-nodefraction=0", "-unit=ms", "-sample_index=cpu", path, env=environment)
    assert "File: program" in top and "Made up." in top
    shown = {name: (int(flat), int(whole)) for flat, whole, name in
             re.findall(r"^ *(\d+)(?:ms)? +[\d.]+% +[\d.]+% +(\d+)(?:ms)? +[\d.]+%  (\w+)(?: \(inline\))?$", top, re.M)}
    for name in ("hot", "recurse", "do_syscall_64", "read", "spin", "main", "start_thread", "run"):
        own = sum(count for stack, count in EXPECTED[size].items() if stack[-1] == name)
        assert shown[name] == (own * 10, inclusive(EXPECTED[size], name) * 10), name


# --- speedscope ---


@pytest.mark.parametrize("size", EXPECTED)
def test_speedscope_file(profile, size):
    read = json.loads(profile("speedscope", size).read_text(encoding="utf-8"))
    if (SPEEDSCOPE / "file-format-schema.json").exists() and size == "small":
        jsonschema.validate(read, json.loads((SPEEDSCOPE / "file-format-schema.json").read_text(encoding="utf-8")))
    frames = read["shared"]["frames"]
    seen = {}
    for thread in read["profiles"]:
        tid = int(re.search(r"\((\d+)\)$", thread["name"]).group(1))
        assert (thread["type"], thread["unit"], thread["startValue"]) == ("sampled", "nanoseconds", 0)
        assert thread["endValue"] == sum(thread["weights"]) and len(thread["samples"]) == len(thread["weights"])
        for stack, weight in zip(thread["samples"], thread["weights"]):
            assert weight % PERIOD == 0
            key = (tid, *(frames[number]["name"] for number in stack))
            seen[key] = seen.get(key, 0) + weight // PERIOD
    assert seen == EXPECTED[size]
    assert [thread["name"] for thread in read["profiles"]] == ["main (4201)", "work<er>&; (4202)"]
    assert {"name": "read", "file": "/lib/libc.so.6"} in frames and {"name": "run", "file": "script.py"} in frames


def shown_by_speedscope(path, folder):
    """Virtual time stands still while the page loads, so that it is long over when the document is printed."""
    data = base64.b64encode(path.read_bytes()).decode()
    script = folder / "local.js"
    script.write_text(f'speedscope.loadFileFromBase64("profile.speedscope.json", "{data}")', encoding="ascii")
    page = f"file://{SPEEDSCOPE}/index.html#localProfilePath={urllib.parse.quote(str(script))}"
    return run("chromium", "--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
               "--allow-file-access-from-files", f"--user-data-dir={folder}/chromium", "--virtual-time-budget=60000", "--dump-dom", page)


needs_speedscope = pytest.mark.skipif(not SPEEDSCOPE.exists(), reason="no npm package speedscope: npm ci --prefix tests")


@needs("chromium")
@needs_speedscope
def test_speedscope_opens_it(profile, tmp_path):
    dom = shown_by_speedscope(profile("speedscope"), tmp_path)
    assert "main (4201)" in dom and "(1/2)" in dom


def of_stacks(text):
    """The stacks of each thread in speedscope's form of stacks: outermost first, with how often each is there."""
    read = json.loads(text)
    if (SPEEDSCOPE / "file-format-schema.json").exists():
        jsonschema.validate(read, json.loads((SPEEDSCOPE / "file-format-schema.json").read_text(encoding="utf-8")))
    names = [frame["name"] for frame in read["shared"]["frames"]]
    assert {thread["unit"] for thread in read["profiles"]} == {"none"}
    return {thread["name"]: [([names[number] for number in stack], weight) for stack, weight in zip(thread["samples"], thread["weights"])]
            for thread in read["profiles"]}


@pytest.fixture
def pool(target):
    """Threads that all wait in the same place, and stand still."""
    process = target("shapes", "threads", "5")
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: all(stat.read_text().rpartition(")")[2].split()[0] == "T"
                           for stat in pathlib.Path(f"/proc/{process.pid}/task").glob("*/stat")), "it stands still")
    return process


def test_stacks_of_threads(procscope, pool):
    told = json.loads(run(procscope, "stack", pool.pid, "--json"))["threads"]
    seen = of_stacks(run(procscope, "stack", pool.pid, "--format", "speedscope"))
    assert len(told) == 6 and set(seen) == {f"{thread['name']} ({thread['id']})" for thread in told}
    for thread in told:
        (stack, weight), = seen[f"{thread['name']} ({thread['id']})"]
        assert weight == 1 and len(stack) == len(thread["frames"])
        for name, frame in zip(reversed(stack), thread["frames"]):
            assert name == frame.get("function", name)
    one = of_stacks(run(procscope, "stack", pool.pid, told[1]["id"], "--format", "speedscope"))
    assert list(one) == [f"{told[1]['name']} ({told[1]['id']})"]


def test_stacks_of_groups(procscope, pool):
    told = json.loads(run(procscope, "stack", pool.pid, "--group", "--json"))["groups"]
    seen = of_stacks(run(procscope, "stack", pool.pid, "--group", "--format", "speedscope"))
    assert list(seen) == [f"all threads ({pool.pid})"]
    assert [weight for _, weight in seen[f"all threads ({pool.pid})"]] == [group["count"] for group in told]


def test_stacks_of_a_core_and_over_http(procscope, service, pool, tmp_path):
    live = of_stacks(run(procscope, "stack", pool.pid, "--format", "speedscope"))
    answer = service.get(f"/api/processes/{pool.pid}/stacks", {"Accept": "application/speedscope+json"})
    assert answer.headers["Content-Type"] == "application/speedscope+json" and of_stacks(answer.body) == live
    run(procscope, "dump", pool.pid, "--format", "core", "-o", tmp_path / "core")
    core = of_stacks(run(procscope, "stack", "--core", tmp_path / "core", "--format", "speedscope"))
    assert sorted(core.values()) == sorted(live.values())  # a core has no names of threads


@needs("chromium")
@needs_speedscope
def test_speedscope_opens_stacks(procscope, pool, tmp_path):
    path = tmp_path / "stacks.speedscope.json"
    path.write_bytes(run(procscope, "stack", pool.pid, "--format", "speedscope").encode())
    dom = shown_by_speedscope(path, tmp_path)
    assert "/6)" in dom and re.search(rf"\w+ \({pool.pid}\)", dom)


# --- svg ---


def test_svg_boxes(profile):
    text = profile("svg").read_bytes()
    root = ElementTree.fromstring(text)
    assert len(list(root.iter(SVG + "script"))) == 1
    assert not re.search(rb"(href|src|url\(|@import|onload)", text)
    boxes = {}
    for group in root.iter(SVG + "g"):
        title, count, share = re.fullmatch(r"(.*) \((\d+) samples, ([\d.]+)%\)", group.find(SVG + "title").text, re.S).groups()
        width = float(group.find(SVG + "rect").get("width"))
        assert abs(width - 1180 * int(count) / 1000) < 0.01 and float(share) == int(count) / 10
        boxes.setdefault(title, []).append(int(count))
    shown = re.sub(r"[\x00-\x09\x0b-\x1f]", "\ufffd", HOSTILE).replace("\n", " ")
    assert boxes == {"all": [1000], "main": [700], "spin": [420], "hot": [420, 240], "recurse": [200] * 5, "read": [80], "do_syscall_64": [80],
                     "start_thread": [300], shown: [240], HOSTILE_MODULE.replace("\n", " ") + "+0xabc": [50], "run": [10]}


@needs_package("jsdom")
def test_svg_searches_and_zooms(profile):
    read = json.loads(run("node", HERE / "flame_graph.js", profile("svg"), "^HOT$", "start_thread",
                          env={**os.environ, "NODE_PATH": str(NODE_MODULES)}))
    assert read["scripts"] == 1
    assert read["found"] == "found: 66.00%"
    assert sorted(box["title"] for box in read["searched"] if "found" in box["classes"]) == ["hot (240 samples, 24.00%)", "hot (420 samples, 42.00%)"]
    zoomed = {box["title"]: box for box in read["zoomed"] if "gone" not in box["classes"]}
    assert len(zoomed) == 6 and "main (700 samples, 70.00%)" not in zoomed
    target = zoomed["start_thread (300 samples, 30.00%)"]
    assert abs(target["x"] - 10) < 0.01 and abs(target["width"] - 1180) < 0.01
    assert abs(zoomed["hot (240 samples, 24.00%)"]["width"] - 1180 * 0.8) < 0.01
    assert zoomed["run (10 samples, 1.00%)"]["text"] == "run"  # too narrow for it before
    assert "outer" in zoomed["all (1000 samples, 100.00%)"]["classes"]
    for before, after in zip(read["before"], read["after"]):
        assert before["title"] == after["title"] and before["classes"] == after["classes"]
        assert abs(before["x"] - after["x"]) < 0.01 and abs(before["width"] - after["width"]) < 0.01


# --- nettrace and diagsession ---


@pytest.fixture(scope="module")
def trace_event(tmp_path_factory):
    """trace_event(path) reads a file with Microsoft's TraceEvent and System.IO.Packaging."""
    reader = build_reader(HERE / "nettrace_reader", tmp_path_factory.mktemp("reader"))
    return lambda path: reader(path, tmp_path_factory.mktemp("work"))


def check_trace(read, size):
    samples = sum(EXPECTED[size].values())
    seen, weights = {}, {}
    for stack in read["stacks"]:
        names = []
        for place in stack["stack"]["names"]:
            module, name = place.split("!", 1)
            assert module == MODULES[name]
            names.append(name)
        assert stack["stack"]["pid"] == TID
        key = (stack["stack"]["tid"], *names)
        seen[key], weights[key] = stack["count"], stack["weight"]
    assert weights == {stack: count * PERIOD // 1_000_000 for stack, count in EXPECTED[size].items()}
    if size == "small":
        assert seen == STACKS
        assert read["last"] == 9990
    assert sum(read_weight for read_weight in weights.values()) == samples * 10
    assert read["ordered"] and read["lost"] == 7
    assert read["began"] == "2026-11-21T06:30:00.123"
    assert (read["pointer"], read["processors"]) == (8, 4)
    assert read["processes"] == [{"pid": TID, "name": NAME}]
    program = [module for module in read["modules"] if module["start"] == 0x400000]
    assert {module["path"] for module in program} == {"/srv/app/program"}
    assert {module["build"] for module in program} == {"00112233445566778899aabbccddeeff01020304"}


@pytest.mark.parametrize("size", EXPECTED)
def test_nettrace_in_trace_event(profile, trace_event, size):
    check_trace(trace_event(profile("nettrace", size)), size)


def test_diagsession_in_packaging_and_trace_event(profile, trace_event):
    read = trace_event(profile("diagsession"))
    check_trace(read, "small")
    (trace, metadata) = read["parts"]
    assert re.fullmatch(r"/[0-9a-f-]{36}/pro_gram_____-4201\.nettrace application/octet-stream", trace)
    assert metadata == "/metadata.xml text/xml"
    assert read["tools"] == ["{013914d7-d262-4da2-8fa4-ba8b4e328a1e}"]
    assert read["type"] == "DiagnosticsHub.Resource.File"
    assert int(read["added"]) == 1795242600123000000 // 100 + 116444736000000000


def test_the_trace_of_dotnet_monitors_route(service, target, trace_event, tmp_path):
    process = target("spins", "1")
    path = tmp_path / "route.nettrace"
    path.write_bytes(service.get(f"/trace?pid={process.pid}&durationSeconds=1").body)
    read = trace_event(path)
    assert [p["pid"] for p in read["processes"]] == [process.pid]
    assert any(place.startswith("spins!") for stack in read["stacks"] for place in stack["stack"]["names"])
