"""dotnet-dump (Microsoft's own debugger, with its SOS) on our cores of a program of .NET: threads, the methods that they
stand in as they tell themselves, objects exactly counted, and what holds them."""
import re
import zipfile

import pytest

from conftest import MODES
from dotnet import dotnet_dump, names_of, plain, sos_stacks, start_stands
from test_dump_readers import needs, run, tasks

OBJECTS = {"Known.Places.Counted": (4321, 4321 * 24), "Known.Places.Counted[]": (1, 4321 * 8 + 24), "Known.Places.Pinned": (3, 72),
           "Known.Places.Box<System.String>": (1, 24)}

pytestmark = needs("dotnet")


@pytest.fixture(scope="module")
def analyze(tmp_path_factory):
    return dotnet_dump(tmp_path_factory.mktemp("tools"))


@pytest.fixture
def program(sleeper, tmp_path_factory):
    with start_stands(sleeper, tmp_path_factory.mktemp("stands")) as process:
        yield process


def objects(answer):
    rows = re.findall(r"^\s*[0-9a-f]+\s+([\d,]+)\s+([\d,]+)\s+(\S.*?)\s*$", answer, flags=re.MULTILINE)
    return {name: (int(count.replace(",", "")), int(size.replace(",", ""))) for count, size, name in rows}


def take(procscope, pid, path, *arguments):
    run(procscope, "dump", pid, "--quiet", "--output", path, *arguments)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_threads_methods_and_objects(procscope, program, analyze, tmp_path, mode):
    before = tasks(program.pid)  # some are the runtime's, which come and go
    core = take(procscope, program.pid, tmp_path / "core", "--format", "core", "--type", 2, *MODES[mode])
    said = analyze(core, "clrthreads", "clrstack -all", "dumpheap -stat", "dumpheap -type Known.Places.Pinned -short", "modules")

    known = {int(number, 16) for number in re.findall(r"^\s+\d+\s+\d+\s+([0-9a-f]+) [0-9A-F]{16} ", said, flags=re.MULTILINE)}
    names = names_of(program.pid, program.told)
    assert known <= before | tasks(program.pid) and set(names) | {program.pid} <= known, said
    found = sos_stacks(said)
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
    counted, found = objects(said), sos_stacks(said)
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
    assert any(plain(method)[0] == "Known.Places.Stands.InMonitor" for frames in sos_stacks(said).values() for method in frames)
