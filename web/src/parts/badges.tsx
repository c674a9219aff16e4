import type { Process } from "../model/processes";
import { visible } from "../model/format";

const meanings: Record<string, string> = {
  kernel: "a thread of the kernel",
  seccomp: "its system calls are filtered",
  traced: "a debugger holds on to it",
  deleted: "its program's file was removed or replaced since it began",
  scm: "Kudu's own site",
  webjob: "a web job",
  hung: "a thread of it hangs in the kernel with the memory's lock: its command line and environment can't be read",
};

export function Badges({ process }: { process: Process }) {
  const stopped = process.state === "T" || process.state === "t";
  return (
    <>
      {process.state === "Z" && <span class="badge warn" title="it has ended, and its parent has not collected it">ended</span>}
      {stopped && <span class="badge warn" title="it is stopped, by a signal or a debugger">stopped</span>}
      {process.runtime && process.runtime !== "native" && <span class="badge" title="what runs its code">{visible(process.runtime)}</span>}
      {(process.badges ?? []).map((badge) => (
        <span key={badge} class={["deleted", "traced", "hung"].includes(badge) ? "badge warn" : "badge"} title={meanings[badge] ?? badge}>
          {badge}
        </span>
      ))}
      {process.container && <span class="badge" title={`in container ${process.container}`}>container</span>}
    </>
  );
}
