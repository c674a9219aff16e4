"""Pages of strangers in Chromium: across origins, in a sandbox, and by DNS rebinding. They read nothing, and nothing is taken, begun, changed or ended."""
import json
import os
import re
import signal
import subprocess

import pytest

from test_access import basic, token
from test_page import CHROMIUM, HERE, pytestmark  # noqa: F401

ARM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/procscope"


def in_chromium(service, given):
    done = subprocess.run(["node", HERE / "stranger.mjs", service.url, json.dumps(given)], stdin=subprocess.DEVNULL, capture_output=True, timeout=600,
                          env={**os.environ, "CHROMIUM": CHROMIUM})
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-6000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("is_known, strangers", [(False, ("sameSite", "crossSite", "sandboxed", "rebound")), (True, ("sameSite", "sandboxed"))],
                         ids=["nothing is asked for", "the browser knows the password"])
def test_a_stranger_gets_nothing(serve, sleeper, tmp_path, is_known, strangers):
    audit, tokens = tmp_path / "audit", tmp_path / "tokens"
    secret = token(tokens, "admin")
    headers = basic("x", secret) if is_known else {}
    service = serve("--audit", audit, *(("--tokens", tokens) if is_known else ()))
    if "npm was missing" in service.get("/", headers).body.decode():
        pytest.skip("built without npm")
    idle, profiled = sleeper(), sleeper()
    one, other = f"/api/processes/{idle.pid}", f"/api/processes/{profiled.pid}"
    begun = ("POST", f"{other}/profile/start")
    assert service.request(*begun, headers).status == 200
    reads = ["/api/processes", one, "/processes", "/metrics", "/api/instances", f"{ARM}/processes", f"{ARM}/instances", f"{one}/stacks",
             f"{one}/dump?dumpType=1", f"{one}/profile?seconds=0.1", f"/dump?pid={idle.pid}", f"{other}/profile/stop"]
    given = {
        "what": [("GET", path) for path in reads] + [("POST", f"{one}/profile/start"), ("DELETE", f"{ARM}/processes/{profiled.pid}"), ("POST", f"{one}/stop"), ("DELETE", one)],
        "posts": [f"{one}/stop", f"{one}/profile/start"], "gets": ["/", "/api/processes", f"{one}/dump?dumpType=1", f"{other}/profile/stop"],
        "links": [f"{one}/stacks", f"{other}/profile/stop"], "audit": str(audit), "headers": headers, "who": strangers,
        "credentials": {"username": "x", "password": secret} if is_known else None,
    }
    seen = in_chromium(service, given)

    for who in strangers:
        got = seen["strangers"][who]
        for asked, came in got["fetched"].items():
            assert came.startswith("403: ") if who == "rebound" else came == ("opaque" if asked.endswith("no-cors") else "refused"), (who, asked, came)
        assert set(got["embedded"].values()) == {"refused"}, (who, got["embedded"])
        assert all('"status":403' in came for came in got["followed"].values()), (who, got["followed"])
    # that was the service's doing, and no browser's: all of it came here and was refused; what it did for anybody was asked by us
    counted = re.findall(r'^procscope_http_requests_total\{method="(\w+)",route="([^"]+)",code="(\d+)"\} (\d+)$', seen["figures"], re.MULTILINE)
    assert {(method, route): int(count) for method, route, code, count in counted if int(code) < 400} == {
        ("GET", "/"): 1, ("GET", "/api/processes"): 1, ("POST", "/api/processes/{id}/profile/start"): 1}
    refused = {method: sum(int(count) for how, _, code, count in counted if how == method and code == "403") for method in ("GET", "POST", "OPTIONS")}
    assert refused["GET"] >= 2 * len(reads) * len(strangers)
    assert refused["POST"] >= (4 + 3 * 2) * len(strangers)  # fetched; forms of each kind. Beacons may be under way
    assert refused["OPTIONS"] == 2 * len({*strangers} - {"rebound"})  # of a DELETE across origins browsers ask first
    assert [(line["operation"], line["target"]["id"]) for line in map(json.loads, seen["audit"].splitlines()) if line["event"] == "begin"] == [("profile-start", profiled.pid)]

    # the very same, asked by the service's own page
    assert {asked: came[:3] for asked, came in seen["ours"].items() if came[:3] not in ("200", "204")} == {}
    assert idle.wait() == profiled.wait() == -signal.SIGKILL


def test_a_page_of_a_configured_origin_shows_who_asks(serve, sleeper, tmp_path):
    secret = token(tmp_path / "tokens", "admin")
    service, process = serve("--tokens", tmp_path / "tokens", "--cors-origins", "http://portal.test"), sleeper()
    own = f"/api/processes/{process.pid}"
    what = [("GET", "/api/processes"), ("GET", f"{own}/stacks"), ("GET", f"{own}/dump?dumpType=1"), ("POST", f"{own}/profile/start"), ("DELETE", own)]
    got = in_chromium(service, {"what": what, "headers": basic("x", secret), "credentials": {"username": "x", "password": secret}, "portal": "http://portal.test",
                                "who": []})["portal"]
    for method, path in what:
        path = path.partition("?")[0]
        assert got[f"shown {method} {path}"][:3] in ("200", "204"), got
        # the password that the browser knows lets no page read anything
        assert got.get(f"hidden {method} {path}", "refused") == "refused", got
    assert process.wait(10) == -signal.SIGKILL
