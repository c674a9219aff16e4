"""Timers of event loops under repeated dumps: these loops wait in epoll_wait with the time to the next timer.

A call that is made again after a stop starts its timeout afresh, if nobody shortens it: with ten dumps in an interval
the timer would be late by nine tenths of it.
"""
import re
import shutil
import subprocess
import time

import pytest

from conftest import MODES, is_busy, read_line
from test_dump_readers import run

INTERVALS_MS = 2000, 4000, 8000, 16000  # the next where a machine was busy; a timer that starts afresh is late every time
DUMPS = 10

JAVASCRIPT = """
const began = process.hrtime.bigint();
console.log('ready');
setTimeout(() => { console.log(Number(process.hrtime.bigint() - began) / 1e9); process.exit(0); }, Number(process.argv[1]));
"""

PYTHON = """
import asyncio, sys, time
async def main():
    began = time.monotonic()
    print("ready", flush=True)
    await asyncio.sleep(int(sys.argv[1]) / 1000)
    print(time.monotonic() - began, flush=True)
asyncio.run(main())
"""

# The network poller waits in epoll_pwait where something is registered with it: a listener.
GO = """
package main

import ("fmt"; "net"; "os"; "time")

func main() {
	if listener, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		go listener.Accept()
	}
	time.Sleep(50 * time.Millisecond)
	interval, _ := time.ParseDuration(os.Args[1] + "ms")
	began := time.Now()
	fmt.Println("ready")
	<-time.After(interval)
	fmt.Println(time.Since(began).Seconds())
}
"""

JAVA = """
public class Timer {
    public static void main(String[] arguments) throws Exception {
        java.nio.channels.Selector selector = java.nio.channels.Selector.open();
        selector.select(1);
        long began = System.nanoTime();
        System.out.println("ready");
        selector.select(Long.parseLong(arguments[0]));
        System.out.println((System.nanoTime() - began) / 1e9);
    }
}
"""


def want(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"no {program}")


def of_node(folder):
    want("node")
    return ["node", "-e", JAVASCRIPT]


def of_python(folder):
    want("/usr/bin/python3")
    return ["/usr/bin/python3", "-c", PYTHON]


def of_go(folder):
    want("go")
    (folder / "timer.go").write_text(GO)
    run("go", "build", "-o", folder / "timer", folder / "timer.go", cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "GOCACHE": str(folder / "cache"), "GO111MODULE": "off"})
    return [folder / "timer"]


def of_java(folder):
    want("java", "javac")
    (folder / "Timer.java").write_text(JAVA)
    run("javac", folder / "Timer.java")
    return ["java", "-Xmx64m", "-cp", folder, "Timer"]


def take_dumps(procscope, process, mode, within):
    """Spread over that many seconds; how many there were before its end."""
    began = time.monotonic()
    for number in range(DUMPS):
        time.sleep(max(0.0, began + within * (number + 1) / DUMPS - time.monotonic()))
        while (done := run(procscope, "dump", process.pid, "--quiet", "--output", "-", *MODES[mode], check=False)).returncode != 0:
            if not is_busy(done.stderr):
                assert process.wait(30) == 0, done.stderr
                return number
    return DUMPS


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("prepare", [of_node, of_python, of_go, of_java], ids=["node", "python", "go", "java"])
def test_timers_are_in_time(procscope, sleeper, tmp_path, prepare, mode):
    command = [str(part) for part in prepare(tmp_path)]
    said = []
    for interval in (ms / 1000 for ms in INTERVALS_MS):
        process = sleeper(*command, str(int(interval * 1000)), stdout=subprocess.PIPE)
        taken = take_dumps(procscope, process, mode, interval * 0.9)
        said.append((taken, interval, float(re.fullmatch(r"[\d.]+", read_line(process))[0])))
        assert said[-1][2] >= interval - 0.002  # Node and Java count in milliseconds
        if taken == DUMPS and said[-1][2] < interval * 1.45:
            return
    raise AssertionError(said)
