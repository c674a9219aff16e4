"""Dumps of managed heaps beside those of the runtimes' own tools."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from measure import PROCSCOPE, ROOT, median, peak_while, row

OBJECTS = 9_500_000  # of 112 bytes; dotnet-gcdump reads no more than 10 million
MEBIBYTES = 1024  # of Java


@contextlib.contextmanager
def started(*command, **options):
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
    try:
        while process.stdout.readline().strip() not in (b"ready", b""):
            pass
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


def alternately(times, *commands, **options):
    """Of each command the medians of its seconds and of its peak in MiB; None of one that never came to an end."""
    found = [[] for _ in commands]
    for _ in range(times):
        for runs, command in zip(found, commands):
            with contextlib.suppress(AssertionError):
                runs.append(peak_while(command, stdout=subprocess.DEVNULL, **options))
    return [runs and tuple(median([run[i] for run in runs]) for i in range(2)) or None for runs in found]


def dotnet(folder):
    sys.path.append(str(ROOT / "tests" / "integration"))
    from dotnet import ENVIRONMENT, compile_alone, install_tool
    source = folder / "BenchHeap.cs"
    shutil.copy(ROOT / "bench" / "Heap.cs", source)
    program, tool = compile_alone(source, folder), install_tool("dotnet-gcdump", "10.0.750501", folder / "tools")
    environment = {**ENVIRONMENT, "TMPDIR": str(folder)}
    with started("dotnet", program, str(OBJECTS), env=environment) as process:
        ours, theirs = alternately(3, [PROCSCOPE, "gcdump", process.pid, "-f", "-o", folder / "ours"],
                                   [tool, "collect", "-p", process.pid, "-o", folder / "theirs.gcdump", "--timeout", "120"], env=environment)
    what = f".gcdump of {OBJECTS / 1e6:.1f} million objects, 1 GiB: "
    if not theirs:
        return print(what + "dotnet-gcdump did not come to an end")
    row(what + "time", f"{ours[0]:.1f} s", f"dotnet-gcdump {theirs[0]:.1f} s", f"{ours[0] / theirs[0]:.2f}", "at most 1.00")
    row("  peak", f"{ours[1]:.0f} MiB", f"dotnet-gcdump {theirs[1]:.0f} MiB", f"{ours[1] / theirs[1]:.2f}", "at most 0.25")
    row("  peak by object, with 3 references each", f"{ours[1] * 2**20 / OBJECTS:.1f} B", "", f"{ours[1] * 2**20 / OBJECTS / 40:.2f}", "at most 1.00 of 40 B")


def java(folder):
    subprocess.run(["javac", "-d", folder, ROOT / "tests" / "targets" / "languages" / "Heap.java"], check=True)
    with started("java", "-Xmx2g", "-XX:+UseSerialGC", "-cp", folder, "Heap", "1000000", str(MEBIBYTES)) as process:
        ours, theirs = alternately(3, [PROCSCOPE, "heapdump", process.pid, "-f", "-o", folder / "ours"],
                                   ["jcmd", process.pid, "GC.heap_dump", "-overwrite", folder / "theirs.hprof"])
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"/tmp/.java_pid{process.pid}")
    row("heap dump of Java, 1 GiB: time", f"{ours[0]:.2f} s", f"jcmd {theirs[0]:.2f} s", f"{ours[0] / theirs[0]:.2f}", "at most 1.50")
    row("  peak", f"{ours[1]:.1f} MiB", "", f"{ours[1] / 16:.2f}", "at most 1.00 of 16 MiB")


def node(folder):
    theirs, ours = [], []
    with started("node", "--max-old-space-size=4096", ROOT / "bench" / "heap.cjs", folder / "theirs") as process:
        for _ in range(3):
            process.send_signal(signal.SIGUSR2)
            theirs.append(float(process.stdout.readline()))
            ours.append(peak_while([PROCSCOPE, "heapdump", process.pid, "-f", "-o", folder / "ours"], stdout=subprocess.DEVNULL))
        size = (folder / "ours").stat().st_size / 2**20
    seconds, peak = (median([run[i] for run in ours]) for i in range(2))
    row(f"heap snapshot of Node, 200 MiB, {size:.0f} MiB written: time", f"{seconds:.1f} s", f"its own {median(theirs):.1f} s", f"{seconds / median(theirs):.2f}", "at most 1.25")
    row("  peak", f"{peak:.1f} MiB", "", f"{peak / 16:.2f}", "at most 1.00 of 16 MiB")


def heaps():
    from pytest import skip
    for tool, measure in (("dotnet", dotnet), ("javac", java), ("node", node)):
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="heaps-") as folder:
            os.chmod(folder, 0o755)
            if not shutil.which(tool):
                print(f"no {tool}: heaps of it are left out")
                continue
            try:
                measure(pathlib.Path(folder))
            except skip.Exception as reason:
                print(f"heaps of {tool} are left out: {reason}")
