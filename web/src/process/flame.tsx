import { useMemo, useState } from "preact/hooks";
import { visible } from "../model/format";
import { type Box, boxes, type Flame, spots } from "../model/flame";

const LEAST = 0.0015; // of the width: about a pixel and a half
const ROW = 19;

/** One hue, by the name: the same function has the same shade wherever it stands. */
function shade(name: string): string {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
  return `s${Math.abs(hash) % 6}`;
}

function share(value: number, all: number): string {
  return all === 0 ? "" : `${((100 * value) / all).toFixed(1)} %`;
}

export function FlameGraph({ root }: { root: Flame }) {
  const [focus, setFocus] = useState<Flame[]>([root]);
  const [search, setSearch] = useState("");
  const [at, setAt] = useState<Box | undefined>();
  const drawn = useMemo(() => boxes(focus, LEAST), [focus]);
  const depth = drawn.reduce((most, box) => Math.max(most, box.depth), 0);
  const word = search.toLowerCase();
  const told = at?.flame ?? focus[focus.length - 1] ?? root;
  const hot = useMemo(() => spots(root, 12), [root]);
  return (
    <>
      <div class="actions">
        <label><span class="hidden">Search functions</span><input type="search" placeholder="Search functions" value={search} onInput={(event) => setSearch(event.currentTarget.value)} /></label>
        <button type="button" disabled={focus.length === 1} onClick={() => setFocus([root])}>Whole</button>
        <span class="soft told">{visible(told.name)} · {share(told.value, root.value)}{told.own > 0 && ` · itself ${share(told.own, root.value)}`} {visible(told.file)}</span>
      </div>
      <div class="flame" style={{ height: `${(depth + 1) * ROW}px` }} onPointerLeave={() => setAt(undefined)} role="group" aria-label="Flame graph: each function's width is its share of the time">
        {drawn.map((box, i) => (
          <button
            key={i}
            type="button"
            class={`box ${box.depth === 0 ? "root" : shade(box.flame.name)}${word !== "" && box.flame.name.toLowerCase().includes(word) ? " found" : ""}`}
            style={{ left: `${box.left * 100}%`, width: `${box.width * 100}%`, top: `${box.depth * ROW}px` }}
            tabIndex={box.width > 0.02 ? 0 : -1}
            title={`${visible(box.flame.name)} · ${share(box.flame.value, root.value)}`}
            onClick={() => setFocus(box.path)}
            onFocus={() => setAt(box)}
            onPointerEnter={() => setAt(box)}
          >
            {visible(box.flame.name)}
          </button>
        ))}
      </div>
      <h3>Most time by themselves</h3>
      <div class="scroll">
        <table>
          <caption class="hidden">Functions that take most time by themselves</caption>
          <thead><tr><th scope="col" class="number">Itself</th><th scope="col" class="number">With what it calls</th><th scope="col">Function</th></tr></thead>
          <tbody>
            {hot.map((spot) => (
              <tr key={spot.name}>
                <td class="number">{share(spot.own, root.value)}</td>
                <td class="number">{share(spot.total, root.value)}</td>
                <td><button type="button" class="plain" onClick={() => setSearch(spot.name)}>{visible(spot.name)}</button> <span class="soft">{visible(spot.file)}</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
