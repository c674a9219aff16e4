"""Programs of .NET for the tests: compiled here, as targets and as readers of files."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from test_dump_readers import run

ENVIRONMENT = {**os.environ, "DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1", "DOTNET_CLI_USE_MSBUILD_SERVER": "0"}


def newest(pattern):
    folder = pathlib.Path(shutil.which("dotnet") or "/").resolve().parent
    found = sorted(folder.glob(pattern), key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])
    return found[-1] if found else None


def compile_alone(source, folder):
    """With the compiler itself, as a program named like its source: a project would have packages restored."""
    compiler, runtime = newest("sdk/*/Roslyn/bincore/csc.dll"), newest("shared/Microsoft.NETCore.App/*/System.Runtime.dll")
    if not compiler or not runtime:
        pytest.skip("no .NET SDK")
    libraries = [runtime.parent / f"System.{name}.dll" for name in ("Private.CoreLib", "Runtime", "Console", "Threading", "Collections", "Linq", "Diagnostics.StackTrace", "Diagnostics.Process")]
    program = folder / f"{source.stem}.dll"
    run("dotnet", compiler, "-nologo", f"-out:{program}", *(f"-r:{path}" for path in libraries), source)
    program.with_suffix(".runtimeconfig.json").write_text(json.dumps({"runtimeOptions": {
        "framework": {"name": "Microsoft.NETCore.App", "version": runtime.parent.name}}}))
    return program


def build_reader(sources, folder):
    """A project of tests/integration that needs packages; the test is skipped where these can't be had."""
    if not shutil.which("dotnet"):
        pytest.skip("no dotnet")
    for source in sources.iterdir():
        shutil.copy(source, folder)
    alone = ("-nodeReuse:false", "-p:UseSharedCompilation=false")  # nothing stays behind that serves the next build
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["dotnet", "restore", *alone], cwd=folder, env=ENVIRONMENT, capture_output=True, timeout=300)
    if not (folder / "obj" / "project.assets.json").exists():
        pytest.skip(f"no NuGet packages for {sources.name}")
    run("dotnet", "build", "--no-restore", *alone, "-c", "Release", "-o", folder / "out", cwd=folder, env=ENVIRONMENT, timeout=600)

    def read(*arguments):
        return json.loads(run("dotnet", folder / "out" / f"{sources.name}.dll", *arguments, env=ENVIRONMENT, timeout=600).stdout)

    return read


def install_tool(name, version, folder):
    """A tool of .NET from NuGet; the test is skipped where that can't be had."""
    if not shutil.which("dotnet"):
        pytest.skip("no dotnet")
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["dotnet", "tool", "install", name, "--tool-path", folder, "--version", version], env=ENVIRONMENT,
                       capture_output=True, timeout=300, check=False)
    if not (folder / name).exists():
        pytest.skip(f"no {name} from NuGet")
    return folder / name
