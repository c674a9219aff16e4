"""Functions, source lines and what is inlined, for every address of a program's code: LLVM's reader of DWARF finds the same.

elfutils's finds the same lines; it shares libdw with us, but not the way to the unit and the function. The programs are
built by several compilers, with several versions of DWARF.
"""
import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT
from test_dump_readers import needs, run

SOURCES = ROOT / "tests" / "targets" / "languages"
PLACES = BUILD / "tests" / "unwind" / "places"
ADDRESSES = 6000  # of large programs as many, evenly spread

BUILDS = {
    "gcc-O0": ["g++", "-g", "-O0"],
    "gcc-O2": ["g++", "-g", "-O2"],
    "gcc-O3-dwarf4": ["g++", "-g", "-gdwarf-4", "-O3"],
    "gcc-O2-compressed": ["g++", "-g", "-gz", "-O2"],
    "gcc-O2-types": ["g++", "-g", "-fdebug-types-section", "-O2"],
    "gcc-lto": ["g++", "-g", "-O2", "-flto"],
    "gcc-static": ["g++", "-g", "-O2", "-static", "-no-pie"],
    "clang-O0": ["clang++", "-g", "-O0"],
    "clang-O2": ["clang++", "-g", "-O2"],
    "clang-O2-dwarf4": ["clang++", "-g", "-gdwarf-4", "-O2"],
    "clang-sections": ["clang++", "-g", "-O2", "-ffunction-sections", "-Wl,--gc-sections"],
    "rust-O1": ["rustc", "-g", "-C", "opt-level=1"],
    "rust-v0": ["rustc", "-g", "-C", "opt-level=2", "-C", "symbol-mangling-version=v0"],
}


def code_of(program):
    text = run("readelf", "-SW", program).stdout.decode()
    address, size = (int(n, 16) for n in re.search(r" \.text +PROGBITS +(\w+) +\w+ +(\w+)", text).groups())
    return range(address, address + size, max(1, size // ADDRESSES))


def answers(text):
    """{address: [(function, file name, line), ...]}, innermost first."""
    found, lines = {}, []
    for line in text.splitlines():
        if re.fullmatch(r"0x[0-9a-f]+", line):
            lines = found.setdefault(int(line, 16), [])
        else:
            lines.append(line)
    places = {}
    for address, lines in found.items():
        places[address] = []
        for function, place in zip(lines[::2], lines[1::2]):
            file, _, line = re.sub(r" \(discriminator \d+\)$", "", place).rpartition(":")
            places[address].append((function, os.path.basename(file), int(line) if line.isdigit() else 0))
    return places


def ask(command, addresses):
    text = "".join(f"{address:#x}\n" for address in addresses)
    result = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return answers(result.stdout)


def plain(name):
    """What of a name does not depend on who demangled it: its last part, without arguments and parameters."""
    name = re.sub(r"( \[clone.*\]| \(\.[\w.]+\)|\.(cold|constprop|isra|part|llvm|lto_priv)\b.*)", "", name)
    name = re.sub(r"'lambda\d*'|\{lambda\(.*?\)#\d+\}|\{\{closure\}\}|\{closure#\d+\}", "lambda", name)
    name = re.sub(r"\boperator\b.*", "operator", re.sub(r"::h[0-9a-f]{16}$|\$\w+\$", "", name))
    while (shorter := re.sub(r"<[^<>]*>|\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]", "", name)) != name:
        name = shorter
    return re.split(r"::| ", name.replace(" const", "").strip(": "))[-1]


def same_names(ours, theirs):
    """LLVM 14 gives up on some names of C++ 20, and leaves those of Rust's first form half mangled."""
    return all(plain(one[0]) == plain(other[0]) for one, other in zip(ours, theirs)
               if not other[0].startswith(("_Z", "_R")) and "$" not in other[0])


def knows_lines(places):
    return any(line for _, _, line in places)


@pytest.fixture(scope="module", params=BUILDS)
def program(request, tmp_path_factory):
    command = BUILDS[request.param]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    path = tmp_path_factory.mktemp(request.param) / "program"
    run(*command, SOURCES / ("waits.rs" if command[0] == "rustc" else "inlined.cc"), "-o", path)
    return path


@needs("llvm-symbolizer")
def test_llvm_agrees(program):
    addresses = code_of(program)
    ours = ask([PLACES, program], addresses)
    theirs = ask(["llvm-symbolizer", "--output-style=GNU", "-afi", f"--obj={program}"], addresses)
    known = [address for address in addresses if knows_lines(theirs[address])]
    assert len(known) > 20
    wrong = [address for address in known if [place[1:] for place in ours[address]] != [place[1:] for place in theirs[address]]]
    misnamed = [address for address in known if address not in wrong and not same_names(ours[address], theirs[address])]
    show = [(hex(address), ours[address], theirs[address]) for address in (wrong + misnamed)[:3]]
    assert not wrong and not misnamed, f"{len(wrong)} and {len(misnamed)} of {len(known)}: {show}"


@needs("eu-addr2line")
def test_elfutils_agrees(program):
    addresses = code_of(program)
    ours = ask([PLACES, program], addresses)
    text = subprocess.run(["eu-addr2line", "-e", str(program)], input="".join(f"{a:#x}\n" for a in addresses),
                          capture_output=True, text=True, timeout=300).stdout
    theirs = dict(zip(addresses, text.splitlines()))
    wrong = []
    for address in addresses:
        file, line = re.match(r"(.*?):(\d+)", theirs[address]).groups()
        # it lets the last line before a gap reach over it
        if int(line) and knows_lines(ours[address]) and ours[address][0][1:] != (os.path.basename(file), int(line)):
            wrong.append((hex(address), ours[address], theirs[address]))
    assert not wrong, f"{len(wrong)} of {len(addresses)}: {wrong[:3]}"
