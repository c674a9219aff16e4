import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { address, ask, type Heap } from "../model/api";
import { type Count, counted, type Counts, noCounts, opened, pick } from "../model/counts";
import { bytes, visible } from "../model/format";
import { FILE_MAX, readHeap } from "../model/heap";
import type { Process } from "../model/processes";
import { type HeapForm, heapOf } from "../model/runtimes";
import { leave, nameOf, save, take } from "../parts/download";
import { ProblemBox, words } from "../parts/problem";
import { Types } from "./types";

/** Those of the process that was looked at last: they stay while one looks at another tab. */
let kept: { id: number; start: number; counts: Counts } | undefined;

function useCounts({ id, start }: Process): [Counts, (change: (before: Counts) => Counts) => void] {
  const [counts, setCounts] = useState(kept?.id === id && kept.start === start ? kept.counts : noCounts);
  return [
    counts,
    (change) =>
      setCounts((before) => {
        kept = { id, start, counts: change(before) };
        return kept.counts;
      }),
  ];
}

const clock = (date: Date): string => date.toLocaleTimeString("en", { hour12: false });
const whose = (live: boolean): string => (live ? "alive" : "all");

/** When a count of a file was made, as far as it says. */
function dated({ runtime, live, time_stamp }: Heap): string {
  const date = new Date(time_stamp ?? "");
  const when = Number.isNaN(date.getTime()) ? [] : [`${date.toLocaleDateString("en-CA")} ${clock(date)}`];
  return [...when, ...(runtime === undefined ? [] : [runtime]), whose(live)].join(", ");
}

/** The file for other programs. */
function Download({ id, form, live }: { id: number; form: HeapForm; live: string }) {
  const [isSure, setSure] = useState(false);
  const [told, setTold] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const url = address(id, form.route, { ...form.query, ...(form.hasAll ? { live } : {}) });
  /** As large as the heap: the browser's own download, once it is known that there will be one. */
  const large = async (): Promise<void> => {
    try {
      await ask(url, { method: "HEAD" });
    } catch {
      await (await ask(url)).body?.cancel(); // says why
    }
    leave(url, "");
    setTold("The browser's downloads show how far it is.");
  };
  const small = async (): Promise<void> => {
    const { blob, answer } = await take(url, new AbortController().signal, (size) => setTold(`${bytes(size)} …`));
    const name = nameOf(answer.headers.get("Content-Disposition"), `heap_${id}${form.ending}`);
    save(blob, name);
    setTold(`${name} is there, ${bytes(blob.size)}.`);
  };
  const download = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    setTold("Asking …");
    try {
      await (form.hasContents ? large() : small());
    } catch (problem) {
      setTold("");
      setError(problem);
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" disabled={isBusy || (form.hasContents && !isSure)} title={`for ${form.readers}`} onClick={() => void download()}>Download {form.ending}</button>
      {form.hasContents ? (
        <label class="sure">
          <input type="checkbox" checked={isSure} onChange={(event) => setSure(event.currentTarget.checked)} />
          I know that passwords, keys and data of users will be in this file.
        </label>
      ) : (
        <span class="soft">for {form.readers}; what stands in the objects is not in it.</span>
      )}
      <span class="soft" role="status">{told}</span>
      {error !== undefined && <ProblemBox error={error} />}
    </>
  );
}

function Choice({ title, all, value, none, set }: { title: string; all: Count[]; value: number; none?: string; set: (number: number) => void }) {
  return (
    <label>
      {title}{" "}
      <select value={value} onChange={(event) => set(Number(event.currentTarget.value))}>
        {none !== undefined && <option value={0}>{none}</option>}
        {all.map((one) => <option key={one.number} value={one.number}>{one.title}</option>)}
      </select>
    </label>
  );
}

/** From a file: yesterday's, or another instance's. */
function Open({ take }: { take: (title: string, heap: Heap) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState("");
  const read = async (file: File | undefined): Promise<void> => {
    setError("");
    if (!file) return;
    const name = visible(file.name);
    try {
      if (file.size > FILE_MAX) throw new Error(`it has more than ${bytes(FILE_MAX)}`);
      const heap = readHeap(await file.text());
      take(`${name} (${visible(dated(heap))})`, heap);
    } catch (problem) {
      setError(`${name} can't be taken for a count of a heap: ${words(problem)}. Such files come from “Save”, or from procscope heap PID --json.`);
    }
    if (input.current) input.current.value = ""; // so that the same may be opened again
  };
  return (
    <>
      <input ref={input} type="file" accept=".json,application/json" hidden aria-label="A saved count" onChange={(event) => void read(event.currentTarget.files?.[0])} />
      <button type="button" title="one that was saved, of this process or another" onClick={() => input.current?.click()}>Open a saved one …</button>
      {error !== "" && <ProblemBox error={error} />}
    </>
  );
}

function Compare({ counts, change, name }: { counts: Counts; change: (change: (before: Counts) => Counts) => void; name: string }) {
  const shown = pick(counts, counts.shown);
  const before = counts.against === counts.shown ? undefined : pick(counts, counts.against);
  // the same as long as they are: else all types would be gone through whenever the process is heard of
  const types = useMemo(() => shown && <Types key={before === undefined ? "one" : "two"} now={shown.heap} before={before?.heap} />, [shown, before]);
  if (shown === undefined) return null;
  const store = (): void => {
    const time = (shown.heap.time_stamp ?? new Date().toISOString()).slice(0, 19).replace(/[-:]/g, "");
    save(new Blob([JSON.stringify(shown.heap)], { type: "application/json" }), `heap_${name.replace(/[^\w.-]/g, "_")}_${time}.json`);
  };
  return (
    <>
      <div class="actions" role="group" aria-label="Counts">
        <Choice title="Shown" all={counts.all} value={counts.shown} set={(shown) => change((before) => ({ ...before, shown }))} />
        <Choice title="compared with" all={counts.all.filter((one) => one.number !== counts.shown)} value={before?.number ?? 0} none="nothing" set={(against) => change((before) => ({ ...before, against }))} />
        <button type="button" title="as JSON, for comparing later: here, or by procscope heap PID --compare" onClick={store}>Save</button>
      </div>
      {types}
    </>
  );
}

const choices = [
  ["true", "Those alive", "after a full collection: what is really held"],
  ["false", "All", "those that nothing reaches any more, too; no collection, and sooner done"],
] as const;

function Told({ process, form }: { process: Process; form: HeapForm }) {
  const [live, setLive] = useState("true");
  const [counts, setCounts] = useCounts(process);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const control = useRef<AbortController>();
  useEffect(() => () => control.current?.abort(), []);
  const run = async (): Promise<void> => {
    const { signal } = (control.current = new AbortController());
    setBusy(true);
    setError(undefined);
    try {
      // once: each time it would stand still
      const heap = (await (await ask(address(process.id, "/heap", form.hasAll ? { live } : {}), { signal })).json()) as Heap;
      setCounts((before) => counted(before, `${clock(new Date())}${form.hasAll ? `, ${whose(heap.live)}` : ""}`, heap));
    } catch (problem) {
      if (signal.aborted) return;
      setError(problem);
    }
    setBusy(false);
  };
  return (
    <>
      <p>Which objects there are, and what they take. {form.cost}</p>
      {form.hasAll && (
        <fieldset class="choose">
          <legend>Objects</legend>
          {choices.map(([value, title, text]) => (
            <label key={value}>
              <input type="radio" name="live" value={value} checked={live === value} onChange={() => setLive(value)} />
              <span><b>{title}</b> <span class="soft">{text}</span></span>
            </label>
          ))}
        </fieldset>
      )}
      <div class="actions">
        <button type="button" class="main" disabled={isBusy} onClick={() => void run()}>{counts.all.length === 0 ? "Count them" : "Count them again"}</button>
        <Open take={(title, heap) => setCounts((before) => opened(before, title, heap))} />
        <Download id={process.id} form={form} live={live} />
      </div>
      {isBusy && <p class="soft" role="status">Counting …</p>}
      {error !== undefined && <ProblemBox error={error} />}
      <Compare counts={counts} change={setCounts} name={process.name} />
    </>
  );
}

/** What fills the heap of a runtime that can tell. Nothing is asked of it before somebody says so: it stands still for that. */
export function HeapTab({ process }: { process: Process }) {
  const form = heapOf(process.runtime);
  if (form === undefined) return <p>{visible(process.runtime ?? "Its runtime")} has no heap that could be told about.</p>;
  return <Told process={process} form={form} />;
}
