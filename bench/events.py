"""The part of bench/run for the page: what it costs to watch, and how soon and how much a viewer gets."""
import contextlib
import http.client
import json
import shutil
import subprocess
import threading
import time

from measure import ROOT, cpu_ns, family, row, service

SECONDS = 15


class Viewer(threading.Thread):
    """Takes events until the service ends, and counts."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.bytes, self.first_ms = address, 0, None
        self.began = threading.Event()

    def run(self):
        connection = http.client.HTTPConnection(self.address)
        began = time.monotonic()
        connection.request("GET", "/api/events")
        answer = connection.getresponse()
        with contextlib.suppress(Exception):  # it ends with the service
            while piece := answer.read1(1 << 16):
                self.first_ms = self.first_ms or (time.monotonic() - began) * 1000
                self.bytes += len(piece)
                self.began.set()


def in_browser(address):
    """What the page says of itself; None without a browser or npm's playwright-core."""
    if not shutil.which("chromium") or not (ROOT / "tests" / "node_modules" / "playwright-core").exists():
        return None
    out = subprocess.run(["node", ROOT / "bench" / "page.mjs", f"http://{address}/", "8"], stdout=subprocess.PIPE, check=True, timeout=300).stdout
    return json.loads(out)


def events():
    for processes, viewers, most in ((1000, 10, 5), (5000, 1, 8)):
        sleepers = [subprocess.Popen(["sleep", "1000"]) for _ in range(processes)]
        try:
            with service() as served:
                watching = [Viewer(served.address) for _ in range(viewers)]
                for one in watching:
                    one.start()
                for one in watching:
                    one.began.wait()
                time.sleep(3)  # the first sample reads all, and is not what it costs to go on
                pids, bytes_before, began = family(served.pid), watching[0].bytes, time.monotonic()
                before = cpu_ns(pids)
                time.sleep(SECONDS)
                took = time.monotonic() - began
                share = (cpu_ns(pids) - before) / took / 1e7
                rate = (watching[0].bytes - bytes_before) / took / 1024
                page = in_browser(served.address)
            row(f"events, {processes:,} processes, {viewers} viewers: CPU", f"{share:.1f} %", "of a core", f"{share / most:.2f}", f"at most 1.00 of {most} %")
            row("  first rows; then a viewer gets", f"{max(one.first_ms for one in watching):.0f} ms", f"{rate:.1f} KiB/s", "", "")
            if page:
                row("  first rows in Chromium; then the page takes", f"{page['first_ms']:.0f} ms", f"{page['share']:.1f} % of a core", "", "")
        finally:
            for sleeper in sleepers:
                sleeper.kill()
            for sleeper in sleepers:
                sleeper.wait()
