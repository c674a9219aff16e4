/** Numbers as a person reads them, of one width where they stand below each other. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(value: number): string {
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]!}`;
}

/** A difference; nothing where there is none. */
export function signed(value: number, format: (value: number) => string): string {
  return value === 0 ? "" : `${value > 0 ? "+" : "−"}${format(Math.abs(value))}`;
}

/** A rate; nothing where there is none, so that what moves stands out. */
export function rate(value: number): string {
  return value === 0 ? "" : `${bytes(value)}/s`;
}

export function percent(value: number): string {
  return value === 0 ? "" : value >= 100 ? Math.round(value).toString() : value.toFixed(1);
}

export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}

/** Seconds of .NET's [d.]hh:mm:ss[.fffffff]; 0 where there is none. */
export function seconds(text: string | undefined): number {
  const [, days = "0", hours = "0", minutes = "0", rest = "0"] = /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(text ?? "") ?? [];
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(rest);
}

export function timeSpan(text: string | undefined): string {
  const all = seconds(text);
  return all === 0 ? "0" : all < 60 ? `${all.toFixed(2)} s` : duration(all * 1000);
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
}

export function microseconds(value: number): string {
  return value < 1000 ? `${Math.round(value)} µs` : value < 1e6 ? `${(value / 1000).toFixed(1)} ms` : `${(value / 1e6).toFixed(1)} s`;
}

/** Names and command lines of processes may hold anything: control characters become visible, and what turns the line around too. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : code === 0x7f ? "␡" : "�";
  });
}

const states: Record<string, string> = {
  R: "running",
  S: "sleeping",
  D: "waits in the kernel",
  T: "stopped",
  t: "stopped by a debugger",
  Z: "ended, not collected",
  X: "ended",
  I: "idle",
};

export function state(letter: string): string {
  return states[letter] ?? letter;
}
