"""Stripped programs in Go against the same unstripped: the names of functions, and of what is not inlined the lines."""
import os
import pathlib
import re
import subprocess

import pytest

from conftest import PROCSCOPE
from test_dump_readers import needs, run
from test_image_places import PLACES

SOURCE = """
package main

import (
	"fmt"
	"os"
	"sync"
)

var never sync.Mutex
var sink int

//go:noinline
func innermost(n int) int { never.Lock(); return n }

func inlined(n int) int { return innermost(n) + 1 }

type thing struct{ value string }

//go:noinline
func (t *thing) method(n int) int { return inlined(n) + 1 }

//go:noinline
func work(n int) { for { n = step(n) } }

//go:noinline
func step(n int) int { sink += n; return sink }

func main() {
	fmt.Println("ready")
	never.Lock()
	t := thing{"x"}
	go work(1)
	os.Exit(t.method(1))
}
"""
STEP = 23


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(SOURCE)
    environment = {**os.environ, "GOCACHE": str(folder / "cache"), "GOFLAGS": "-mod=mod", "GO111MODULE": "off", "CGO_ENABLED": "0"}
    for name, flags in (("whole", []), ("stripped", ["-ldflags=-s -w"]), ("no-lines", ["-ldflags=-w"]),
                        ("pie", ["-buildmode=pie"]), ("pie-stripped", ["-buildmode=pie", "-ldflags=-s -w"])):
        run("go", "build", *flags, "-o", folder / name, folder / "main.go", env=environment, timeout=600)
    return folder


def section(path, name):
    said = run("readelf", "-SW", path).stdout.decode()
    found = re.search(rf" {re.escape(name)} +\w+ +(\w+) +\w+ +(\w+)", said)
    return int(found.group(1), 16), int(found.group(2), 16)


def places(path, addresses):
    """Address -> [(function, file, line)], innermost first."""
    said = subprocess.run([PLACES, path], input="".join(f"{address:#x}\n" for address in addresses), capture_output=True, text=True,
                          check=True, timeout=300).stdout
    found = {}
    for line in said.splitlines():
        if re.fullmatch(r"0x[0-9a-f]{16}", line):
            found[int(line, 16)] = current = []
        elif len(current) and len(current[-1]) == 1:
            file, _, number = line.rpartition(":")
            current[-1] += (pathlib.Path(file).name, number)
        else:
            current.append((line,))
    return found


def of_go(path, addresses):
    """Address -> (function, file, line), out of the same table by Go's own reader of it."""
    said = subprocess.run(["go", "tool", "addr2line", path], input="".join(f"{address:#x}\n" for address in addresses),
                          capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()
    return {address: (said[2 * i], *split(said[2 * i + 1])) for i, address in enumerate(addresses)}


def split(place):
    file, _, line = place.rpartition(":")
    return pathlib.Path(file).name, line


@needs("go")
@pytest.mark.parametrize("whole, stripped", [("whole", "stripped"), ("whole", "no-lines"), ("pie", "pie-stripped")])
def test_as_unstripped(built, whole, stripped):
    """Names as DWARF has them, lines as the table has them; of what DWARF says is inlined none."""
    start, size = section(built / whole, ".text")
    assert section(built / stripped, ".text") == (start, size)
    addresses = range(start, start + size, STEP)
    expected, found, go = places(built / whole, addresses), places(built / stripped, addresses), of_go(built / whole, addresses)
    names = lines = inlined = 0
    for address in addresses:
        theirs, ours = expected[address], found[address]
        if theirs[0][0] == "??" or theirs[-1][0].startswith("type..") or theirs[-1][0] == "go.buildid":
            continue
        assert len(ours) == 1 and plain(ours[0][0]) == plain(theirs[-1][0]), (hex(address), theirs, ours)
        names += 1
        lines += ours[0][2] != "0"
        inlined += len(theirs) > 1 and ours[0][2] != "0"
        # Go's own reader finds the table of a PIE no longer
        assert ours[0][2] == "0" or ours[0][1:] == go[address][1:] or go[address][0] == "?", (hex(address), go[address], ours)
    assert names > 10000 and lines > 0.5 * names, (names, lines)
    assert inlined < 0.01 * names, (names, inlined)  # the two don't agree on each instruction


def plain(name):
    """Symbols tell which calling convention a function has."""
    return re.sub(r"\.abi(0|internal)$", "", name)


@needs("go")
def test_stacks_of_a_stripped_program(built, sleeper):
    process = sleeper(str(built / "stripped"), stdout=subprocess.PIPE)
    text = run(PROCSCOPE, "stack", process.pid).stdout.decode()
    assert re.search(r"runtime\.futex\+0x\w+ \(stripped\) at \S+/sys_linux_\w+\.s:\d+", text), text
    assert re.search(r"main\.(work|step)\+0x\w+ \(stripped\) at \S+/main\.go:(24|27)", text), text
