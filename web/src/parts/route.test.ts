import { expect, test } from "vitest";
import { nameOf } from "./download";
import { all, href, parse } from "./route";

test("addresses within the page", () => {
  expect(parse("")).toEqual({ id: undefined, tab: "general", isAll: false });
  expect(parse(href(42, "dump"))).toEqual({ id: 42, tab: "dump", isAll: false });
  expect(parse("#/42")).toEqual({ id: 42, tab: "general", isAll: false });
  expect(parse("#/42/nonsense")).toEqual({ id: 42, tab: "general", isAll: false });
  expect(parse(all)).toEqual({ id: undefined, tab: "general", isAll: true });
  expect(parse("#/-1/dump").id).toBeUndefined();
  expect(parse("#/1/../x").id).toBeUndefined();
});

test("names of downloads", () => {
  expect(nameOf('attachment; filename="dump_a.dmp"', "x")).toBe("dump_a.dmp");
  expect(nameOf('attachment; filename="../a"', "x")).toBe("x");
  expect(nameOf(null, "x")).toBe("x");
});
