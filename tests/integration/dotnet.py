"""Programs of .NET for the tests: compiled here, as targets and as readers of files."""
import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

from conftest import ROOT, wait_until
from test_dump_readers import run, tasks

ENVIRONMENT = {**os.environ, "DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1", "DOTNET_CLI_USE_MSBUILD_SERVER": "0"}
STANDS = ROOT / "tests" / "targets" / "languages" / "Stands.cs"
ALONE = ("-nodeReuse:false", "-p:UseSharedCompilation=false")  # nothing stays behind that serves the next build


def newest(pattern):
    folder = pathlib.Path(shutil.which("dotnet") or "/").resolve().parent
    found = sorted(folder.glob(pattern), key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])
    return found[-1] if found else None


def compile_alone(source, folder, runtime=None, also=()):
    """With the compiler itself, as a program named like its source: a project would have packages restored. runtime: a
    library of another one; also: further libraries."""
    compiler, runtime = newest("sdk/*/Roslyn/bincore/csc.dll"), runtime or newest("shared/Microsoft.NETCore.App/*/System.Runtime.dll")
    if not compiler or not runtime:
        pytest.skip("no .NET SDK")
    libraries = [runtime.parent / f"System.{name}.dll" for name in ("Private.CoreLib", "Runtime", "Console", "Threading", "Collections", "Linq", "Diagnostics.StackTrace", "Diagnostics.Process", *also)]
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
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["dotnet", "restore", *ALONE], cwd=folder, env=ENVIRONMENT, capture_output=True, timeout=300)
    if not (folder / "obj" / "project.assets.json").exists():
        pytest.skip(f"no NuGet packages for {sources.name}")
    run("dotnet", "build", "--no-restore", *ALONE, "-c", "Release", "-o", folder / "out", cwd=folder, env=ENVIRONMENT, timeout=600)

    def read(*arguments):
        return json.loads(run("dotnet", folder / "out" / f"{sources.name}.dll", *arguments, env=ENVIRONMENT, timeout=600).stdout)

    return read


PROJECT = """<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net{framework}</TargetFramework>
    <RuntimeFrameworkVersion>{version}</RuntimeFrameworkVersion>
    <RuntimeIdentifier>linux-x64</RuntimeIdentifier>
    <SelfContained>true</SelfContained>
    <PublishSingleFile>true</PublishSingleFile>
    <EnableSingleFileAnalyzer>false</EnableSingleFileAnalyzer>
    <DisableTransitiveFrameworkReferenceDownloads>true</DisableTransitiveFrameworkReferenceDownloads>
    <InvariantGlobalization>true</InvariantGlobalization>
    <SatelliteResourceLanguages>en</SatelliteResourceLanguages>
  </PropertyGroup>
</Project>
"""


RUNTIME = """<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net$(BundledNETCoreAppTargetFrameworkVersion)</TargetFramework>
  </PropertyGroup>
  <ItemGroup>
    <PackageDownload Include="Microsoft.NETCore.App.Runtime.linux-x64" Version="[{version}]" />
  </ItemGroup>
</Project>
"""


def publish(source, folder, version):
    """The program of one source with a runtime of that version linked into it; the test is skipped where that can't be had."""
    if not shutil.which("dotnet") or platform.machine() != "x86_64":
        pytest.skip("no dotnet for x86-64")
    shutil.copy(source, folder)
    (folder / f"{source.stem}.csproj").write_text(PROJECT.format(framework=version.rpartition(".")[0], version=version))
    done = subprocess.run(["dotnet", "publish", *ALONE, "-c", "Release", "-o", folder / "out"], cwd=folder, env=ENVIRONMENT,
                          capture_output=True, timeout=600, check=False)
    if not (folder / "obj" / "project.assets.json").exists() or b"error NU" in done.stdout:
        pytest.skip(f"no .NET {version} from NuGet")
    assert done.returncode == 0, done.stdout.decode()
    return folder / "out" / source.stem


def install_runtime(folder, version):
    """A runtime of that version as it would be installed: its `dotnet`, and a library of it. Skipped likewise."""
    if not shutil.which("dotnet") or platform.machine() != "x86_64":
        pytest.skip("no dotnet for x86-64")
    (folder / "runtime.csproj").write_text(RUNTIME.format(version=version))
    subprocess.run(["dotnet", "restore", *ALONE], cwd=folder, env=ENVIRONMENT, capture_output=True, timeout=600, check=False)
    packages = pathlib.Path(os.environ.get("NUGET_PACKAGES") or pathlib.Path.home() / ".nuget" / "packages")
    package = packages / "microsoft.netcore.app.runtime.linux-x64" / version / "runtimes" / "linux-x64"
    if not package.exists():
        pytest.skip(f"no .NET {version} from NuGet")
    framework, host = folder / "shared" / "Microsoft.NETCore.App" / version, folder / "host" / "fxr" / version
    host.mkdir(parents=True)
    shutil.copytree(package / "native", framework)
    shutil.copytree(package / "lib" / f"net{version.rpartition('.')[0]}", framework, dirs_exist_ok=True)
    shutil.copy(package / "native" / "libhostfxr.so", host)
    shutil.copy(pathlib.Path(shutil.which("dotnet")).resolve(), folder / "dotnet")
    return folder / "dotnet", framework / "System.Runtime.dll"


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


def dotnet_dump(folder):
    """analyze(core, commands...): what dotnet-dump says to all of them."""
    program = install_tool("dotnet-dump", "10.0.750501", folder)

    def analyze(core, *commands):
        words = [part for one in (*commands, "exit") for part in ("-c", one)]
        return run(program, "analyze", core, *words, env=ENVIRONMENT).stdout.decode()

    return analyze


@contextlib.contextmanager
def start_stands(sleeper, folder, own=(), **variables):
    """Stands.cs (own: another command for it), with what its threads have told of their stacks: name -> methods. Its socket, which a runtime that is
    killed leaves behind, is in a place of its own. process.between, bound to the name "between" there, is for who wants to stand between it and us: the
    process itself has called listen(), so to the kernel it is the process's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place, socket.socket(socket.AF_UNIX) as between:
        between.bind(f"{place}/between")
        if not own and not (folder / "Stands.dll").exists():
            compile_alone(STANDS, folder)
        process = sleeper(*(own or ("dotnet", folder / "Stands.dll")), stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": place, **variables},
                          preexec_fn=between.listen)
        process.between = between
        lines = [process.first_line]
        while lines[-1] != "ready":
            lines.append(process.stdout.readline().decode().rstrip("\n"))
        process.told = {line.split(" ", 1)[0]: line.split(" ", 1)[1].split("|") for line in lines[:-1]}
        process.folder = pathlib.Path(place)
        wait_until(lambda: len(names_of(process.pid, process.told)) == 3, "threads with their names")
        yield process


def names_of(pid, wanted):
    names = {thread: pathlib.Path(f"/proc/{pid}/task/{thread}/comm").read_text(errors="replace").rstrip("\n") for thread in tasks(pid)}
    return {thread: name for thread, name in names.items() if name in wanted}


def plain(method):
    """As everybody writes it: with types by their last names and how many arguments there are, without those of types."""
    method = re.sub(r"\[\[.*?\]\]|`\d+\[[\w.]+\]|`\d+|<(?=!|Known|System)[^<>]*>|\[,\]|\[\]", "", method)
    name, _, arguments = method.partition("(")
    return name, len([one for one in arguments.rstrip(")").split(",") if one.strip()])


def sos_stacks(answer):
    """Of each thread the methods, innermost first; not what of the runtime's own lies between."""
    found, frames = {}, None
    for line in answer.splitlines():
        if match := re.match(r"OS Thread Id: 0x([0-9a-f]+)", line):
            frames = found.setdefault(int(match[1], 16), [])
        elif frames is not None and (match := re.match(r"[0-9A-Fa-f]{16} [0-9A-Fa-f]{16} (?!\[)(.*)", line)):
            frames.append(match[1].strip())
    return found
