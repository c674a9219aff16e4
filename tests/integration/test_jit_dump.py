"""Functions that Node compiles while it runs, by what it writes down for perf with --perf-prof."""
import json
import shutil
import subprocess

import pytest

from test_dump_readers import run

CODE = """const cell = new Int32Array(new SharedArrayBuffer(4));
function innermost() {
  process.stdout.write("ready\\n");
  Atomics.wait(cell, 0, 0);
}
function middle(n) {
  return n > 0 ? middle(n - 1) : innermost();
}
function outer() {
  return middle(2);
}
outer();
"""


@pytest.mark.skipif(not shutil.which("node"), reason="no node")
def test_of_node(procscope, sleeper, tmp_path):
    script = tmp_path / "deep.js"
    script.write_text(CODE)
    process = sleeper("node", "--perf-prof", "--always-sparkplug", script, stdout=subprocess.PIPE, cwd=tmp_path)
    assert process.first_line == "ready"
    if not any(b"innermost" in path.read_bytes() for path in tmp_path.glob("jit-*.dump")):
        pytest.skip("this node does not write down such functions")
    thread = json.loads(run(procscope, "stack", process.pid, process.pid, "--json").stdout)
    mine = [frame["function"] for frame in thread["frames"] if str(script) in frame.get("function", "")]
    names = [name.split()[0].split(":", 1)[1].lstrip("^*~") for name in mine]
    assert names[:5] == ["innermost", "middle", "middle", "middle", "outer"]
    places = [int(name.rsplit(":", 2)[1]) for name in mine][:5]
    assert places == [2, 6, 6, 6, 9]
    # what is told of lines is right, or nothing is: Node 20 tells rubbish of some
    lines = {"innermost": (3, 4), "middle": (7,), "outer": (10,)}
    for frame in thread["frames"]:
        for name, right in lines.items():
            if f"{name} {script}" in frame.get("function", "") and "line" in frame:
                assert frame["line"] in right
