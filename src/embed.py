#!/usr/bin/python3
"""Turns files into one C file, and checks what can be checked: embed.py OUT.c HEADER NAME=FILE...

HEADER declares them. NAME becomes `const char asset_NAME[]`; of a .css file also asset_NAME_sha256, base64 as in a security policy; of a
.json file the whole is parsed and written without blanks.
"""
import base64
import hashlib
import json
import sys


def literal(data):
    pieces = [data[i:i + 60] for i in range(0, len(data), 60)]
    return "\n".join("    \"" + "".join(escape(byte) for byte in piece) + "\"" for piece in pieces)


def escape(byte):
    character = chr(byte)
    if character in "\"\\?":
        return "\\" + character
    return character if 32 <= byte < 127 else f"\\{byte:03o}"


out = ["/* Made by embed.py. */", f"#include \"{sys.argv[2]}\"", ""]
for argument in sys.argv[3:]:
    name, path = argument.split("=", 1)
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".json"):
        data = json.dumps(json.loads(data), separators=(",", ":")).encode()
    out.append(f"const char asset_{name}[] =\n{literal(data)};")
    if path.endswith(".css"):
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        out.append(f"const char asset_{name}_sha256[] = \"{digest}\";")
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write("\n".join(out) + "\n")
