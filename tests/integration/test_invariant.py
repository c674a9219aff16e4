"""A dump is of one instant: a target that writes a counter to a register and to two distant areas in lockstep, flat out,
shows all three agreeing in every dump taken while it runs, of each form and in each mode: 200 of snapshots.

The dumps are read by a few lines of Python here, as somebody else would write them; gdb is asked about some of them.
"""
import array
import json
import mmap
import os
import re
import struct

import pytest

from conftest import MODES, TARGETS
from test_dump_readers import needs, run

DUMPS = {"snapshot": 200, "stop": 50}
X86 = os.uname().machine == "x86_64"


class Core:
    """An ELF core: a counter's value by thread, and memory."""

    def __init__(self, data):
        assert data[:6] == b"\x7fELF\x02\x01"
        offset, = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        self.data, self.ranges, self.counters = data, [], {}
        for i in range(count):
            kind, _, start, address, _, length = struct.unpack_from("<IIQQQQ", data, offset + i * size)
            if kind == 1:
                self.ranges.append((address, length, start))
            elif kind == 4:
                self.read_notes(start, start + length)

    def read_notes(self, at, end):
        while at < end:
            name_size, size, kind = struct.unpack_from("<III", self.data, at)
            at += 12 + (name_size + 3) // 4 * 4
            if kind == 1:  # NT_PRSTATUS: pid at 32, general registers at 112, rbx the sixth, x19 the twentieth
                thread, = struct.unpack_from("<I", self.data, at + 32)
                self.counters[thread], = struct.unpack_from("<Q", self.data, at + 112 + 8 * (5 if X86 else 19))
            at += (size + 3) // 4 * 4

    def words(self, address, count):
        for start, length, offset in self.ranges:
            if start <= address and address + 8 * count <= start + length:
                at = offset + address - start
                return array.array("Q", self.data[at:at + 8 * count])
        raise AssertionError(f"{address:#x} is not in the dump")


class Minidump(Core):
    def __init__(self, data):
        signature, _, streams, directory = struct.unpack_from("<4sIII", data, 0)
        assert signature == b"MDMP"
        self.data, self.ranges, self.counters = data, [], {}
        found = {}
        for i in range(streams):
            kind, _, at = struct.unpack_from("<III", data, directory + 12 * i)
            found[kind] = at
        threads, = struct.unpack_from("<I", data, found[3])
        for i in range(threads):
            at = found[3] + 4 + 48 * i
            thread, = struct.unpack_from("<I", data, at)
            context, = struct.unpack_from("<I", data, at + 44)  # rbx at 0x90 of it, x19 the twentieth from 8
            self.counters[thread], = struct.unpack_from("<Q", data, context + (0x90 if X86 else 8 + 8 * 19))
        count, offset = struct.unpack_from("<QQ", data, found[9])
        for i in range(count):
            address, length = struct.unpack_from("<QQ", data, found[9] + 16 + 16 * i)
            self.ranges.append((address, length, offset))
            offset += length


def check(facts, dump):
    """Returns the counters, which are not to stand still from dump to dump."""
    counters = []
    for thread in facts["threads"]:
        register = dump.counters[thread["id"]]
        last = []
        for place in ("low", "high"):
            words = dump.words(thread[place], facts["slots"])
            newest = max(words)
            at = newest % facts["slots"]
            # the numbers after it in its area are the oldest: each slot is exactly that far behind
            assert words[at + 1:] + words[:at + 1] == array.array("Q", range(newest - facts["slots"] + 1, newest + 1)), (
                thread, place)
            last.append(newest)
        low, high = last
        assert high <= low <= register <= high + 1, (thread, register, low, high)
        counters.append(register)
    return counters


def take(procscope, pid, path, form, mode):
    run(procscope, "dump", pid, "--type", 2, "--format", form, "--quiet", "--force", "--output", path, *MODES[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form,reader", [("raw", Minidump), ("core", Core)])
def test_every_dump_is_of_one_instant(procscope, target, tmp_path, form, reader, mode):
    facts = json.loads(target("lockstep").first_line)
    path = tmp_path / f"lockstep.{form}"
    before = [0] * len(facts["threads"])
    moved = 0
    for _ in range(DUMPS[mode]):
        take(procscope, facts["pid"], path, form, mode)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            now = check(facts, reader(data))
        moved += sum(new > old for old, new in zip(before, now))
        before = now
    assert moved > DUMPS[mode]  # it ran on


@needs("gdb")
@pytest.mark.parametrize("mode", MODES)
def test_gdb_sees_the_same(procscope, target, tmp_path, mode):
    facts = json.loads(target("lockstep").first_line)
    for number in range(5):
        path = tmp_path / f"{number}.core"
        take(procscope, facts["pid"], path, "core", mode)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            counters = dict(zip((thread["id"] for thread in facts["threads"]), check(facts, Core(data))))
        lines = ["thread apply all -q printf \"counter %lu\\n\", $" + ("rbx" if X86 else "x19")]
        for thread in facts["threads"]:
            slot = 8 * (counters[thread["id"]] % facts["slots"])
            lines += [f"x/gd {thread[place] + slot}" for place in ("low", "high")]
        text = run("gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "info threads",
                   *(part for line in lines for part in ("-ex", line)), TARGETS / "lockstep", path).stdout.decode()
        seen = {int(value) for value in re.findall(r"^counter (\d+)$", text, re.M)}
        assert seen >= set(counters.values()), text
        words = [int(value) for value in re.findall(r"^0x[0-9a-f]+.*:\s+(\d+)$", text, re.M)]
        assert len(words) == 2 * len(counters)
        for at, thread in enumerate(facts["threads"]):
            counter = counters[thread["id"]]
            for word in words[2 * at:2 * at + 2]:
                assert word in (counter, counter - facts["slots"])  # written, or just about to be


def test_a_copy_of_no_instant_breaks_it(target):
    """What the tests above would say of a dump whose memory was read while the target ran."""
    class Running:
        def __init__(self, pid):
            self.counters = dict.fromkeys((thread["id"] for thread in facts["threads"]), 0)
            self.memory = open(f"/proc/{pid}/mem", "rb", buffering=0)

        def words(self, address, count):
            self.memory.seek(address)
            return array.array("Q", self.memory.read(8 * count))

    facts = json.loads(target("lockstep").first_line)
    running = Running(facts["pid"])
    with running.memory, pytest.raises(AssertionError):
        check(facts, running)
