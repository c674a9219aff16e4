import { address, type Memory, type MemorySum } from "../model/api";
import { bytes, count, visible } from "../model/format";
import { Show, useGet } from "../parts/load";
import { MemoryMap, weight } from "./map";

const meanings: Record<string, string> = {
  heap: "what malloc took by brk",
  stack: "of the first thread",
  anonymous: "without a file: malloc's arenas, threads' stacks, heaps of runtimes",
  code: "executable parts of files",
  data: "of files, written into a copy of its own",
  file: "of files, read only or written back",
  shared: "with other processes",
  kernel: "the kernel's, such as the vdso",
};

const SHOWN_MAX = 300;
const MAPPINGS_MAX = 20_000; // beyond it the picture is of files: the answer would have several MiB

function Bar({ sum, most }: { sum: MemorySum; most: number }) {
  const width = (value: number | undefined): string => `${most === 0 ? 0 : (100 * (value ?? 0)) / most}%`;
  return (
    <span class="bar" aria-hidden="true">
      <span class="own" style={{ width: width(sum.private_dirty) }} />
      <span class="clean" style={{ width: width(sum.private_clean) }} />
      <span class="shared" style={{ width: width(sum.shared) }} />
      <span class="swap" style={{ width: width(sum.swap) }} />
    </span>
  );
}

function Sums({ title, sums, most, named }: { title: string; sums: MemorySum[]; most: number; named: boolean }) {
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">{title}</caption>
        <thead>
          <tr>
            <th scope="col">{named ? "What" : "Kind"}</th>
            <th scope="col" class="number">In memory</th>
            <th scope="col"><span class="hidden">As a picture</span></th>
            <th scope="col" class="number" title="a page that three processes have counts a third">Its share</th>
            <th scope="col" class="number" title="changed, and nobody else's">Its own</th>
            <th scope="col" class="number">Swap</th>
            <th scope="col" class="number">Addresses</th>
          </tr>
        </thead>
        <tbody>
          {sums.slice(0, SHOWN_MAX).map((sum, i) => (
            <tr key={i}>
              <td class="what">
                {named && sum.name !== undefined ? <span class="copy">{visible(sum.name)}</span> : sum.kind}{" "}
                <span class="soft">{named ? (sum.name === undefined ? "" : sum.kind) : meanings[sum.kind]}</span>
                {sum.deleted && <span class="badge warn">deleted</span>}
              </td>
              <td class="number">{bytes(sum.rss)}</td>
              <td><Bar sum={sum} most={most} /></td>
              <td class="number">{bytes(sum.pss)}</td>
              <td class="number">{sum.private_dirty ? bytes(sum.private_dirty) : ""}</td>
              <td class="number">{sum.swap ? bytes(sum.swap) : ""}</td>
              <td class="number soft">{bytes(sum.size)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The picture comes on its own: the sums are there sooner. */
function Picture({ id, memory }: { id: number; memory: Memory }) {
  // `at` is nothing to the service: the picture is asked for anew when the sums have changed
  const inDetail = memory.total.mappings <= MAPPINGS_MAX;
  const loaded = useGet<Memory>(inDetail ? address(id, "/memory", { details: "true", at: memory.total.rss.toString() }) : "");
  return <MemoryMap sums={loaded.value?.mappings ?? memory.items} />;
}

/** What takes the space. */
export function MemoryTab({ id }: { id: number }) {
  const loaded = useGet<Memory>(address(id, "/memory"));
  return (
    <Show loaded={loaded}>
      {(memory) => {
        const kinds = [...memory.kinds].sort((a, b) => weight(b) - weight(a));
        const items = [...memory.items].sort((a, b) => weight(b) - weight(a));
        const most = Math.max(1, ...kinds.map(weight));
        return (
          <>
            <div class="actions">
              <span><b>{bytes(memory.total.rss)}</b> in memory, <b>{bytes(memory.total.pss)}</b> by its share of what is shared{memory.total.swap ? <>, <b>{bytes(memory.total.swap)}</b> swapped out</> : null}</span>
              <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Refresh</button>
            </div>
            <Picture id={id} memory={memory} />
            <h3>By kind</h3>
            <p class="legend soft"><i class="own" /> its own, changed <i class="clean" /> its own, as in the file <i class="shared" /> shared <i class="swap" /> swapped out</p>
            <Sums title="By kind" sums={kinds} most={most} named={false} />
            <h3>By file</h3>
            <Sums title="By file" sums={items} most={most} named={true} />
            {items.length > SHOWN_MAX && <p class="soft">and {count(items.length - SHOWN_MAX, "more", "more")}, all smaller</p>}
          </>
        );
      }}
    </Show>
  );
}
