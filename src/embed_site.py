#!/usr/bin/python3
"""Makes the page (web/) and turns it into one C file: embed_site.py OUT.c WEB auto|on|off.

Its files become site_files[] of api/site.h, each as it is and compressed by gzip. With auto, where npm is missing or can't fetch what it needs, or with
off, there are none: the service then has a plain page. A page that can be built but has faults is an error. What was built stands in WEB/dist and is used
again as long as nothing has changed, by whatever build folder asks.
"""
import fcntl
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def fingerprint(web):
    """Of all that a build depends on."""
    digest = hashlib.sha256()
    files = [web / name for name in ("index.html", "package.json", "package-lock.json", "vite.config.ts")]
    for path in [*files, *sorted((web / "src").rglob("*"))]:
        if path.is_file() and ".test." not in path.name:
            digest.update(f"{path.relative_to(web)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def npm(web, *arguments):
    """(good, what it said)"""
    done = subprocess.run(["npm", *arguments], cwd=web, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          text=True, errors="replace", env={**os.environ, "NODE_ENV": ""})
    return done.returncode == 0, done.stdout


def fetch(web):
    """What the build needs, and no more; what the checks need as well (npm ci) will do."""
    mark = web / "node_modules" / ".package-lock.json"  # npm's own
    if (web / "node_modules" / "vite").is_dir() and mark.exists() and mark.stat().st_mtime >= (web / "package-lock.json").stat().st_mtime:
        return True
    good, said = npm(web, "ci", "--omit=dev")
    if not good:
        print(f"npm ci in {web}:\n{said}", file=sys.stderr)
    return good


def build(web, wish):
    """True once WEB/dist is of today."""
    stamp = web / "dist" / ".stamp"
    wanted = fingerprint(web)
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    if not shutil.which("npm") or not fetch(web):
        print("warning: the page is left out, since npm is missing or can't fetch what it needs; the service gets a plain one", file=sys.stderr)
        if wish == "on":
            sys.exit(1)
        return False
    good, said = npm(web, "run", "build")
    if not good:
        sys.exit(f"npm run build in {web}:\n{said}")
    stamp.write_text(wanted)
    return True


def literal(data):
    return ",\n".join(",".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32)) or "0"


def write(out, folder):
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in TYPES] if folder else []
    text = ['/* Made by embed_site.py. */', '#include "api/site.h"', ""]
    rows = []
    for number, path in enumerate(files):
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        text.append(f"static const unsigned char plain_{number}[] = {{\n{literal(data)}}};")
        text.append(f"static const unsigned char packed_{number}[] = {{\n{literal(packed)}}};")
        name = path.relative_to(folder).as_posix()
        rows.append(f'    {{"{name}", "{TYPES[path.suffix]}", plain_{number}, {len(data)}, packed_{number}, {len(packed)}}},')
    text += ["const struct site_file site_files[] = {", *rows, "    {0},", "};", ""]
    pathlib.Path(out).write_text("\n".join(text), encoding="ascii")


def main():
    out, web, wish = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    built = False
    if wish != "off" and os.access(web, os.W_OK):
        with (web / ".lock").open("w") as lock:  # several build folders may ask at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            built = build(web, wish)
    write(out, web / "dist" if built else None)


main()
