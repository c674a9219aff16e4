import { useState } from "preact/hooks";
import { address, type Detail } from "../model/api";
import { count, visible } from "../model/format";
import { Advice } from "../parts/advice";
import { Show, useGet } from "../parts/load";

const SHOWN_MAX = 5000;

function kindOf(file: string): string {
  if (file.startsWith("/")) return "Files";
  return /^(tcp|udp|unix|raw|netlink|packet|socket|sctp|icmp|vsock|ping|mptcp)/i.test(file) ? "Sockets" : "Pipes, events and others";
}

/** By what they are, in the order of the process's own numbers. */
function byKind(files: string[]): [string, string[]][] {
  const kinds = new Map<string, string[]>([["Files", []], ["Sockets", []], ["Pipes, events and others", []]]);
  for (const file of files) kinds.get(kindOf(file))?.push(file);
  return [...kinds].filter(([, list]) => list.length > 0);
}

export function Files({ id }: { id: number }) {
  const loaded = useGet<Detail>(address(id, ""));
  const [filter, setFilter] = useState("");
  return (
    <Show loaded={loaded}>
      {(detail) => {
        const files = detail.open_file_handles.filter((file) => file.toLowerCase().includes(filter.toLowerCase()));
        const isSeen = detail.handle_count !== undefined && detail.handle_count >= 0;
        return (
          <>
            <div class="actions">
              <label><span class="hidden">Filter files</span><input type="search" placeholder="Filter: a path, tcp, a port" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
              <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Refresh</button>
              <span class="soft" role="status">{isSeen ? count(files.length, "open one", "open ones") : "They may not be seen."}</span>
            </div>
            {!isSeen && <Advice id={id} about={["files"]} />}
            {byKind(files).map(([kind, list]) => (
              <section key={kind}>
                <h3>{kind} <span class="soft">{list.length}</span></h3>
                <ul class="lines">
                  {list.slice(0, SHOWN_MAX).map((file, i) => <li key={i} class="copy">{visible(file)}</li>)}
                </ul>
              </section>
            ))}
          </>
        );
      }}
    </Show>
  );
}
