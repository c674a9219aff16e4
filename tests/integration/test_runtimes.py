"""Every process says which runtime it has, and in which version: in the list, in full, in events and on the command line,
also in a mount namespace of its own; and none of them is asked."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from conftest import wait_until
from test_dump_readers import needs, run


def told(service, process):
    """(name, version) as the process's own page has it, once the runtime is loaded; the list has the same."""
    def is_known():
        found = service.json(f"/api/processes/{process.pid}")
        return found.get("runtime_version") and found

    found = wait_until(is_known, "a runtime with its version")

    def is_listed():
        one = next(one for one in service.json("/api/processes?allUsers=true") if one["id"] == process.pid)
        return (one.get("runtime"), one.get("runtime_version")) == (found["runtime"], found["runtime_version"])

    wait_until(is_listed, "the same in the list")
    return found["runtime"], found["runtime_version"]


def test_python(service, sleeper):
    version = ".".join(map(str, sys.version_info[:3 if sys.version_info >= (3, 11) else 2]))
    assert told(service, sleeper()) == ("Python", version)


def test_native(service, sleeper, procscope):
    process = sleeper("sleep", "3600")
    wait_until(lambda: service.json(f"/api/processes/{process.pid}").get("runtime") == "native", "native")
    assert "runtime_version" not in service.json(f"/api/processes/{process.pid}")
    assert re.search(r"runtime +native", run(procscope, "show", process.pid).stdout.decode())


def test_another_program_is_another_runtime(service, sleeper):
    """A process that was looked at before, and is another program by now."""
    process = sleeper("sh", "-c", "echo ready; read line; exec sleep 3600", stdout=subprocess.PIPE)
    assert service.json(f"/api/processes/{process.pid}")["runtime"] == "native"
    process = subprocess.Popen(["sh", "-c", f"echo ready; read line; exec {sys.executable} -c 'import time; time.sleep(3600)'"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        assert service.json(f"/api/processes/{process.pid}")["runtime"] == "native"
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert told(service, process)[0] == "Python"
    finally:
        process.kill()
        process.communicate()


@needs("node")
def test_node(service, sleeper, procscope):
    process = sleeper("node", "-e", "console.log('ready'); setInterval(() => {}, 1e6)", stdout=subprocess.PIPE)
    version = run("node", "--version").stdout.decode().strip().lstrip("v")
    assert told(service, process) == ("Node", version)
    assert re.search(rf"^ *{process.pid} .* Node {version}$", run(procscope, "ps", "--all", "--runtime").stdout.decode(), re.M)


@needs("go")
def test_go(service, sleeper):
    folder = pathlib.Path(run("go", "env", "GOROOT").stdout.decode().strip()) / "bin"
    program = folder / "gofmt"
    if not program.exists():
        pytest.skip("no gofmt")
    process = subprocess.Popen([program], stdin=subprocess.PIPE)  # waits for a program to format
    try:
        version = re.search(r"go([\d.]+)", run("go", "version").stdout.decode()).group(1)
        assert told(service, process) == ("Go", version)
    finally:
        process.kill()
        process.communicate()


WAITS = "class Waits { public static void main(String[] a) throws Exception { System.out.println(\"ready\"); Thread.sleep(1000000); } }"


def java_version():
    return re.search(r'version "([^"]+)"', run("java", "-version").stderr.decode()).group(1)


@needs("javac")
def test_java_also_where_only_it_can_see_it(service, sleeper, tmp_path):
    (tmp_path / "Waits.java").write_text(WAITS)
    run("javac", "-d", tmp_path, tmp_path / "Waits.java")
    process = sleeper("java", "-Xmx32m", "-cp", str(tmp_path), "Waits", stdout=subprocess.PIPE)
    assert told(service, process) == ("Java", java_version())
    if os.geteuid() != 0:
        pytest.skip("needs root")
    home = pathlib.Path(shutil.which("java")).resolve().parent.parent
    place = tmp_path / "place"
    place.mkdir()
    inside = sleeper("unshare", "--mount", "sh", "-c", f"mount --bind {home} {place} && exec {place}/bin/java -Xmx32m -cp {tmp_path} Waits",
                     stdout=subprocess.PIPE)
    assert not list(place.iterdir())
    assert told(service, inside) == ("Java", java_version())


@needs("dotnet")
def test_dotnet(service, sleeper):
    base = re.search(r"^ *Base Path: +(.*)$", run("dotnet", "--info").stdout.decode(), re.M)
    if not base:
        pytest.skip("no SDK")
    # a worker of the build, which waits to be connected to
    process = sleeper("dotnet", f"{base.group(1).strip()}MSBuild.dll", "/nodemode:1", "/nodeReuse:false", stdout=subprocess.DEVNULL)
    name, version = told(service, process)
    versions = re.findall(r"^Microsoft\.NETCore\.App (\S+)", run("dotnet", "--list-runtimes").stdout.decode(), re.M)
    assert name == ".NET" and version in versions


def test_events_say_it_too(service, sleeper):
    process = sleeper()
    version = told(service, process)[1]
    connection = service.connection()
    connection.request("GET", "/api/events")
    stream = connection.getresponse()
    try:
        seen = ""
        while f'"id":{process.pid},' not in seen or f'"runtime":"Python {version}"' not in seen:
            line = stream.readline()
            assert line, seen[-1000:]
            seen += line.decode()
    finally:
        connection.close()


def test_what_lies_about_itself(service, sleeper, tmp_path):
    """Programs that are called as runtimes, and are something else."""
    for name in ("node", "python3", "php8.2", "ruby", "java", "dotnet"):
        program = tmp_path / name
        shutil.copy("/bin/sleep", program)
        process = sleeper(str(program), "3600")
        found = wait_until(lambda: (one := service.json(f"/api/processes/{process.pid}")).get("runtime") and one, name)
        assert found["runtime"] != "native" and found.get("runtime_version", "") in name
    # a file of its own name that is no library
    shutil.copy("/bin/sleep", tmp_path / "libjvm.so")
    process = sleeper(str(tmp_path / "libjvm.so"), "3600")
    wait_until(lambda: service.json(f"/api/processes/{process.pid}").get("runtime") == "Java", "Java by its name")
