"""Opens a dump in lldb and writes what lldb sees as JSON. Runs inside lldb, as Debian's package can't be
imported from outside:

    DUMP=file ANSWER=file REQUESTS="ADDRESS:WORDS ..." [IDS_ONLY=1] lldb-19 --batch -o "command script import lldb_reader.py"
"""
import json
import os

import lldb


def words(process, address, count):
    error = lldb.SBError()
    data = process.ReadMemory(address, count * 8, error)
    if not error.Success() or data is None or len(data) != count * 8:
        return None
    return [int.from_bytes(data[i:i + 8], "little") for i in range(0, count * 8, 8)]


def registers(frame):
    found = {}
    for group in frame.registers:
        for register in group:
            if (register.value or "").startswith("0x"):
                found[register.name] = int(register.value, 16)
    return found


def main():
    debugger = lldb.SBDebugger.Create()
    debugger.SetAsync(False)
    target = debugger.CreateTarget("")
    error = lldb.SBError()
    process = target.LoadCore(os.environ["DUMP"], error)
    if not error.Success() or not process.IsValid():
        raise SystemExit(f"lldb: {error}")
    selected = process.GetSelectedThread()
    answer = {"pid": process.GetProcessID(), "selected": selected.GetThreadID(), "threads": [], "modules": []}
    for thread in process:
        if os.environ.get("IDS_ONLY"):
            answer["threads"].append({"id": thread.GetThreadID()})
            continue
        answer["threads"].append({
            "id": thread.GetThreadID(),
            "frames": [{"function": frame.GetFunctionName(), "pc": frame.GetPC(), "sp": frame.GetSP(), "inlined": frame.IsInlined(),
                        "module": frame.GetModule().GetFileSpec().GetFilename()} for frame in thread],
            "registers": registers(thread.GetFrameAtIndex(0)),
        })
    for module in target.module_iter():
        answer["modules"].append({"path": str(module.GetFileSpec()), "uuid": module.GetUUIDString(),
                                  "base": module.GetObjectFileHeaderAddress().GetLoadAddress(target)})
    answer["memory"] = {}
    for request in os.environ["REQUESTS"].split():
        address, count = (int(part) for part in request.split(":"))
        answer["memory"][request] = words(process, address, count)
    with open(os.environ["ANSWER"], "w", encoding="utf-8") as out:
        json.dump(answer, out)


main()
