/** What a viewer has chosen, for the next time. Where the browser keeps nothing it is forgotten. */
import { useState } from "preact/hooks";

export function load(name: string): string | undefined {
  try {
    return localStorage.getItem(`procscope.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function save(name: string, value: string): void {
  try {
    localStorage.setItem(`procscope.${name}`, value);
  } catch {
    // a full or forbidden store
  }
}

export function useKept(name: string, otherwise: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => load(name) ?? otherwise);
  return [
    value,
    (next) => {
      save(name, next);
      setValue(next);
    },
  ];
}
