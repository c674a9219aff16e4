"""dotnet-dump (Microsoft's own debugger, with its SOS) on our cores of a program of .NET: threads, the methods that they
stand in as they tell themselves, objects exactly counted, and what holds them."""
import pathlib
import re
import subprocess
import zipfile

import pytest

from conftest import MODES, ROOT, wait_until
from dotnet import ENVIRONMENT, compile_alone, install_tool
from test_dump_readers import needs, run, tasks

SOURCE = ROOT / "tests" / "targets" / "languages" / "Stands.cs"
OBJECTS = {"Known.Places.Counted": (4321, 4321 * 24), "Known.Places.Counted[]": (1, 4321 * 8 + 24), "Known.Places.Pinned": (3, 72),
           "Known.Places.Box<System.String>": (1, 24)}

pytestmark = needs("dotnet")


@pytest.fixture(scope="module")
def analyze(tmp_path_factory):
    """analyze(core, commands...): what dotnet-dump says to all of them."""
    program = install_tool("dotnet-dump", "10.0.750501", tmp_path_factory.mktemp("tools"))

    def ask(core, *commands):
        words = [part for one in (*commands, "exit") for part in ("-c", one)]
        return run(program, "analyze", core, *words, env=ENVIRONMENT).stdout.decode()

    return ask


@pytest.fixture
def program(sleeper, tmp_path_factory):
    process = sleeper("dotnet", compile_alone(SOURCE, tmp_path_factory.mktemp("stands")), stdout=subprocess.PIPE)
    lines = [process.first_line]
    while lines[-1] != "ready":
        lines.append(process.stdout.readline().decode().rstrip("\n"))
    process.told = {line.split(" ", 1)[0]: line.split(" ", 1)[1].split("|") for line in lines[:-1]}
    wait_until(lambda: len(names_of(process.pid, process.told)) == 3, "threads with their names")
    return process


def names_of(pid, wanted):
    names = {thread: pathlib.Path(f"/proc/{pid}/task/{thread}/comm").read_text(errors="replace").rstrip("\n") for thread in tasks(pid)}
    return {thread: name for thread, name in names.items() if name in wanted}


def plain(method):
    """As SOS and as StackTrace write it: without arguments of types, which each writes in its own way."""
    method = re.sub(r"\[\[.*?\]\]|`\d+\[\w+\]|`\d+|<(?=Known|System)[^<>]*>", "", method)
    name, _, arguments = method.partition("(")
    arguments = [re.sub(r"^.*\.(?=\w)", "", one).replace(" ByRef", "&") for one in arguments.rstrip(")").split(",") if one]
    return name, [{"__Canon": "T"}.get(one.strip(), one.strip()) for one in arguments if one.strip()] if "[,]" not in method else []


def stacks(answer):
    """Of each thread the methods, innermost first; not what of the runtime's own lies between."""
    found, frames = {}, None
    for line in answer.splitlines():
        if match := re.match(r"OS Thread Id: 0x([0-9a-f]+)", line):
            frames = found.setdefault(int(match[1], 16), [])
        elif frames is not None and (match := re.match(r"[0-9A-Fa-f]{16} [0-9A-Fa-f]{16} (?!\[)(.*)", line)):
            frames.append(match[1].strip())
    return found


def objects(answer):
    rows = re.findall(r"^\s*[0-9a-f]+\s+([\d,]+)\s+([\d,]+)\s+(\S.*?)\s*$", answer, flags=re.MULTILINE)
    return {name: (int(count.replace(",", "")), int(size.replace(",", ""))) for count, size, name in rows}


def take(procscope, pid, path, *arguments):
    run(procscope, "dump", pid, "--quiet", "--output", path, *arguments)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_threads_methods_and_objects(procscope, program, analyze, tmp_path, mode):
    core = take(procscope, program.pid, tmp_path / "core", "--format", "core", "--type", 2, *MODES[mode])
    said = analyze(core, "clrthreads", "clrstack -all", "dumpheap -stat", "dumpheap -type Known.Places.Pinned -short", "modules")

    known = {int(number, 16) for number in re.findall(r"^\s+\d+\s+\d+\s+([0-9a-f]+) [0-9A-F]{16} ", said, flags=re.MULTILINE)}
    names = names_of(program.pid, program.told)
    assert known <= tasks(program.pid) and set(names) | {program.pid} <= known, said
    found = stacks(said)
    for thread, name in names.items():
        inner, outer = found[thread][:2], found[thread][2:]
        assert inner[0].startswith("System.Threading.WaitHandle.WaitOne") and plain(inner[1])[0] == "Known.Places.Stands.TellAndWait"
        assert [plain(method) for method in outer] == [plain(method) for method in program.told[name]], (outer, program.told[name])
    assert [plain(method)[0] for method in found[program.pid]] == ["System.Threading.Thread.Sleep", "Known.Places.Stands.Main"]

    counted = objects(said)
    assert {name: counted.get(name) for name in OBJECTS} == OBJECTS, said
    assert "/Stands.dll" in said and "/libcoreclr.so" in said

    chain = re.findall(r"^([0-9a-f]{12})\s*$", said, flags=re.MULTILINE)
    assert len(chain) == 3
    roots = analyze(core, f"gcroot {chain[-1]}")
    path = re.findall(r"-> ([0-9a-f]+)\s+(\S+)(.*)", roots)
    assert "strong handle" in roots and "Found 1 unique roots." in roots
    assert [(int(at, 16), kind) for at, kind, _ in path[1:]] == [(int(at, 16), "Known.Places.Pinned") for at in chain], roots
    assert "static variable" in path[1][2]


def test_memory_that_can_be_written_is_enough(procscope, program, analyze, tmp_path):
    """For debuggers that find the program's files where they were: heaps, and what the runtime keeps as shared memory."""
    names = names_of(program.pid, program.told)
    core = take(procscope, program.pid, tmp_path / "core", "--format", "core", "--type", "0x200")
    said = analyze(core, "clrstack -all", "dumpheap -stat")
    counted, found = objects(said), stacks(said)
    assert {name: counted.get(name) for name in OBJECTS} == OBJECTS, said
    for thread, name in names.items():
        assert [plain(method) for method in found[thread][2:]] == [plain(method) for method in program.told[name]], said
    assert core.stat().st_size < take(procscope, program.pid, tmp_path / "all", "--format", "core", "--type", 2).stat().st_size / 4


def test_zip_has_what_it_takes(procscope, program, analyze, tmp_path):
    """The runtime's debugging library is the one of the zip."""
    take(procscope, program.pid, tmp_path / "all.zip", "--format", "zip", "--inner", "core", "--type", 2)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "all")
    core, = (tmp_path / "all").glob("*.core")
    said = analyze(core, f"setclrpath {tmp_path / 'all'}", "clrstack -all", "runtimes")
    assert f"DAC: {tmp_path / 'all' / 'libmscordaccore.so'}" in said
    assert any(plain(method)[0] == "Known.Places.Stands.InMonitor" for frames in stacks(said).values() for method in frames)
