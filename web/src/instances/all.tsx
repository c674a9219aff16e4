import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import { isTyping } from "../list/keys";
import { ask, get } from "../model/api";
import { bytes, count, visible } from "../model/format";
import { type Answer, base, Board, figures, type Instance, isOpen, type Seen, title } from "../model/instances";
import { words } from "../parts/problem";
import { Spark } from "../parts/spark";
import type { Known } from "./known";
import { Reason, State } from "./state";

/** What one says of itself: some KiB, and no sampler is begun for it. */
async function look(where: string, signal: AbortSignal): Promise<Answer> {
  const began = performance.now();
  const text = await (await ask(`${where}metrics`, { signal })).text();
  const at = (began + performance.now()) / 2;
  const processes = await get<unknown[]>(`${where}api/processes?allUsers=true`, signal);
  return { at, figures: figures(text), processes: processes.length };
}

function Figures({ seen }: { seen: Seen }) {
  const { figures: now, cpu, at } = seen;
  if (!now) return null;
  const used = now.memory !== undefined && now.available !== undefined ? now.memory - now.available : undefined;
  return (
    <dl class="figures">
      <div>
        <dt>Processes</dt>
        <dd>{(seen.processes ?? 0).toLocaleString("en")}</dd>
      </div>
      <div>
        <dt>CPU</dt>
        <dd>
          {cpu === undefined ? "…" : `${cpu.toFixed(1)} %`}
          {now.processors !== undefined && <span class="soft"> of {count(now.processors, "processor")}</span>}
        </dd>
        <Spark history={seen.cpuHistory} least={100} time={at} />
      </div>
      <div>
        <dt>Memory</dt>
        <dd>
          {used === undefined ? "…" : bytes(used)}
          {now.memory !== undefined && <span class="soft"> of {bytes(now.memory)}</span>}
        </dd>
        <Spark history={seen.memoryHistory} least={100} time={at} />
      </div>
      <div>
        <dt>Load</dt>
        <dd>{now.load?.toFixed(2) ?? "…"}</dd>
      </div>
    </dl>
  );
}

function Card({ one, self, seen }: { one: Instance; self: Instance | undefined; seen: Seen | undefined }) {
  const name = visible(title(one));
  const isSilent = one.state === "running" && seen?.error !== undefined;
  return (
    <li class="instance facts">
      <h3>
        {one.is_self ? <a href="#/">{name}</a> : isOpen(one) ? <a href={base(location.pathname, self, one.id ?? "")}>{name}</a> : name}
        {one.is_self && <span class="badge">this one</span>}
      </h3>
      <State one={one} />
      <Reason one={one} />
      {isSilent && <p class="problem">{words(seen.error)}</p>}
      {seen?.figures ? (
        <div class={isSilent || one.state !== "running" ? "old" : ""}>
          {(isSilent || one.state !== "running") && <p class="soft">As it was last:</p>}
          <Figures seen={seen} />
        </div>
      ) : one.state === "running" && !isSilent && <p class="soft">Asking …</p>}
      {one.id !== undefined && <p class="soft">{visible([`id ${one.id.slice(0, 12)}`, `version ${one.version ?? "unknown"}`, ...(one.url ? [one.url] : [])].join(" · "))}</p>}
    </li>
  );
}

/** All instances side by side, each asked for itself every few seconds while this can be seen. */
export function AllInstances({ known }: { known: Known }) {
  const { list, error, turn } = known;
  const [, redraw] = useReducer((before: number) => before + 1, 0);
  const self = list.find((one) => one.is_self);
  const where = useRef<(id: string) => string>(() => "");
  where.current = (id) => (id === self?.id ? "" : base(location.pathname, self, id));
  const [board, setBoard] = useState<Board | undefined>();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const made = new Board((id, signal) => look(where.current(id), signal), () => redraw(undefined));
    setBoard(made);
    heading.current?.focus();
    const leave = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !event.defaultPrevented && !isTyping(event.target)) location.hash = "#/";
    };
    addEventListener("keydown", leave);
    return () => {
      removeEventListener("keydown", leave);
      made.stop();
    };
  }, []);
  useEffect(() => board?.look(list), [board, turn]);
  return (
    <main class="process">
      <div class="title">
        <a href="#/" class="back">← All processes</a>
        <h2 ref={heading} tabIndex={-1}>All instances</h2>
      </div>
      {error !== undefined && <p class="problem" role="alert">{words(error)}</p>}
      {list.length === 1 && <p class="soft">This one knows no others: the setting registry says where they are learned from.</p>}
      <ul class="all-instances">
        {list.map((one) => <Card key={`${one.id} ${one.url}`} one={one} self={self} seen={board?.seen.get(one.id ?? "")} />)}
      </ul>
    </main>
  );
}
