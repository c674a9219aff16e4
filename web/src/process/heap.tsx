import { useState } from "preact/hooks";
import { address, type Heap } from "../model/api";
import { bytes, count, visible } from "../model/format";
import { leave, nameOf, save, take } from "../parts/download";
import { Show, useGet } from "../parts/load";
import { ProblemBox } from "../parts/problem";
import { type Sortable, useSorting } from "../parts/sorting";

const SHOWN_MAX = 1000;

type Type = Heap["types"][number];

/** How a runtime tells of its heap: counts by type, or a graph for other programs; undefined: not at all. */
export function heapOf(runtime: string | undefined): "count" | "graph" | undefined {
  if (runtime?.startsWith(".NET")) return "graph";
  return runtime !== undefined && /^Java(?! \(OpenJ9\))/.test(runtime) ? "count" : undefined;
}

const columns: Sortable<Type>[] = [
  { title: "Bytes", isNumber: true, key: (one) => one.bytes, tip: "of the objects themselves, without what they refer to" },
  { title: "Objects", isNumber: true, key: (one) => one.count },
  { title: "Type", key: (one) => one.type.toLowerCase() },
];

function Types({ heap }: { heap: Heap }) {
  const [filter, setFilter] = useState("");
  const { sort, titles } = useSorting(columns, 0);
  const found = heap.types.filter((one) => one.type.toLowerCase().includes(filter.toLowerCase()));
  return (
    <>
      <div class="actions">
        <label><span class="hidden">Filter types</span><input type="search" placeholder="Filter types" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
        <span class="soft" role="status">
          {count(heap.count ?? 0, "object")} of {count(heap.types.length, "type")}, {bytes(heap.bytes ?? 0)}{heap.live ? "" : ", with those that nothing reaches any more"}
        </span>
      </div>
      <div class="scroll">
        <table>
          <caption class="hidden">What fills the heap</caption>
          <thead>{titles}</thead>
          <tbody>
            {sort(found).slice(0, SHOWN_MAX).map((one) => (
              <tr key={`${one.type} ${one.module ?? ""}`}>
                <td class="number">{bytes(one.bytes)}</td>
                <td class="number">{one.count.toLocaleString("en")}</td>
                <td><code>{visible(one.type)}</code> <span class="soft">{visible(one.module ?? "")}</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length > SHOWN_MAX && <p class="soft">and {count(found.length - SHOWN_MAX, "more type")}</p>}
    </>
  );
}

function Counted({ id, live }: { id: number; live: string }) {
  const loaded = useGet<Heap>(address(id, "/heap", { live }));
  return <Show loaded={loaded}>{(heap) => <Types heap={heap} />}</Show>;
}

/** Through the page, so that it can say why it failed. */
function Graph({ id }: { id: number }) {
  const [size, setSize] = useState<number | undefined>();
  const [error, setError] = useState<unknown>();
  const [done, setDone] = useState("");
  const download = async (): Promise<void> => {
    setError(undefined);
    setDone("");
    setSize(0);
    try {
      const { blob, answer } = await take(address(id, "/gcdump", { format: "raw" }), new AbortController().signal, setSize);
      const name = nameOf(answer.headers.get("Content-Disposition"), `heap_${id}.gcdump`);
      save(blob, name);
      setDone(name);
    } catch (problem) {
      setError(problem);
    }
    setSize(undefined);
  };
  return (
    <>
      <p>Which objects of which types there are and what refers to what, without what stands in them: for PerfView, Visual Studio, dotnet-gcdump. The program stands still for a full collection.</p>
      <p><button type="button" class="main" disabled={size !== undefined} onClick={() => void download()}>Take a .gcdump</button></p>
      {size !== undefined && <p role="status">{bytes(size)} …</p>}
      {done !== "" && <p role="status"><b>{done}</b> is there.</p>}
      {error !== undefined && <ProblemBox error={error} />}
    </>
  );
}

/** What fills the heap of a runtime that can tell. Nothing is asked of it before somebody says so: it stands still for that. */
export function HeapTab({ id, runtime }: { id: number; runtime: string | undefined }) {
  const [live, setLive] = useState("true");
  const [turn, setTurn] = useState(0);
  const [isSure, setSure] = useState(false);
  const [told, setTold] = useState(false);
  const form = heapOf(runtime);
  if (form === "graph") return <Graph id={id} />;
  if (form === undefined) return <p>{visible(runtime ?? "Its runtime")} has no heap that could be told about.</p>;
  return (
    <>
      <p>Which objects there are, and what they take. For that the program stands still: counting for one collection, a download to its last byte (a GiB takes about a second, or as long as the network does).</p>
      <fieldset class="choose">
        <legend>Objects</legend>
        {([["true", "Those alive", "after a full collection: what is really held"], ["false", "All", "those that nothing reaches any more, too; no collection, and sooner done"]] as const).map(([value, title, text]) => (
          <label key={value}>
            <input type="radio" name="live" value={value} checked={live === value} onChange={() => { setLive(value); setTurn(0); }} />
            <span><b>{title}</b> <span class="soft">{text}</span></span>
          </label>
        ))}
      </fieldset>
      <p class="actions">
        <button type="button" class="main" onClick={() => setTurn(turn + 1)}>{turn === 0 ? "Count them" : "Count them again"}</button>
        <button type="button" disabled={!isSure} onClick={() => { leave(address(id, "/heapdump", { live }), ""); setTold(true); }}>Download the heap</button>
        <label class="sure">
          <input type="checkbox" checked={isSure} onChange={(event) => setSure(event.currentTarget.checked)} />
          I know that passwords, keys and data of users will be in this file.
        </label>
      </p>
      {told && <p class="soft" role="status">The browser's downloads show how far it is.</p>}
      {turn > 0 && <Counted key={`${live} ${turn}`} id={id} live={live} />}
    </>
  );
}
