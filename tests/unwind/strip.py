"""Takes the debug information off a library in the ways that distributions do. usage: strip.py LIBRARY FOLDER

In FOLDER: linked.so, with a link to linked.debug beside it; hidden.so, whose debug file is in .debug/; mini.so, with
its symbols compressed inside; bare.so, with those alone that others may use."""
import pathlib
import shutil
import subprocess
import sys

library, folder = (pathlib.Path(path).resolve() for path in sys.argv[1:])


def run(*command):
    subprocess.run([str(part) for part in command], check=True, cwd=folder)


(folder / ".debug").mkdir(parents=True, exist_ok=True)
run("objcopy", "--only-keep-debug", library, "linked.debug")
shutil.copy(folder / "linked.debug", folder / ".debug" / "hidden.debug")
shutil.copy(folder / "linked.debug", folder / "hidden.debug")
run("objcopy", "--strip-debug", folder / "linked.debug", "symbols")
run("xz", "--keep", "--force", "symbols")
for name in "linked", "hidden", "mini", "bare":
    run("strip", "-o", f"{name}.so", library)
run("objcopy", "--add-gnu-debuglink=linked.debug", "linked.so")
run("objcopy", "--add-gnu-debuglink=hidden.debug", "hidden.so")
(folder / "hidden.debug").unlink()
run("objcopy", "--add-section", ".gnu_debugdata=symbols.xz", "mini.so")
