import type { Check, Doctor } from "../model/api";
import { address } from "../model/api";
import { useGet } from "./load";

/** Checks with the same reason, together. */
export function grouped(checks: Check[]): { what: string[]; reason: string; mend: string }[] {
  const found = new Map<string, { what: string[]; reason: string; mend: string }>();
  for (const { operation, allowed, reason = "", mend = "" } of checks) {
    if (allowed) continue;
    const key = `${reason}\n${mend}`;
    const group = found.get(key);
    if (group) group.what.push(operation);
    else found.set(key, { what: [operation], reason, mend });
  }
  return [...found.values()];
}

/** What the service may not do to this process, why, and the mend: `procscope doctor`. It says nothing where all is permitted, or nothing can be asked. */
export function Advice({ id, about }: { id: number; about?: string[] }) {
  const { value } = useGet<Doctor>(address(id, "/doctor"));
  const found = grouped((value?.checks ?? []).filter((check) => about === undefined || about.includes(check.operation)));
  if (found.length === 0) return null;
  return (
    <div class="advice" role="note" aria-label="What would help">
      {found.map(({ what, reason, mend }) => (
        <div key={reason}>
          <p><b>{what.join(", ")}:</b> {reason}</p>
          {mend !== "" && <p><span class="soft">What helps:</span> {mend}</p>}
        </div>
      ))}
    </div>
  );
}
