"""Real answers of every route against what openapi.json says of them."""
import json
import re

import jsonschema
import pytest

JSON = "application/json"
BODIES = {"MonitorMetricsWish": {"includeDefaultProviders": True, "providers": [{"providerName": "procscope", "counterNames": ["thread-count"]}]},
          "MonitorTraceWish": {"providers": [{"name": "System.Runtime", "keywords": "0x1", "eventLevel": "Informational", "arguments": {"a": "b"}}]}}


@pytest.fixture(scope="module")
def document(service):
    return service.json("/openapi.json")


def resolve(document, schema):
    """The schema with its references looked up in the document."""
    return {**schema, "components": document["components"]}


def check(document, response, answer):
    content = response["content"]
    got = answer.headers["Content-Type"].split(";")[0]
    assert got in content, (got, list(content))
    if schema := content[got].get("schema"):
        jsonschema.Draft202012Validator(resolve(document, schema)).validate(answer.json())


def fill(path, process, values):
    known = {"id": process.pid, **values}
    return re.sub(r"{(\w+)}", lambda match: str(known[match.group(1)]), path)


def test_schemas_are_schemas(document):
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_answer_is_as_described(service, document, target):
    process = target("shapes", "threads", "3")
    detail = service.json(f"/api/processes/{process.pid}")
    values = {"tid": detail["threads"][-1]["id"], "base": detail["modules"][0]["base_address"], "filter": "all",
              "subscriptionId": "s", "resourceGroupName": "g", "name": "any", "slot": "production", "instanceId": service.json("/api/instances/self")["id"]}
    checked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method == "delete" or path.endswith("/stop"):
                continue  # they end the process, or a profile that was begun: below
            if path == "/api/events":
                continue  # it has no end: test_events.py
            if path == "/operations/{operationId}":
                values["operationId"] = service.json("/operations")[0]["operationId"]  # /dump and others came before
            for parameter in re.findall(r"{(\w+)}", path):
                assert parameter in {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            query = {"/profile": "?seconds=1", "/handles": "?name=libc", "/start": "?durationSeconds=1"}.get(path[path.rindex("/"):], "")
            if any(p["name"] == "uid" for p in operation["parameters"]):
                query = f"?pid={process.pid}" + ("&durationSeconds=1" if path in ("/trace", "/livemetrics") else "")
            body = None
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"][JSON]["schema"]
                body = json.dumps(BODIES[schema["$ref"].rpartition("/")[2]])
                jsonschema.Draft202012Validator(resolve(document, schema)).validate(json.loads(body))
            answer = service.request(method.upper(), fill(path, process, values) + query, body=body)
            responses = operation["responses"]
            # a program in C; with a runtime: test_gcdump.py, test_heap_java.py, test_dotnet_trace.py
            heapless = (path.endswith(("/gcdump", "/heap", "/heapdump")) or body and path == "/trace") and answer.status == 501
            response = responses["default" if heapless else str(answer.status)]
            assert response, (path, answer.status, answer.body[:300])
            check(document, response, answer)
            checked += 1
    assert checked > 80


def test_errors_are_as_described(service, document):
    answers = [service.get("/api/processes/99999999"), service.get("/nothing"), service.request("PUT", "/api/processes"),
               service.get("/api/processes/0/dump?dumpType=x"), service.get("/api/processes/%00")]
    for answer in answers:
        assert answer.status >= 400
        check(document, document["paths"]["/api/processes/{id}"]["get"]["responses"]["default"], answer)
        assert answer.json()["status"] == answer.status


def test_an_estimate_and_an_archive_are_as_described(service, document, target):
    process = target("shapes", "threads", "3")
    response = document["paths"]["/api/processes/{id}/dump"]["get"]["responses"]["200"]
    for query in ("estimate=true", "estimate=true&dumpType=2&format=zip", "format=zip", "format=core"):
        answer = service.get(f"/api/processes/{process.pid}/dump?{query}")
        assert answer.status == 200, answer.body
        check(document, response, answer)


@pytest.mark.parametrize("method,path", [("POST", "/api/processes/{id}/stop"), ("DELETE", "/api/processes/{id}")])
def test_ending_is_as_described(service, document, target, method, path):
    process = target("shapes", "threads", "1")
    answer = service.request(method, fill(path, process, {}))
    assert answer.status == 200, answer.body
    check(document, document["paths"][path][method.lower()]["responses"]["200"], answer)


def test_ending_in_arms_form_is_as_described(service, document, target):
    process = target("shapes", "threads", "1")
    path, methods = next((p, m) for p, m in document["paths"].items() if p.startswith("/subscriptions") and "delete" in m)
    values = {"subscriptionId": "s", "resourceGroupName": "g", "name": "any"}
    answer = service.request("DELETE", fill(path, process, values))
    assert str(answer.status) in methods["delete"]["responses"] and answer.status == 204
    process.wait(10)
    answer = service.request("DELETE", fill(path, process, values))
    check(document, methods["delete"]["responses"]["default"], answer)


def test_hostile_processes_are_as_described(service, document, target):
    schema = resolve(document, document["components"]["schemas"]["Process"])
    for shape in ("hostile-name", "zombie-leader"):
        process = target("shapes", shape)
        jsonschema.Draft202012Validator(schema).validate(service.json(f"/api/processes/{process.pid}"))


def test_all_processes_are_as_described(service, document):
    schema = resolve(document, document["components"]["schemas"]["Process"])
    validator = jsonschema.Draft202012Validator(schema)
    for summary in service.json("/api/processes?kernel=true")[:80]:
        answer = service.get(f"/api/processes/{summary['id']}")
        if answer.status == 200:  # else it has ended meanwhile
            validator.validate(answer.json())
