"""A container that puts others' sockets, links and FIFOs where its runtime's socket is looked for: nobody but itself is ever spoken to."""
import contextlib
import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile

import pytest

from conftest import PROCSCOPE
from java import jvm, places, until_it_says  # noqa: F401  (fixtures)
from java import ask as ask_java
from test_dump_readers import needs
from test_gcdump import heap, program  # noqa: F401  (fixtures)

OTHER = 4007  # a user that nobody is

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("nsenter"), reason="not root, or no unshare or nsenter")


class Victim:
    """A socket of another process, which hears what is said to it."""

    def __init__(self, folder):
        self.path, self.port = folder / "victim", socket.socket(socket.AF_UNIX)
        self.port.bind(str(self.path))
        self.port.listen(100)

    def was_told(self):
        told = b""
        while select.select([self.port], [], [], 0)[0]:
            one, _ = self.port.accept()
            with one:
                one.settimeout(30)
                with contextlib.suppress(ConnectionResetError):
                    while piece := one.recv(4096):
                        told += piece
        return told


@pytest.fixture
def victim():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # names of sockets are short
        one = Victim(pathlib.Path(folder))
        with one.port:
            yield one


OWN = ("unshare", "--mount")  # becomes the program, in a mount namespace of its own


def inside(process, *command):
    subprocess.run(["nsenter", "--mount", "--target", str(process.pid), *map(str, command)], check=True, capture_output=True)


def refusal(service, process, route, status):
    answer = service.get(f"/api/processes/{process.pid}/{route}")
    assert answer.status == status, (route, answer.status, answer.body[:300])
    return answer.message


@needs("dotnet")
def test_the_socket_of_a_dotnet_runtime(service, heap, victim):  # noqa: F811
    process = heap(10, before=OWN)
    path, = process.folder.glob(f"dotnet-diagnostic-{process.pid}-*-socket")
    kept = path.with_name("kept")
    path.rename(kept)

    def everything(status, words):
        for route in ("gcdump", "heapdump", "heap"):
            assert words in refusal(service, process, route, status), route
        file = process.folder / "taken"
        asked = subprocess.run([PROCSCOPE, "gcdump", str(process.pid), "-o", file], capture_output=True, text=True, timeout=120)
        assert asked.returncode != 0 and words in asked.stderr and asked.stderr.count("\n") == 1 and not file.exists(), asked.stderr
        stacks = service.json(f"/api/processes/{process.pid}/stacks")  # come all the same
        assert words in stacks["runtime"]["error"] and stacks["threads"]
        assert service.get(f"/processes?pid={process.pid}").status == 200
        assert victim.was_told() == b""

    another = f"process {process.pid} another process listens ({os.getpid()})"
    os.link(victim.path, path)  # its own, from a volume that both have
    everything(403, another)
    path.unlink()
    path.touch()
    inside(process, "mount", "--bind", victim.path, path)  # seen there alone
    everything(403, another)
    inside(process, "umount", path)
    path.unlink()
    os.chown(victim.path, OTHER, OTHER)
    os.link(victim.path, path)
    everything(409, "no diagnostics socket")
    path.unlink()
    for make in (lambda: path.symlink_to(victim.path), lambda: path.symlink_to(f"/proc/{os.getpid()}/root{victim.path}"), lambda: os.mkfifo(path), path.mkdir):
        make()
        everything(409, "no diagnostics socket")
        path.rmdir() if path.is_dir() else path.unlink()
    kept.rename(path)
    assert service.get(f"/api/processes/{process.pid}/gcdump?format=raw").status == 200


@needs("dotnet")
def test_a_tmpdir_that_leads_out(service, heap, victim):  # noqa: F811
    """By a link of /proc, which the kernel follows to wherever a process is."""
    out = f"/proc/{os.getpid()}/root{victim.path.parent}"
    process = heap(10, before=(*OWN, "sh", "-c", 'rm -f "$TMPDIR/out"; ln -s "$0" "$TMPDIR/out"; export TMPDIR="$TMPDIR/out"; exec "$@"', out))
    path, = victim.path.parent.glob(f"dotnet-diagnostic-{process.pid}-*-socket")
    path.unlink()
    victim.path.rename(path)
    assert "can't be reached" in refusal(service, process, "gcdump", 500)
    assert victim.was_told() == b""


@needs("java")
def test_the_socket_of_a_java_virtual_machine(service, jvm, victim):  # noqa: F811
    process = jvm(before=(*OWN, "sh", "-c", 'mount -t tmpfs none /tmp && exec "$@"', "sh"))
    path = f"/tmp/.java_pid{process.pid}"
    seen = pathlib.Path(f"/proc/{process.pid}/root{path}")

    def everything(words):
        until_it_says(words, lambda: ask_java(PROCSCOPE, process.pid))
        for route in ("heapdump", "heap"):
            assert words in refusal(service, process, route, 403), route
        assert victim.was_told() == b""

    seen.touch()
    inside(process, "mount", "--bind", victim.path, path)
    everything("another process listens")
    inside(process, "umount", path)
    seen.unlink()
    for make in (lambda: seen.symlink_to(f"/proc/{os.getpid()}/root{victim.path}"), lambda: os.mkfifo(seen)):
        make()
        everything("not the Java virtual machine's own socket")
        seen.unlink()
    os.chown(victim.path, OTHER, OTHER)
    seen.touch()
    inside(process, "mount", "--bind", victim.path, path)
    everything("not the Java virtual machine's own socket")
    inside(process, "umount", path)
    seen.unlink()
    assert "error" not in ask_java(PROCSCOPE, process.pid)["runtime"]
