import { expect, test } from "vitest";
import { grouped } from "./advice";

test("what has one reason stands together, and what is allowed nowhere", () => {
  expect(
    grouped([
      { operation: "list", allowed: true },
      { operation: "files", allowed: false, reason: "Another user's.", mend: "Be root." },
      { operation: "stop", allowed: false, reason: "It is the first." },
      { operation: "dump", allowed: false, reason: "Another user's.", mend: "Be root." },
    ]),
  ).toEqual([
    { what: ["files", "dump"], reason: "Another user's.", mend: "Be root." },
    { what: ["stop"], reason: "It is the first.", mend: "" },
  ]);
});
