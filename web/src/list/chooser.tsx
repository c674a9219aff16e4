import { useEffect, useRef } from "preact/hooks";
import { columns, type ColumnShape, keepColumns } from "./columns";

/** Which columns are there. */
export function Chooser({ shown, keep, close }: { shown: ColumnShape[]; keep: (kept: string) => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const set = (one: ColumnShape, isOn: boolean): void => {
    keep(keepColumns(columns.filter((other) => (other === one ? isOn : shown.includes(other)))));
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="columns">
      <h2 id="columns">Columns</h2>
      <div class="chooser">
        {columns.slice(1).map((one) => (
          <label key={one.column} class="sure">
            <input type="checkbox" checked={shown.includes(one)} onChange={(event) => set(one, event.currentTarget.checked)} />
            <span><b>{one.title}</b> <span class="soft">{one.about}</span></span>
          </label>
        ))}
      </div>
      <p class="actions">
        <button type="button" class="main" onClick={() => dialog.current?.close()}>Done</button>
        <button type="button" onClick={() => keep("")}>As usual</button>
      </p>
    </dialog>
  );
}
