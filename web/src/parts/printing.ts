/** Whether the page is just being printed: then all must be there, not only what is seen. */
import { options } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Browsers print what is there when beforeprint returns: the next turn would be too late. */
function atOnce(change: () => void): void {
  options.debounceRendering = (render) => render();
  change();
  delete options.debounceRendering;
}

export function usePrinting(): boolean {
  const [isPrinting, setPrinting] = useState(false);
  useEffect(() => {
    const before = (): void => atOnce(() => setPrinting(true));
    const after = (): void => setPrinting(false);
    addEventListener("beforeprint", before);
    addEventListener("afterprint", after);
    return () => {
      removeEventListener("beforeprint", before);
      removeEventListener("afterprint", after);
    };
  }, []);
  return isPrinting;
}
