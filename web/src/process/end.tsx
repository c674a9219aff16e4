import { useState } from "preact/hooks";
import { address, ask, type Stopped } from "../model/api";
import { count, visible } from "../model/format";
import type { Live } from "../model/live";
import type { Process } from "../model/processes";
import { href } from "../parts/route";
import { ProblemBox } from "../parts/problem";

function Tree({ live, ids }: { live: Live; ids: number[] }) {
  return (
    <ul class="lines">
      {ids.slice(0, 500).map((id) => {
        const process = live.processes.all.get(id);
        return <li key={id}><a href={href(id)}>{process ? visible(process.name) : "?"} {id}</a> <span class="soft">{visible(process?.command ?? "")}</span></li>;
      })}
    </ul>
  );
}

/** First what would end, then the question, then the deed. */
export function End({ live, id, process }: { live: Live; id: number; process: Process | undefined }) {
  const [grace, setGrace] = useState("10s");
  const [planned, setPlanned] = useState<Stopped | undefined>();
  const [done, setDone] = useState<Stopped | undefined>();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  const call = async (query: Record<string, string>, take: (stopped: Stopped) => void): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const answer = await ask(address(id, "/stop", query), { method: "POST" });
      take((await answer.json()) as Stopped);
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const how: Record<string, string> = grace === "0s" ? { signal: "KILL" } : { signal: "TERM", grace };

  if (done) {
    return (
      <>
        <p role="status"><b>{count(done.ended.length, "process", "processes")}</b> {done.ended.length === 1 ? "has" : "have"} ended.</p>
        {done.remaining.length > 0 && <><p class="problem">These are still there:</p><Tree live={live} ids={done.remaining} /></>}
        <p><a href="#/">All processes</a></p>
      </>
    );
  }
  return (
    <>
      <p>Ends {process ? <b>{visible(process.name)}</b> : "the process"} and everything that descends from it.</p>
      <fieldset class="choose">
        <legend>How</legend>
        {([["10s", "Ask, then force", "SIGTERM, ten seconds to end by itself, then SIGKILL"], ["60s", "Ask, with patience", "the same with a minute"], ["0s", "Force", "SIGKILL at once: it saves nothing"]] as const).map(([value, title, text]) => (
          <label key={value}>
            <input type="radio" name="grace" value={value} checked={grace === value} onChange={() => setGrace(value)} />
            <span><b>{title}</b> <span class="soft">{text}</span></span>
          </label>
        ))}
      </fieldset>
      {!planned && <button type="button" disabled={isBusy} onClick={() => void call({ dryRun: "true" }, setPlanned)}>Show what would end …</button>}
      {planned && (
        <div class="confirm" role="group" aria-label="What would end">
          <p><b>{count(planned.ended.length, "process", "processes")}</b> would end:</p>
          <Tree live={live} ids={planned.ended} />
          <p class="actions">
            <button type="button" class="danger" disabled={isBusy} onClick={() => void call(how, setDone)}>
              {isBusy ? "Ending …" : `End ${count(planned.ended.length, "process", "processes")}`}
            </button>
            <button type="button" disabled={isBusy} onClick={() => setPlanned(undefined)}>Leave them</button>
          </p>
        </div>
      )}
      {error !== undefined && <ProblemBox error={error} />}
    </>
  );
}
