import { expect, test } from "vitest";
import { columns, keepColumns, shownColumns } from "./columns";

const names = (kept: string, hasUnits = true): string[] => shownColumns(kept, hasUnits).map((one) => one.column);

test("what is usual, until somebody chooses", () => {
  expect(names("")).toEqual(columns.filter((one) => one.isUsual).map((one) => one.column));
  expect(names("", false)).not.toContain("unit");
});

test("what was chosen, in its place, with the name", () => {
  expect(names("command id")).toEqual(["name", "id", "command"]);
  expect(names("gone from a later version")).toEqual(["name"]);
  expect(names("unit", false)).toContain("unit");
});

test("what is kept is what comes back", () => {
  const all = keepColumns(columns);
  expect(keepColumns(shownColumns(all, false))).toBe(all);
});
