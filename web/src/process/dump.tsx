import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { address, type Estimate } from "../model/api";
import { bytes, count, microseconds } from "../model/format";
import { leave, nameOf, save, take, THROUGH_PAGE_MAX } from "../parts/download";
import { Show, useGet } from "../parts/load";
import { ProblemBox } from "../parts/problem";

type Choice = Record<string, string>;

function Choose(props: { title: string; value: string; set: (value: string) => void; options: [string, string, string][]; children?: ComponentChildren }) {
  const name = props.title.toLowerCase();
  return (
    <fieldset class="choose">
      <legend>{props.title}</legend>
      {props.options.map(([value, title, text]) => (
        <label key={value}>
          <input type="radio" name={name} value={value} checked={props.value === value} onChange={() => props.set(value)} />
          <span><b>{title}</b> <span class="soft">{text}</span></span>
        </label>
      ))}
    </fieldset>
  );
}

function query(type: string, format: string, compress: string, mode: string): Choice {
  const choice = { dumpType: type, format, mode };
  return format !== "zip" && compress !== "none" ? { ...choice, compress } : choice;
}

function Prospect({ estimate }: { estimate: Estimate }) {
  return (
    <p class="prospect" role="status">
      {estimate.size_is_upper_bound ? "At most " : "About "}<b>{bytes(estimate.size)}</b>, {count(estimate.threads, "thread")}; the process is held for about{" "}
      <b>{microseconds(estimate.expected_pause_microseconds ?? 0)}</b>
      {estimate.mode === "snapshot" ? " and runs on while its memory is read from a copy." : "."}
      {estimate.mode_reason && <span class="soft"> {estimate.mode_reason}</span>}
    </p>
  );
}

type Progress = { size: number } | { done: string; size: number } | { error: unknown } | undefined;

function Taking({ progress, expected, stop }: { progress: Progress; expected: number; stop: () => void }) {
  if (!progress) return null;
  if ("error" in progress) return <ProblemBox error={progress.error} />;
  if ("done" in progress) return <p role="status"><b>{progress.done}</b> is there{progress.size > 0 && `, ${bytes(progress.size)}`}.</p>;
  return (
    <p role="status">
      <progress max={Math.max(expected, progress.size)} value={progress.size} aria-label="Taken" /> {bytes(progress.size)}{" "}
      <button type="button" onClick={stop}>Stop</button>
    </p>
  );
}

export function Dump({ id }: { id: number }) {
  const [type, setType] = useState("0");
  const [format, setFormat] = useState("raw");
  const [compress, setCompress] = useState("none");
  const [mode, setMode] = useState("auto");
  const [isSure, setSure] = useState(false);
  const [progress, setProgress] = useState<Progress>();
  const control = useRef<AbortController>();
  const choice = query(type, format, compress, mode);
  const loaded = useGet<Estimate>(address(id, "/dump", { ...choice, estimate: "true" }));
  const isFull = type === "2";

  useEffect(() => () => control.current?.abort(), []);
  const download = async (): Promise<void> => {
    const url = address(id, "/dump", choice);
    if ((loaded.value?.size ?? 0) > THROUGH_PAGE_MAX) {
      leave(url, "");
      setProgress({ done: "The browser's own download", size: 0 });
      return;
    }
    control.current = new AbortController();
    setProgress({ size: 0 });
    try {
      const { blob, answer } = await take(url, control.current.signal, (size) => setProgress({ size }));
      const name = nameOf(answer.headers.get("Content-Disposition"), `dump_${id}`);
      save(blob, name);
      setProgress({ done: name, size: blob.size });
    } catch (error) {
      setProgress(control.current.signal.aborted ? undefined : { error });
    }
  };
  const isTaking = progress !== undefined && "size" in progress && !("done" in progress);

  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <p>A dump is a picture of the process at one instant, for a debugger. The process is held for a moment and runs on.</p>
      <Choose
        title="Content"
        value={type}
        set={(value) => { setType(value); setSure(false); }}
        options={[
          ["0", "Stacks", "threads, registers, stacks, modules: small, says where every thread is"],
          ["2", "All memory", "every variable, too: as large as its memory, and with all its secrets"],
        ]}
      />
      <Choose
        title="Format"
        value={format}
        set={setFormat}
        options={[
          ["raw", "Minidump", "for lldb, Visual Studio, WinDbg, Breakpad's tools"],
          ["core", "ELF core", "for gdb and lldb"],
          ["zip", "Zip", "a minidump, with the files that a debugger on another machine needs"],
        ]}
      />
      {format !== "zip" && (
        <Choose
          title="Compression"
          value={compress}
          set={setCompress}
          options={[["none", "None", "as it is"], ["zstd", "zstd", "fastest"], ["gzip", "gzip", "opens everywhere"]]}
        />
      )}
      <Choose
        title="Way"
        value={mode}
        set={setMode}
        options={[
          ["auto", "As fits", "a copy-on-write snapshot where one can be made, else held"],
          ["snapshot", "Snapshot", "or not at all"],
          ["stop", "Held", "the process stands still until all is read"],
        ]}
      />
      <Show loaded={loaded}>{(estimate) => <Prospect estimate={estimate} />}</Show>
      {isFull && (
        <label class="sure">
          <input type="checkbox" checked={isSure} onChange={(event) => setSure(event.currentTarget.checked)} />
          I know that passwords, keys and data of users will be in this file.
        </label>
      )}
      <p>
        <button type="button" class="main" disabled={isTaking || loaded.value === undefined || (isFull && !isSure)} onClick={() => void download()}>
          Take the dump
        </button>
      </p>
      <Taking progress={progress} expected={loaded.value?.size ?? 0} stop={() => control.current?.abort()} />
    </form>
  );
}
