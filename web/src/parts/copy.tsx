import { useState } from "preact/hooks";

/** Browsers give the clipboard to pages of https and of this machine alone; elsewhere the old way still works. */
async function put(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way without https
    const isDone = document.execCommand("copy");
    area.remove();
    return isDone;
  }
}

export function Copy({ text, title }: { text: () => string; title: string }) {
  const [told, setTold] = useState("");
  const copy = async (): Promise<void> => {
    setTold((await put(text())) ? "copied" : "The browser doesn't allow it.");
    setTimeout(() => setTold(""), 2000);
  };
  return (
    <>
      <button type="button" onClick={() => void copy()}>{title}</button> <span class="soft" role="status">{told}</span>
    </>
  );
}
