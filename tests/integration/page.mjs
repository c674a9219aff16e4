// Looks at the page in Chromium as a person would: SCENARIO URL ARGUMENTS-AS-JSON. Prints what it saw as JSON; ends with 1 and a reason where the page
// says anything on its console, breaks its policy, or never comes to what is waited for.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { env } from "node:process";
import * as ofInstances from "./page_instances.mjs";
import * as ofProcess from "./page_process.mjs";

const require = createRequire(new URL("../package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [scenario, url, text] = process.argv.slice(2);
const given = JSON.parse(text ?? "{}");
const faults = [];

const browser = await chromium.launch({ executablePath: env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

async function open(where = "", options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(env.PAGE_TIMEOUT ?? 90_000));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // an answer that is no success is told by the browser, too; the page has words for it
    if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith("blob:") && new URL(request.url()).origin !== new URL(url).origin) faults.push(`foreign: ${request.url()}`);
  });
  await page.goto(url + where);
  return page;
}

/** How the connection is. Never by words anywhere on the page: command lines of others may hold any. */
const told = (page, text) => page.locator(".host .state", { hasText: text });

const row = (page, id) => page.locator(`#p${id}`);

/** The list, with only what is given in its filter. */
async function list(page, filter) {
  await page.locator(".rows .row").first().waitFor();
  if (filter !== undefined) await page.getByRole("searchbox", { name: "Filter" }).fill(filter);
}

/** In ticks, of which a second has 100. */
function processorTime(id) {
  const fields = readFileSync(`/proc/${id}/stat`, "latin1").split(") ").pop().split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function axe(page, what) {
  await page.evaluate(readFileSync(require.resolve("axe-core"), "utf8"));
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
    return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`);
  });
  for (const one of found) faults.push(`axe, ${what}: ${one}`);
}

const names = ["general", "threads", "modules", "files", "environment", "memory", "dump", "profile", "end"];

const scenarios = {
  /** A tree of real processes: what is below what, a filter, an order. */
  async tree() {
    const page = await open();
    await list(page);
    const bytes = await firstView(page);
    await list(page, `pid:${given.child}`);
    await row(page, given.child).waitFor();
    const levels = [await row(page, given.parent).getAttribute("aria-level"), await row(page, given.child).getAttribute("aria-level")].map(Number);
    await row(page, given.parent).getByRole("button").click(); // what is filtered for stays open
    await list(page, "");
    await page.getByRole("button", { name: "Tree" }).click();
    await page.getByRole("columnheader", { name: "PID" }).getByRole("button").click();
    await page.waitForFunction(() => document.querySelector(".rows .row .id")?.textContent === "1");
    const order = await page.locator(".rows .row .id").allTextContents();
    await page.getByRole("columnheader", { name: "PID" }).getByRole("button").click();
    await page.waitForFunction(() => document.querySelector(".rows .row .id")?.textContent !== "1");
    return { levels, order: order.map(Number), bytes };
  },

  /** Nothing but keys. */
  async keyboard() {
    const page = await open();
    await list(page);
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("/");
    await page.keyboard.type(`pid:${given.child}`);
    await row(page, given.child).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForFunction((id) => document.querySelector(".selected")?.id === `p${id}`, given.child);
    await page.keyboard.press("ArrowLeft"); // to its parent
    await page.waitForFunction((id) => document.querySelector(".selected")?.id === `p${id}`, given.parent);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("tab", { name: "General" }).waitFor();
    await page.getByText("Command line").waitFor();
    await tabTo(page, page.getByRole("tab", { name: "General" }));
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((hash) => location.hash === hash, `#/${given.child}/threads`);
    await page.keyboard.press("Escape");
    await page.getByRole("treegrid").waitFor();
    await page.keyboard.press("p");
    await told(page, "paused").waitFor();
    await page.keyboard.press("p");
    await told(page, "live").waitFor();
    return { selected: await page.locator(".selected").getAttribute("id") };
  },

  /** Columns are chosen, sorted by and remembered, by keys alone. */
  async columns() {
    const page = await open();
    await list(page, `pid:${given.child}`);
    const head = (name) => page.getByRole("columnheader", { name });
    await page.keyboard.press("Enter"); // out of the filter
    await page.keyboard.press("c");
    await tabTo(page, page.getByRole("checkbox", { name: /^Parent/ }));
    await page.keyboard.press("Space");
    await head("Parent").waitFor({ state: "attached" });
    await tabTo(page, page.getByRole("checkbox", { name: /^Command/ }));
    await page.keyboard.press("Space");
    await head("Command").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const shown = await page.getByRole("columnheader").allTextContents();
    await tabTo(page, head("Process").getByRole("button"));
    for (let i = 0; i < shown.indexOf("Parent"); i++) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.locator("[role=columnheader][aria-sort=ascending]", { hasText: "Parent" }).waitFor();
    await page.reload();
    await page.locator("[role=columnheader][aria-sort=ascending]", { hasText: "Parent" }).waitFor();
    await list(page, `pid:${given.child}`);
    await row(page, given.child).locator(".parent", { hasText: String(given.parent) }).waitFor();
    const kept = await page.getByRole("columnheader").allTextContents();
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("button", { name: "As usual" }).click();
    await head("Command").waitFor({ state: "attached" });
    return { kept: kept.map((one) => one.replace(/ [↑↓]$/, "")) };
  },

  /** Where a right is missing: what the doctor says. */
  async advice() {
    const page = await open(`#/${given.id}/environment`);
    const advice = page.getByRole("note", { name: "What would help" });
    await advice.waitFor();
    const environment = await advice.innerText();
    await page.getByRole("alert").waitFor();
    await page.getByRole("tab", { name: "Files" }).click();
    await page.getByText("They may not be seen.").waitFor();
    await advice.waitFor();
    const files = await advice.innerText();
    await axe(page, "advice");
    return { environment, files };
  },

  /** On paper there is all of it. */
  async print() {
    const page = await open();
    await list(page);
    await page.waitForFunction((least) => Number(document.querySelector("[role=treegrid]").getAttribute("aria-rowcount")) > least, given.least);
    await page.keyboard.press("p"); // so that there are no more meanwhile
    await told(page, "paused").waitFor();
    const rows = () => page.locator(".rows .row").count();
    const seen = await rows();
    const [all, printed] = await page.evaluate(() => {
      dispatchEvent(new Event("beforeprint"));
      return [Number(document.querySelector("[role=treegrid]").getAttribute("aria-rowcount")) - 1, document.querySelectorAll(".rows .row").length];
    });
    await page.emulateMedia({ media: "print" });
    const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && getComputedStyle(document.querySelector(".grid")).overflow === "visible");
    const pdf = (await page.pdf({ format: "A4" })).length;
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    await page.emulateMedia({ media: "screen" });
    await page.waitForFunction((most) => document.querySelectorAll(".rows .row").length <= most, seen);
    return { all, printed, fits, pdf };
  },

  /** 1,000 real ones. */
  async thousand() {
    const page = await open();
    await page.getByRole("button", { name: "Tree" }).click();
    await list(page, `${given.whole}.77`); // in parts: our own command line has them
    await page.getByText("1,000 processes").waitFor();
    const drawn = await page.locator(".rows .row").count();
    await page.getByRole("treegrid").focus();
    await page.keyboard.press("End");
    await page.locator(".rows .row[aria-rowindex='1001']").waitFor();
    return { drawn, atEnd: await page.locator(".rows .row").count() };
  },

  /** A name that is HTML is text. */
  async hostile() {
    const page = await open();
    await list(page, `pid:${given.id}`);
    await row(page, given.id).locator(".name a", { hasText: given.name }).waitFor(); // the last tick may be from before it had that name
    const name = await row(page, given.id).locator(".name a").innerText();
    await page.goto(`${url}#/${given.id}/general`);
    await page.getByText("Command line").waitFor();
    return { name, command: await page.locator("code.copy").innerText(), made: await page.locator("img, b.hostile").count() };
  },

  /** 5,000 processes: only those that are seen are drawn. */
  async many() {
    const event = (id, kind, data) => `id: 1-${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
    const host = { cpu: 1, processors: 2 };
    const processes = Array.from({ length: 5000 }, (_, i) => (
      { id: i + 1, parent: i === 0 ? 0 : 1, start: 1, name: `p${String(i).padStart(4, "0")}`, state: "S", cpu: 0, memory: i, threads: 1, read: 0, written: 0 }));
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.route("**/api/events", (route) => route.fulfill({ contentType: "text/event-stream", body: event(0, "snapshot", { time: 1, interval: 1000, host, count: 5000, machine: "m", processes }) }));
    await page.goto(url);
    await page.getByText("5,000 processes").waitFor();
    const drawn = await page.locator(".rows .row").count();
    await page.keyboard.press("End");
    await row(page, 5000).waitFor();
    const atEnd = await page.locator(".rows .row").count();
    await page.keyboard.press("Home");
    await row(page, 1).waitFor();
    await page.keyboard.press("ArrowLeft"); // folds the only root
    await page.waitForFunction(() => document.querySelectorAll(".rows .row").length === 1);
    return { drawn, atEnd, rows: Number(await page.getByRole("treegrid").getAttribute("aria-rowcount")) };
  },

  /** The service goes away and comes back. given.path appears once it is to go; it is gone when it is back. */
  async restart() {
    const { writeFileSync } = await import("node:fs");
    const page = await open();
    const other = await open(`#/${given.id}/modules`);
    await told(page, "live").waitFor();
    await other.getByRole("button", { name: "libc.so.6" }).waitFor();
    writeFileSync(given.path, "");
    await told(page, "doesn't answer").waitFor();
    await other.getByRole("tab", { name: "General" }).click();
    await other.getByRole("alert").waitFor();
    writeFileSync(given.path + ".lost", "");
    await told(page, "live").waitFor();
    await other.getByText("Command line").waitFor(); // by itself
    return {};
  },

  /** Errors in the service's own words, where they arise. */
  async words() {
    const page = await open(`#/${given.gone}/general`);
    await page.getByText(`Process with an Id of ${given.gone} is not running.`).waitFor();
    await told(page, "live").waitFor();
    const other = await open();
    await told(other, "viewers watch the processes already").waitFor();
    return { alerts: await page.getByRole("alert").count() };
  },

  /** axe finds nothing, in light and dark; nothing is wider than a phone. */
  async accessible() {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open("", { colorScheme });
      await told(page, "live").waitFor();
      await list(page);
      await axe(page, `list, ${colorScheme}`);
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      await axe(page, `help, ${colorScheme}`);
      await page.keyboard.press("Escape");
      for (const name of ["Columns", "Who has it open?"]) {
        await page.getByRole("button", { name }).click();
        await page.getByRole("dialog").waitFor();
        await axe(page, `${name}, ${colorScheme}`);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      for (const name of names) {
        await page.goto(`${url}#/${given.id}/${name}`);
        await page.getByRole("tab", { name: new RegExp(`^${name}$`, "i"), selected: true }).waitFor();
        await page.waitForFunction(() => !document.querySelector("#panel")?.textContent?.includes("Loading"));
        await axe(page, `${name}, ${colorScheme}`);
      }
      await page.context().close();
    }
    const wide = [];
    // a phone; and a small window at 200 %
    for (const options of [{ viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }, { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }]) {
      const page = await open("", options);
      await list(page);
      for (const name of ["", ...names.map((one) => `#/${given.id}/${one}`)]) {
        await page.goto(url + name);
        await page.waitForFunction(() => !document.querySelector("#panel")?.textContent?.includes("Loading"));
        if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) wide.push(`${options.viewport.width} ${name}`);
      }
      await page.context().close();
    }
    return { wide };
  },
};

/** Nothing is wider than a phone. */
async function thin(page) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 700 });
  if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) faults.push(`${page.url()} is wider than a phone`);
  await page.setViewportSize(size);
}

/** What came over the wire until the first rows, as the browser counts it; without the events, which go on. */
async function firstView(page) {
  return page.evaluate(() =>
    [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
      .filter((one) => !one.name.includes("/api/"))
      .reduce((sum, one) => sum + one.transferSize, 0));
}

/** Presses Tab until it stands on what is wanted. */
async function tabTo(page, wanted) {
  for (let i = 0; !(await wanted.evaluate((element) => element === document.activeElement)); i++) {
    if (i > 30) throw new Error(`Tab never leads to ${wanted}`);
    await page.keyboard.press("Tab");
  }
}

const others = { ...ofInstances, ...ofProcess };

try {
  const seen = await (scenarios[scenario] ?? others[scenario])({ open, told, row, list, axe, thin, tabTo, processorTime, firstView, names, faults, given, url });
  if (faults.length > 0) throw new Error(faults.join("\n"));
  console.log(JSON.stringify(seen));
} catch (error) {
  console.error(`${scenario}: ${error.stack}\n${faults.join("\n")}`);
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    const shown = await page.evaluate(() => `${location.hash} ${document.activeElement?.outerHTML.slice(0, 200)}\n${document.body.innerText.slice(0, 1500)}`).catch(String);
    console.error(`the page shows: ${shown}`);
  }
  process.exitCode = 1;
} finally {
  await browser.close();
}
