import { useState } from "preact/hooks";
import { address, type Detail } from "../model/api";
import { count, visible } from "../model/format";
import { Show, useGet } from "../parts/load";

const SHOWN_MAX = 5000;

export function Files({ id }: { id: number }) {
  const loaded = useGet<Detail>(address(id, ""));
  const [filter, setFilter] = useState("");
  return (
    <Show loaded={loaded}>
      {(detail) => {
        const files = detail.open_file_handles.filter((file) => file.toLowerCase().includes(filter.toLowerCase()));
        return (
          <>
            <div class="actions">
              <label><span class="hidden">Filter files</span><input type="search" placeholder="Filter: a path, tcp, a port" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
              <button type="button" onClick={loaded.again} disabled={loaded.isLoading}>Refresh</button>
              <span class="soft">{detail.handle_count === undefined || detail.handle_count < 0 ? "They may not be seen." : count(files.length, "file")}</span>
            </div>
            <ul class="lines">
              {files.slice(0, SHOWN_MAX).map((file, i) => <li key={i} class="copy">{visible(file)}</li>)}
            </ul>
          </>
        );
      }}
    </Show>
  );
}
