/** The counts of a heap that a viewer has had, for comparing: a few, in the page's memory alone. */
import type { Heap } from "./api";

export const KEPT_MAX = 6;

export interface Count {
  number: number;
  title: string;
  heap: Heap;
}

export interface Counts {
  /** The oldest first. */
  all: Count[];
  shown: number; // 0: none
  against: number; // what it is compared with; 0: nothing
  next: number;
}

export const noCounts: Counts = { all: [], shown: 0, against: 0, next: 1 };

/** The oldest make room, but not those that are looked at. */
function fewer(all: Count[], held: number[]): Count[] {
  const left = [...all];
  while (left.length > KEPT_MAX) left.splice(left.findIndex((one) => !held.includes(one.number)), 1);
  return left;
}

function add(counts: Counts, title: string, heap: Heap, shown: number, against: number): Counts {
  return { all: fewer([...counts.all, { number: counts.next, title, heap }], [shown, against, counts.next]), shown, against, next: counts.next + 1 };
}

/** One that was just made is what one wants to see. */
export function counted(counts: Counts, title: string, heap: Heap): Counts {
  return add(counts, title, heap, counts.next, counts.against);
}

/** One from a file is what the one that is shown is compared with; without any it is shown itself. */
export function opened(counts: Counts, title: string, heap: Heap): Counts {
  return counts.shown === 0 ? add(counts, title, heap, counts.next, 0) : add(counts, title, heap, counts.shown, counts.next);
}

export function pick(counts: Counts, number: number): Count | undefined {
  return counts.all.find((one) => one.number === number);
}
