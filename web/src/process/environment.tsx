import { useState } from "preact/hooks";
import { address } from "../model/api";
import { visible } from "../model/format";
import { Show, useGet } from "../parts/load";

/** Values are only shown when somebody asks for them: passwords live here, and people share screens. */
export function Environment({ id }: { id: number }) {
  const loaded = useGet<Record<string, string>>(address(id, "/environments/all"));
  const [filter, setFilter] = useState("");
  const [isOpen, setOpen] = useState(false);
  return (
    <Show loaded={loaded}>
      {(variables) => {
        const names = Object.keys(variables).filter((name) => name.toLowerCase().includes(filter.toLowerCase())).sort();
        return (
          <>
            <div class="actions">
              <label><span class="hidden">Filter variables</span><input type="search" placeholder="Filter names" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /></label>
              <button type="button" aria-pressed={isOpen} onClick={() => setOpen(!isOpen)}>{isOpen ? "Hide values" : "Show values"}</button>
              <span class="soft">{names.length} variables</span>
            </div>
            <div class="scroll">
              <table>
                <caption class="hidden">Environment variables</caption>
                <thead><tr><th scope="col">Name</th><th scope="col">Value</th></tr></thead>
                <tbody>
                  {names.map((name) => (
                    <tr key={name}>
                      <td class="copy">{visible(name)}</td>
                      <td class="copy long">{isOpen ? visible(variables[name] ?? "") : <span class="soft" aria-label="hidden">••••••</span>}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </>
        );
      }}
    </Show>
  );
}
