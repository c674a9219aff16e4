"""Files whose debug information is made to keep a reader busy for minutes: the stacks come all the same, with what the
symbol table says, and the answer tells whose lines are missing. No times are measured: without a bound these tests
would run into the time that a command may take."""
import json
import struct
import subprocess
import sys

import pytest

from conftest import PROCSCOPE
from test_dump_readers import run

SOURCE = """
__attribute__((noinline)) void waits(int (*wait)(void)) { wait(); __asm__ volatile(""); }
"""
WAITER = """
import ctypes, sys
library, c = ctypes.CDLL(sys.argv[1]), ctypes.CDLL(None)
print("waiting", flush=True)
library.waits(ctypes.cast(c.pause, ctypes.c_void_p))
"""
UNIT, FUNCTION, SCATTERED, BLOCK, BARE = 1, 2, 3, 4, 5
COMPILE_UNIT, SUBPROGRAM, LEXICAL_BLOCK = 0x11, 0x2E, 0x0B
LOW_PC, HIGH_PC, RANGES = 0x11, 0x12, 0x55
ADDRESS, DATA8, SECTION_OFFSET = 0x01, 0x07, 0x17
ABBREVIATIONS = b"".join(
    bytes([code, tag, children, *(part for form in forms for part in form), 0, 0])
    for code, tag, children, forms in (
        (UNIT, COMPILE_UNIT, 1, [(LOW_PC, ADDRESS), (RANGES, SECTION_OFFSET)]),
        (FUNCTION, SUBPROGRAM, 1, [(LOW_PC, ADDRESS), (HIGH_PC, DATA8)]),
        (SCATTERED, SUBPROGRAM, 0, [(RANGES, SECTION_OFFSET)]),
        (BLOCK, LEXICAL_BLOCK, 0, [(RANGES, SECTION_OFFSET)]),
        (BARE, LEXICAL_BLOCK, 1, []),
    )) + b"\0"
ALL, NOTHING = 0, 32  # the lists of ranges: one that covers the file; a million that cover nothing
RANGE_LISTS = struct.pack("<4Q", 2, 1 << 20, 0, 0) + struct.pack("<2Q", 2, 2) * 1000000 + bytes(16)


def unit(ranges, entries):
    body = struct.pack("<HIB", 4, 0, 8) + struct.pack("<BQI", UNIT, 0, ranges) + entries + b"\0"
    return struct.pack("<I", len(body)) + body


def function(start, entries):
    return struct.pack("<BQQ", FUNCTION, start, 4096) + entries + b"\0"


def scattered(code):
    return struct.pack("<BI", code, NOTHING)


SHAPES = {
    "units": lambda start: unit(NOTHING, b"") * 50000 + unit(ALL, function(start, b"")),
    "functions": lambda start: unit(ALL, scattered(SCATTERED) * 1000000 + function(start, b"")),
    "blocks": lambda start: unit(ALL, function(start, scattered(BLOCK) * 1000000)),
    # what comes behind an entry is sought behind all that stands within it, at each depth
    "descendants": lambda _: unit(ALL, bytes([BARE]) * 10000000 + bytes(10000000)),
}


@pytest.fixture
def built(tmp_path):
    def build(shape):
        source, library = tmp_path / "waits.c", tmp_path / "hostile.so"
        source.write_text(SOURCE)
        run("cc", "-shared", "-fPIC", "-O1", "-g0", "-o", library, source)
        symbol = next(line for line in run("nm", library).stdout.decode().splitlines() if line.endswith(" T waits"))
        sections = {".debug_info": SHAPES[shape](int(symbol.split()[0], 16)), ".debug_abbrev": ABBREVIATIONS,
                    ".debug_ranges": RANGE_LISTS}
        for name, contents in sections.items():
            (tmp_path / name).write_bytes(contents)
            run("objcopy", "--add-section", f"{name}={tmp_path / name}", library)
            (tmp_path / name).unlink()
        return library
    yield build
    (tmp_path / "hostile.so").unlink()


@pytest.mark.parametrize("shape", SHAPES)
def test_debug_information_without_end(built, sleeper, shape):
    library = built(shape)
    process = sleeper(sys.executable, "-c", WAITER, str(library), stdout=subprocess.PIPE)
    assert process.first_line.strip() == "waiting"
    answer = json.loads(run(PROCSCOPE, "stack", process.pid, "--json").stdout)
    assert answer["given_up"] == ["hostile.so"] and answer["given_up_count"] == 1
    frames = answer["threads"][0]["frames"]
    waits = next(frame for frame in frames if frame.get("function") == "waits")
    assert waits["module"] == "hostile.so" and "line" not in waits
    assert answer["threads"][0]["end"] == "outermost"
    text = run(PROCSCOPE, "stack", process.pid).stdout.decode()
    assert "since it took too long: hostile.so.\n" in text
    profile = run(PROCSCOPE, "profile", process.pid, "--mode", "wall", "-s", "1", "--format", "folded", "-o", "-")
    assert b"waits" in profile.stdout and b"Names or lines of 1 files are missing" in profile.stderr
    assert "given_up" not in json.loads(run(PROCSCOPE, "stack", process.pid, "--json", "--no-lines").stdout)
