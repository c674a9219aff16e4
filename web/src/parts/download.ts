/** Takes a file that the service makes. Small ones come through the page, so that it can show how far they are and say why one failed; large ones are the
 * browser's own downloads, which need no memory. */
import { ask } from "../model/api";

export const THROUGH_PAGE_MAX = 256 * 1024 * 1024;

export function nameOf(disposition: string | null, otherwise: string): string {
  return /filename="([^"/\\]+)"/.exec(disposition ?? "")?.[1] ?? otherwise;
}

export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  leave(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function leave(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

/** The bytes, with how many there are as they come. A stream that breaks off is an error. */
export async function take(url: string, signal: AbortSignal, progress: (bytes: number) => void): Promise<{ blob: Blob; answer: Response }> {
  const answer = await ask(url, { signal });
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = answer.body?.getReader();
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      parts.push(next.value);
      size += next.value.length;
      progress(size);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error("It broke off before its end: the process or the service's worker may have ended.", { cause: error });
  }
  return { blob: new Blob(parts), answer };
}
