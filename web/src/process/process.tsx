import { useEffect, useRef } from "preact/hooks";
import { isTyping } from "../list/keys";
import type { Live } from "../model/live";
import type { Process } from "../model/processes";
import { bytes, percent, rate, state, visible } from "../model/format";
import { heapOf } from "../model/runtimes";
import { ProcessId } from "../parts/around";
import { Badges } from "../parts/badges";
import { later } from "../parts/later";
import { href, type Tab, tabs } from "../parts/route";
import { Spark } from "../parts/spark";
import { Dump } from "./dump";
import { End } from "./end";
import { Environment } from "./environment";
import { Files } from "./files";
import { General } from "./general";
import { Modules } from "./modules";
import { Profile } from "./profile";
import { Threads } from "./threads";

const MemoryTab = later(() => import("./memory").then((part) => part.MemoryTab));
const HeapTab = later(() => import("./heap").then((part) => part.HeapTab));

const titles: Record<Tab, string> = {
  general: "General",
  threads: "Threads",
  modules: "Modules",
  files: "Files",
  environment: "Environment",
  memory: "Memory",
  heap: "Heap",
  dump: "Dump",
  profile: "Profile",
  end: "End",
};

function Content({ live, id, tab, process }: { live: Live; id: number; tab: Tab; process: Process | undefined }) {
  switch (tab) {
    case "general":
      return <General live={live} id={id} process={process} />;
    case "threads":
      return <Threads id={id} />;
    case "modules":
      return <Modules id={id} />;
    case "files":
      return <Files id={id} />;
    case "environment":
      return <Environment id={id} />;
    case "memory":
      return <MemoryTab id={id} />;
    case "heap":
      return process ? <HeapTab process={process} /> : null;
    case "dump":
      return <Dump id={id} />;
    case "profile":
      return <Profile id={id} start={process?.start ?? 0} />;
    case "end":
      return <End live={live} id={id} process={process} />;
  }
}

/** One process, with all that can be seen of it and done to it. */
export function ProcessPage({ live, id, tab }: { live: Live; id: number; tab: Tab }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const process = live.processes.all.get(id);
  // others have no heap to tell about; it stays where somebody looks at it
  const shown = tabs.filter((one) => one !== "heap" || one === tab || heapOf(process?.runtime) !== undefined);
  const isGone = process === undefined && live.processes.time > 0;

  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  useEffect(() => list.current?.querySelector(`#tab-${tab}`)?.scrollIntoView({ block: "nearest", inline: "nearest" }), [tab]);
  useEffect(() => {
    const take = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !isTyping(event.target) && !document.querySelector("dialog[open]")) location.hash = "#/";
    };
    addEventListener("keydown", take);
    return () => removeEventListener("keydown", take);
  }, []);
  const move = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const next = shown[(shown.indexOf(tab) + step + shown.length) % shown.length]!;
    location.hash = href(id, next);
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
    event.preventDefault();
  };

  return (
    <main class="process">
      <div class="title">
        <a class="back" href="#/" title="Esc">← All processes</a>
        <h2 tabIndex={-1} ref={heading}>
          {process ? visible(process.name) : `Process ${id}`} <span class="soft">{id}</span>
          {process && <Badges process={process} />}
        </h2>
        {process && (
          <div class="now">
            <span>{state(process.state)}</span>
            <span class="meter" title="CPU, per cent of one processor">
              <span class="label">CPU</span>
              <span class="value">{percent(process.cpu) || "0"} %</span>
              <Spark history={process.cpuHistory} least={10} time={live.processes.time} />
            </span>
            <span class="meter" title="resident memory">
              <span class="label">Memory</span>
              <span class="value">{bytes(process.memory)}</span>
              <Spark history={process.memoryHistory} least={0} time={live.processes.time} />
            </span>
            <span class="meter" title={`reads ${bytes(process.read)}/s, writes ${bytes(process.written)}/s`}>
              <span class="label">I/O</span>
              <span class="value">{rate(process.read + process.written) || "0"}</span>
              <Spark history={process.ioHistory} least={65536} time={live.processes.time} />
            </span>
          </div>
        )}
        {isGone && <p class="problem" role="status">Process {id} is not running (any more).</p>}
      </div>
      <div class="tabs" role="tablist" aria-label="What to see of it" ref={list} onKeyDown={move}>
        {shown.map((one) => (
          <a
            key={one}
            id={`tab-${one}`}
            class="tab"
            role="tab"
            href={href(id, one)}
            aria-selected={one === tab}
            aria-controls="panel"
            tabIndex={one === tab ? 0 : -1}
          >
            {titles[one]}
          </a>
        ))}
      </div>
      <section class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        <ProcessId.Provider value={id}>
          <Content key={tab} live={live} id={id} tab={tab} process={process} />
        </ProcessId.Provider>
      </section>
    </main>
  );
}
