/** Counts of a heap by type: from the service or from a file, and what changed between two. */
import type { Heap } from "./api";

export const FILE_MAX = 64 * 1024 * 1024;
export const TYPES_MAX = 262_144; // what the service tells at most
const NAME_MAX = 8192;

export type Measure = "bytes" | "count";
export type Figures = Record<Measure, number>;

export interface Row extends Figures {
  key: string;
  type: string;
  module: string;
  /** In the count that it is compared with; nothing: there is none. */
  before: Figures | undefined;
}

const none: Figures = { bytes: 0, count: 0 };

export function fileName(module: string): string {
  return module.slice(module.lastIndexOf("/") + 1);
}

/** A module without its version and folder: so that yesterday's types are found again after an upgrade. */
function moduleKey(module: string): string {
  return fileName(module).replace(/@[^@]*$/, "");
}

/** Types of the same name and module, as of two class loaders, are one. */
function summed(heap: Heap): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const { type, module = "", count, bytes } of heap.types) {
    const key = `${type}\n${moduleKey(module)}`;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { key, type, module, count, bytes, before: undefined });
    else {
      row.count += count;
      row.bytes += bytes;
    }
  }
  return rows;
}

/** Each type of one count, and where there is another before it, each type of both. */
export function rowsOf(now: Heap, before?: Heap): Row[] {
  const rows = summed(now);
  if (before === undefined) return [...rows.values()];
  for (const row of rows.values()) row.before = none;
  for (const old of summed(before).values()) {
    const row = rows.get(old.key);
    if (row === undefined) rows.set(old.key, { ...old, ...none, before: old });
    else row.before = old;
  }
  return [...rows.values()];
}

export function change(row: Row, measure: Measure): number {
  return row[measure] - (row.before?.[measure] ?? 0);
}

export function fate({ count, before }: Row): "new" | "gone" | "" {
  if (before === undefined || (before.count === 0) === (count === 0)) return "";
  return count === 0 ? "gone" : "new";
}

/** In how far two counts are not of the same thing. */
export function mismatch(now: Heap, before: Heap): string {
  if (now.runtime !== undefined && before.runtime !== undefined && now.runtime !== before.runtime)
    return `One is of ${now.runtime}, the other of ${before.runtime}: their types have little in common.`;
  if (now.live !== before.live) return "One is of the objects alive, the other of all: what nothing reaches any more counts as a difference.";
  return "";
}

/** Where a name's own part begins, behind its namespace or package; what stands in brackets has names of its own. */
function ownPart(type: string): number {
  const plain = /^[^<[(`]*/.exec(type)?.[0] ?? "";
  return plain.lastIndexOf(".") + 1;
}

export function shortName(type: string): string {
  return type.slice(ownPart(type)) || type;
}

/** What stands for many types: the namespace or package, else the file, else what it is. */
export function familyOf({ type, module }: { type: string; module: string }): string {
  if (type.startsWith("(")) return "of the runtime";
  const own = ownPart(type);
  if (own > 1) return type.slice(0, own - 1);
  if (/^[a-z]+(\[\])+$/.test(type)) return "arrays"; // of numbers: Java's byte[]
  return moduleKey(module) || "plain names";
}

const FAMILIES_MAX = 7;
export const OTHERS = "others";

/** The families that weigh most, the heaviest first. */
export function families(rows: Row[], measure: Measure): string[] {
  const weights = new Map<string, number>();
  for (const row of rows) weights.set(familyOf(row), (weights.get(familyOf(row)) ?? 0) + row[measure]);
  return [...weights].sort((a, b) => b[1] - a[1]).slice(0, FAMILIES_MAX).map(([family]) => family);
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const isFigure = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isName = (value: unknown): value is string => typeof value === "string" && value.length <= NAME_MAX;

function readType(one: unknown, at: number): Heap["types"][number] {
  if (!isObject(one) || !isName(one.type) || !isFigure(one.count) || !isFigure(one.bytes) || (one.module !== undefined && !isName(one.module)))
    throw new Error(`entry ${at + 1} of its “types” has no type with a count and bytes`);
  return { type: one.type, count: one.count, bytes: one.bytes, ...(isName(one.module) ? { module: one.module } : {}) };
}

/** What a file holds: an answer of /heap, of whatever process and machine. Throws why it can't be taken for one. */
export function readHeap(text: string): Heap {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("it is no JSON");
  }
  if (!isObject(found) || !Array.isArray(found.types)) throw new Error("it has no list of “types”");
  if (found.types.length > TYPES_MAX) throw new Error(`it has more than ${TYPES_MAX.toLocaleString("en")} types`);
  const types = (found.types as unknown[]).map(readType);
  const total = (measure: Measure): number => types.reduce((sum, one) => sum + one[measure], 0);
  const { runtime, runtime_version, time_stamp } = found;
  return {
    ...(isName(runtime) ? { runtime } : {}),
    ...(isName(runtime_version) ? { runtime_version } : {}),
    ...(isName(time_stamp) ? { time_stamp } : {}),
    live: found.live !== false,
    types,
    count: total("count"),
    bytes: total("bytes"),
  };
}
