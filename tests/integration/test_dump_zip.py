"""Zips of a dump with the files that its process has mapped: every program opens them, debuggers take them as a sysroot, and no name in them
leads anywhere else."""
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.parse
import zipfile

import pytest

from conftest import MODES, TARGETS, wait_until
from dump_files import UNPACK, check_zip, dump, known, manifest_of, unpack  # noqa: F401  (fixtures)
from test_core_readers import backtraces, commands, gdb, stopped
from test_dump_readers import needs, needs_lldb, run, tasks

LLDB = shutil.which("lldb-19")


@pytest.mark.parametrize("how", UNPACK)
def test_all_open_the_zip(known, dump, tmp_path, how):
    if not UNPACK[how][0] or not shutil.which(UNPACK[how][0]):
        pytest.skip(f"no {how}")
    facts = known()
    archive = dump(facts["pid"], "--format", "zip", "--inner", "core", "--modules", "all", name="all.zip")
    manifest = check_zip(archive)
    folder = unpack(archive, tmp_path / "out", how)
    for file in manifest["files"]:
        path = folder / file["name"]
        if "linkTo" in file:
            assert how == "python" or path.resolve() == (folder / file["linkTo"]).resolve()
        else:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
    # what is there is what is mapped
    with open(f"/proc/{facts['pid']}/maps", encoding="utf-8") as maps:
        mapped = {line.split(maxsplit=5)[5].rstrip("\n") for line in maps if line.split()[4] != "0"}
    assert {file["path"] for file in manifest["files"] if "path" in file} == mapped
    for file in manifest["files"]:
        if "path" in file:
            assert pathlib.Path(file["path"]).read_bytes() == (folder / file["name"]).read_bytes()


@pytest.mark.parametrize("mode", MODES)
def test_the_manifest_says_what_was_done(service, known, mode):
    facts = known("2")
    answer = service.get(f"/api/processes/{facts['pid']}/dump?format=zip&dumpType=8705&mode={mode}")
    (path := pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"manifest-{os.getpid()}.zip").write_bytes(answer.body)
    try:
        manifest = check_zip(path)
        with zipfile.ZipFile(path) as opened:
            shown = json.loads(opened.read("process.json"))
            name = opened.namelist()[0]
            size = opened.getinfo(name).file_size
    finally:
        path.unlink()
    assert answer.headers["Content-Type"] == "application/zip"
    assert [file["name"] for file in manifest["files"]] == [name, "process.json"] and manifest["leftOut"] == []
    done = manifest["dump"]
    assert done["name"] == name and name.endswith(".dmp") and done["format"] == "minidump"
    assert done["type"] == "0x2201" and done["size"] == size and done["threads"] == 4
    assert done["mode"] == answer.headers["X-Dump-Mode"] == mode
    assert str(done["memoryBytes"]) == answer.headers["X-Dump-Memory-Bytes"] and done["pauseMicroseconds"] > 0
    assert manifest["process"]["id"] == facts["pid"] and manifest["process"]["name"] == "known"
    # the same as GET /api/processes/{id}, but for what moves on
    now = service.json(f"/api/processes/{facts['pid']}")
    moving = {"time_stamp", "total_cpu_time", "user_cpu_time", "privileged_cpu_time"}
    for detail in (shown, now):
        for thread in detail["threads"]:
            assert thread.pop("state") in ("Wait", "Running")  # of one that was just let go: it is on its way back to sleep
    assert {k: v for k, v in shown.items() if k not in moving} == {k: v for k, v in now.items() if k not in moving}
    assert shown["href"].startswith(service.url)
    answer = service.get(f"/api/processes/{facts['pid']}/dump?format=zip&modules=perhaps")
    assert answer.status == 400 and "debugger, all or none" in answer.message


@needs("gdb")
@pytest.mark.parametrize("fate", ["stays", "deleted", "replaced"])
def test_gdb_takes_the_tree_as_sysroot(known, dump, tmp_path, fate):
    """From the unpacked zip alone: the program is gone from where it was, or another stands there."""
    program = tmp_path / "bin" / "known"
    facts = known("3", program=program)
    pid = facts["pid"]
    stopped(pid)
    live = backtraces(gdb("-p", pid, *commands("thread apply all bt"))[0])
    if fate != "stays":
        program.unlink()
    if fate == "replaced":
        shutil.copy("/bin/true", program)
    archive = dump(pid, "--format", "zip", "--inner", "core", "--modules", "all", name="all.zip")
    manifest = check_zip(archive)
    folder = unpack(archive, tmp_path / "out")
    shutil.rmtree(program.parent)

    wanted, = (file for file in manifest["files"] if file.get("program"))
    assert wanted["name"] == f"sysroot{program}" and wanted.get("deleted", False) == (fate != "stays")
    core = folder / manifest["dump"]["name"]
    text, _ = gdb(*commands(f"set sysroot {folder}/sysroot", "info sharedlibrary", "thread apply all bt"),
                  folder / wanted["name"], core)
    libraries = re.findall(r"^0x\w+\s+0x\w+\s+Yes(?: \(\*\))?\s+(/.*)$", text, re.M)
    assert len(libraries) >= 2 and all(name.startswith(f"{folder}/sysroot/") for name in libraries), text
    found = backtraces(text)
    assert set(found) == tasks(pid)
    names = [re.findall(r" in (\w+) \(", " ".join(frames)) for frames in found.values()]
    assert names == [re.findall(r" in (\w+) \(", " ".join(live[thread])) for thread in found]


@needs_lldb
@pytest.mark.parametrize("inner", ["core", "raw"])
@pytest.mark.parametrize("way", ["sysroot", "search paths"])
def test_lldb_takes_the_tree(known, dump, tmp_path, inner, way):
    program = tmp_path / "bin" / "known"
    facts = known("3", program=program)
    archive = dump(facts["pid"], "--format", "zip", "--inner", inner, "--modules", "all", name="all.zip")
    os.kill(facts["pid"], signal.SIGKILL)
    shutil.rmtree(program.parent)
    folder = unpack(archive, tmp_path / "out")
    name = manifest_of(archive)["dump"]["name"]
    folders = " ".join(str(path) for path in (folder / "sysroot").rglob("*") if path.is_dir() and not path.is_symlink())
    first = (f"platform select --sysroot {folder}/sysroot remote-linux" if way == "sysroot"
             else f"settings set target.exec-search-paths {folders}")
    text = run(LLDB, "--batch", "--no-lldbinit", "-o", first, "-o", f"target create --core {folder / name}",
               "-o", "image list", "-o", "bt all").stdout.decode()
    assert f"{folder}/sysroot{program}" in text, text
    assert text.count("known`known_outer") == 3 and text.count("known`wait_in_here") >= 3


def test_two_files_of_one_path(known, dump, tmp_path, sleeper):
    """A library that was replaced while it is mapped, and the new one mapped too: one by its path, one by its build id."""
    library, other = tmp_path / "lib.so", tmp_path / "other.so"
    for path, number in ((library, 1), (other, 2)):
        run("gcc", "-shared", "-fPIC", "-Wl,--build-id", "-x", "c", "-", "-o", path,
            input=f"int number(void) {{ return {number}; }}".encode())
    code = ("import ctypes, os, sys, time\nctypes.CDLL(sys.argv[1])\nos.replace(sys.argv[2], sys.argv[1])\n"
            "ctypes.CDLL(sys.argv[1].replace('/lib.so', '/./lib.so'))\nprint('ready', flush=True)\ntime.sleep(600)")
    first = library.read_bytes()
    process = sleeper("/usr/bin/python3", "-c", code, library, other, stdout=subprocess.PIPE)
    archive = dump(process.pid, "--format", "zip", "--modules", "all", name="all.zip")
    manifest = check_zip(archive)
    ours = {file["name"]: file for file in manifest["files"] if file.get("path") == str(library)}
    by_path = ours.pop(f"sysroot{library}")
    if os.geteuid() != 0:  # following map_files takes a capability, and no other way leads to it
        assert not ours and [file["path"] for file in manifest["leftOut"]] == [str(library)]
        return
    (name, by_id), = ours.items()
    assert name == f"sysroot/usr/lib/debug/.build-id/{by_id['buildId'][:2]}/{by_id['buildId'][2:]}"
    assert by_id["deleted"] and "deleted" not in by_path and manifest["leftOut"] == []
    with zipfile.ZipFile(archive) as opened:
        assert opened.read(name) == first and opened.read(by_path["name"]) == library.read_bytes()


HOSTILE = [b"new\nline", b"..", b"not\xff\xfeutf8", b"back\\slash..", b"C:nul", b"a\x1b[2Jb", b"50%", "tä gl".encode(),
           "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe".encode()]


def test_hostile_names(procscope, tmp_path, sleeper):
    """Of programs, of their folders, of deleted ones: the zip stays below, and every file is in it."""
    for number, part in enumerate(HOSTILE):
        folder = os.fsencode(tmp_path) + b"/%d" % number
        program = folder + b"/" + (part if part != b".." else b"x/...y../p")
        os.makedirs(os.path.dirname(program))
        shutil.copy("/bin/sleep", program)
        process = sleeper(program, "600")
        wait_until(lambda: os.readlink(f"/proc/{process.pid}/exe") == os.fsdecode(program), "its execve")
        content = pathlib.Path(os.fsdecode(program)).read_bytes()
        if number % 2:
            os.unlink(program)
        archive = tmp_path / f"{number}.zip"
        run(procscope, "dump", process.pid, "--format", "zip", "--modules", "all", "--output", archive)
        manifest = check_zip(archive)
        assert manifest["leftOut"] == [], part
        mine, = (file for file in manifest["files"] if file.get("program"))
        with zipfile.ZipFile(archive) as opened:
            assert opened.read(mine["name"]) == content
        assert mine["name"].startswith(f"sysroot{tmp_path}/{number}/")
        out = unpack(archive, tmp_path / f"out{number}", "unzip")
        assert (out / mine["name"]).read_bytes() == content


def test_a_target_that_ends_meanwhile(service, known):
    """What was to be read of it is left out, and the manifest says so: the zip is whole all the same."""
    facts = known()
    process = facts["process"]
    url = urllib.parse.urlsplit(service.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request("GET", f"/api/processes/{facts['pid']}/dump?format=zip&modules=all")
    answer = connection.getresponse()
    process.kill()
    process.wait()
    path = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"ended-{os.getpid()}.zip"
    path.write_bytes(answer.read())
    connection.close()
    try:
        manifest = check_zip(path)
    finally:
        path.unlink()
    there = {file["name"] for file in manifest["files"]}
    assert "process.json" in there or "process.json" in {file["path"] for file in manifest["leftOut"]}


def test_a_file_that_shrinks_and_grows(procscope, tmp_path, sleeper):
    """A mapped library of many megabytes that somebody truncates and writes to all the time."""
    library = tmp_path / "large.so"
    run("gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, input=b"int x;")
    size = library.stat().st_size
    process = sleeper("/usr/bin/python3", "-c", "import ctypes, sys, time\nctypes.CDLL(sys.argv[1])\n"
                      "print('ready', flush=True)\ntime.sleep(600)", library, stdout=subprocess.PIPE)
    changer = sleeper("/usr/bin/python3", "-c", "import os, sys\nprint('ready', flush=True)\n"
                      "while True:\n    os.truncate(sys.argv[1], 64 << 20)\n    os.truncate(sys.argv[1], int(sys.argv[2]))",
                      library, str(size), stdout=subprocess.PIPE)
    remarks = set()
    for number in range(10):
        archive = tmp_path / "shrinks.zip"
        run(procscope, "dump", process.pid, "--format", "zip", "--modules", "all", "--force", "--output", archive)
        manifest = check_zip(archive)
        file, = (file for file in manifest["files"] if file.get("path") == str(library))
        assert size <= file["size"] <= 64 << 20
        remarks.add(file.get("remark"))
    assert changer.poll() is None
    assert remarks & {"The file changed while it was read."}


def newest(pattern):
    dotnet = pathlib.Path(shutil.which("dotnet") or "/").resolve().parent
    found = sorted(dotnet.glob(pattern), key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])
    return found[-1] if found else None


@pytest.fixture(scope="module")
def dotnet_program(tmp_path_factory):
    """A program for the .NET runtime that is here, made by the compiler itself: a project would ask a registry."""
    compiler, runtime = newest("sdk/*/Roslyn/bincore/csc.dll"), newest("shared/Microsoft.NETCore.App/*/libcoreclr.so")
    if not compiler or not runtime:
        pytest.skip("no .NET SDK")
    folder = tmp_path_factory.mktemp("dotnet")
    (folder / "waits.cs").write_text('class P { static void Main() { System.Console.WriteLine("ready"); '
                                     'System.Threading.Thread.Sleep(600000); } }')
    libraries = [path for path in runtime.parent.glob("System*.dll")
                 if path.name in ("System.Private.CoreLib.dll", "System.Runtime.dll", "System.Console.dll",
                                  "System.Threading.Thread.dll", "System.Threading.dll")]
    run("dotnet", compiler, "-nologo", f"-out:{folder}/waits.dll", *(f"-r:{path}" for path in libraries), folder / "waits.cs")
    (folder / "waits.runtimeconfig.json").write_text(json.dumps({"runtimeOptions": {"framework": {
        "name": "Microsoft.NETCore.App", "version": runtime.parent.name}}}))
    return folder / "waits.dll", runtime.parent


def test_a_limit_leaves_modules_out(procscope, dump, known):
    pid = known()["pid"]
    archive = dump(pid, "--format", "zip", "--modules", "all", "--max-bytes", "1M", name="small.zip")
    manifest = check_zip(archive)
    assert any(file["name"] == f"sysroot{TARGETS}/known" for file in manifest["files"])
    assert [pathlib.Path(file["path"]).name for file in manifest["leftOut"]] == ["libc.so.6"]
    assert sum(file.get("size", 0) for file in manifest["files"]) <= 1 << 20


def test_dotnet_brings_its_debugger_modules(dotnet_program, sleeper, dump):
    program, runtime = dotnet_program
    process = sleeper("dotnet", program, stdout=subprocess.PIPE)
    for modules, is_there in (("debugger", True), ("all", True), ("none", False)):
        archive = dump(process.pid, "--format", "zip", "--modules", modules, name="net.zip")
        manifest = check_zip(archive)
        with zipfile.ZipFile(archive) as opened:
            for name in ("libmscordaccore.so", "libmscordbi.so"):
                assert (name in opened.namelist()) == is_there
                if is_there:
                    assert opened.read(name) == (runtime / name).read_bytes()
            assert (f"sysroot{runtime}/libcoreclr.so" in opened.namelist()) == (modules == "all")
        assert manifest["modules"] == modules and manifest["leftOut"] == []


def test_debugger_modules_are_those_that_match(sleeper, dump, tmp_path):
    """Only from beside the very libcoreclr.so that is mapped, and only what stands there itself."""
    runtime, elsewhere = tmp_path / "runtime", tmp_path / "elsewhere"
    runtime.mkdir()
    elsewhere.write_text("not of the runtime")
    run("gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", runtime / "libcoreclr.so", input=b"int x;")
    (runtime / "libmscordaccore.so").write_text("the DAC")
    (runtime / "libmscordbi.so").symlink_to("../elsewhere")
    (runtime / "libsos.so").write_text("SOS")
    process = sleeper("/usr/bin/python3", "-c", "import ctypes, sys, time\nctypes.CDLL(sys.argv[1])\n"
                      "print('ready', flush=True)\ntime.sleep(600)", runtime / "libcoreclr.so", stdout=subprocess.PIPE)
    archive = dump(process.pid, "--format", "zip", name="net.zip")
    manifest = check_zip(archive)
    with zipfile.ZipFile(archive) as opened:
        assert opened.read("libmscordaccore.so") == b"the DAC" and opened.read("libsos.so") == b"SOS"
    assert [file["path"] for file in manifest["leftOut"]] == [f"{runtime}/libmscordbi.so"]

    shutil.copy(runtime / "libcoreclr.so", tmp_path / "new")
    (tmp_path / "new").rename(runtime / "libcoreclr.so")  # an upgrade: the others may be of another version
    manifest = check_zip(dump(process.pid, "--format", "zip", name="net.zip"))
    assert [file["path"] for file in manifest["leftOut"]] == [f"{runtime}/libmscordaccore.so", f"{runtime}/libmscordbi.so"]
    assert len(manifest["files"]) == 2


def can_mount():
    return os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(
        ["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs root and mount namespaces")
@pytest.mark.parametrize("how", ["container", "chroot"])
def test_files_of_another_root(procscope, tmp_path, sleeper, how):
    """A target in a mount namespace of its own, and one in a chroot: what it has is put in, under its own names."""
    root = tmp_path / "root"
    for path in re.findall(r"(/\S+) \(0x", run("ldd", "/bin/sleep").stdout.decode()):
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path[1:])
    (root / "opt").mkdir()
    shutil.copy("/bin/sleep", root / "opt" / "only-here")
    (root / "opt" / "only-here").open("ab").write(b"of another root")
    if how == "chroot":
        process = sleeper("chroot", root, "/opt/only-here", "600")
    else:
        script = 'mount --bind "$1" "$1" && cd "$1" && mkdir -p old && pivot_root . old && umount -l /old && exec /opt/only-here 600'
        process = sleeper("unshare", "--mount", "sh", "-c", script.replace("umount -l /old && ", ""), "sh", root)
    wait_until(lambda: os.readlink(f"/proc/{process.pid}/exe").endswith("only-here"), "its execve")
    time.sleep(0.1)  # ld.so's work
    archive = tmp_path / "inner.zip"
    run(procscope, "dump", process.pid, "--format", "zip", "--modules", "all", "--output", archive)
    manifest = check_zip(archive)
    with zipfile.ZipFile(archive) as opened:
        assert opened.read("sysroot/opt/only-here") == (root / "opt" / "only-here").read_bytes()
        assert any(re.fullmatch(r"sysroot/.*lib.*/libc\.so\.6", name) and str(root) not in name for name in opened.namelist())
    assert manifest["leftOut"] == []
