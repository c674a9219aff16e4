// Looks at the page in Chromium as a person would: SCENARIO URL ARGUMENTS-AS-JSON. Prints what it saw as JSON; ends with 1 and a reason where the page
// says anything on its console, breaks its policy, or never comes to what is waited for.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { env } from "node:process";
import { alone, instances } from "./page_instances.mjs";

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

  /** What each thread takes, while its tab is open; stacks of all and of one. */
  async threads() {
    const page = await open(`#/${given.id}/threads`);
    let asked = 0;
    page.on("request", (request) => (asked += request.url().includes("/threads?") ? 1 : 0));
    const line = (name) => page.locator("table.threads tbody tr", { hasText: name });
    await page.waitForFunction(() => [...document.querySelectorAll("td.live span")].some((one) => Number(one.textContent) > 0));
    await page.getByRole("button", { name: /^TID/ }).click();
    await page.locator("th[aria-sort=ascending]", { hasText: "TID" }).waitFor();
    const ids = await page.locator("table.threads tbody tr td:first-child").allTextContents();
    await line("spin-0").getByRole("button").click();
    await page.locator("tr.inner .frames li", { hasText: "start_thread" }).waitFor();
    await page.getByRole("button", { name: "Each" }).click();
    await page.locator("details.stack summary", { hasText: "spin-1" }).waitFor();
    const each = await page.locator("details.stack").count();
    await page.getByRole("button", { name: "Grouped" }).click();
    await page.locator("details.stack summary", { hasText: "spin-1" }).waitFor();
    await page.locator("p.soft, span.soft", { hasText: /in \d+ groups?/ }).first().waitFor();
    await page.getByRole("tab", { name: "General" }).click();
    await page.getByText("Command line").waitFor();
    asked = 0;
    await page.waitForTimeout(2500); // would be asked twice; a slow machine only hides it
    return { ids: ids.map(Number), each, asked };
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

  /** Every tab shows what it is for. */
  async tabs() {
    const page = await open(`#/${given.id}/general`);
    const panel = page.getByRole("tabpanel");
    const seen = {};
    const look = async (name, wanted) => {
      await page.getByRole("tab", { name, exact: true }).click();
      await panel.getByText(wanted).first().waitFor();
      seen[name] = await panel.innerText();
    };
    await look("General", given.program);
    await look("Threads", "clock_nanosleep");
    await panel.getByRole("button", { name: "Grouped" }).click();
    await panel.locator(".frames li").first().waitFor();
    seen.Stacks = await panel.innerText();
    await look("Modules", "libc.so.6");
    await panel.getByRole("button", { name: "libc.so.6" }).click();
    await panel.locator("dt", { hasText: "Build id" }).waitFor();
    await look("Files", given.file);
    await look("Environment", "SECRET_OF_TEST");
    await panel.getByRole("button", { name: "Show values" }).click();
    await panel.getByText(given.secret).waitFor();
    await look("Memory", "malloc");
    await panel.locator(".tile", { hasText: "libc.so.6" }).first().waitFor();
    await look("Dump", "About");
    await look("Profile", "pprof");
    await look("End", "everything that descends");
    await page.keyboard.press("Escape");
    await page.getByRole("treegrid").waitFor();
    await page.keyboard.press("f");
    await page.getByRole("searchbox", { name: "File or port" }).fill(given.file);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByRole("link", { name: new RegExp(` ${given.id}$`) }).waitFor();
    return seen;
  },

  /** The heap of a Java virtual machine: nothing before it is asked for; then two counts, and what changed between them. */
  async heap() {
    const page = await open(`#/${given.id}/general`);
    const asked = [];
    page.on("request", (request) => asked.push(...(/\/heap(dump)?\?/.test(request.url()) ? [request.url()] : [])));
    const rows = page.locator("tbody tr");
    await page.getByRole("tab", { name: "Heap" }).click();
    await page.getByRole("button", { name: "Count them" }).waitFor();
    await axe(page, "heap");
    if (asked.length > 0) faults.push("the heap was looked at before anybody asked");
    await page.getByRole("radio", { name: /^All/ }).check();
    await counted(page, 1);
    const known = await narrowed(page, "heap$known");
    await axe(page, "what fills the heap");

    await page.getByRole("radio", { name: /^Those alive/ }).check();
    await counted(page, 2);
    await page.getByRole("combobox", { name: "compared with" }).selectOption({ index: 1 });
    const gone = await narrowed(page, "heap$garbage");
    await page.getByRole("searchbox", { name: "Filter types" }).fill("");
    await page.getByRole("button", { name: "Shrunk" }).click();
    await axe(page, "what changed");
    const shrunk = await page.locator("tbody .grown").evaluateAll((cells) => cells.filter((cell) => cell.cellIndex === 0).length);
    await thin(page);

    // by keys: one stop of Tab, arrows from there
    await page.getByRole("button", { name: "Objects", exact: true }).first().focus();
    await tabTo(page, page.locator(".tile[tabindex='0']"));
    const first = await page.evaluate(() => document.activeElement.ariaLabel);
    for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"]) await page.keyboard.press(key);
    await page.keyboard.press("End");
    const last = await page.evaluate(() => document.activeElement.ariaLabel);
    if (first === last) faults.push("no key leads from one area to another");
    await page.locator(".memory-map .told", { hasText: last }).waitFor();
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await page.locator(".tile[aria-pressed='true']").waitFor();
    if ((await rows.count()) !== 1 || !first.startsWith(await rows.locator("code").innerText())) faults.push(`${first} is not what the table shows`);
    await axe(page, "one type");
    await page.getByRole("button", { name: "All types" }).click();

    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await (await saving).saveAs(given.saved);
    await opened(page, { name: "other.json", mimeType: "application/json", buffer: Buffer.from('{"types": 7}') });
    const refused = await page.getByRole("alert").innerText();
    await opened(page, given.saved);
    await page.getByText("As many bytes, as many objects").waitFor();
    await page.getByRole("tab", { name: "Memory" }).click();
    await page.getByText("in memory").first().waitFor();
    await page.getByRole("tab", { name: "Heap" }).click();
    await page.getByText("As many bytes, as many objects").waitFor(); // what was counted is still there

    const button = page.getByRole("button", { name: "Download .hprof" });
    if (await button.isEnabled()) faults.push("the heap is to be had without being asked");
    await page.getByRole("checkbox").check();
    const coming = page.waitForEvent("download");
    await button.click();
    await (await coming).saveAs(given.path);
    return { known, gone, shrunk, refused, counts: asked.filter((one) => one.includes("/heap?")).length };
  },

  /** The heap of a runtime that tells only what is alive, compared with another process's. */
  async alive() {
    const page = await open(`#/${given.id}/heap`);
    await counted(page, 1);
    const known = await narrowed(page, given.type);
    await axe(page, "what fills the heap");
    await opened(page, given.other);
    const grown = await narrowed(page, given.type);
    if (given.hasContents) await page.getByRole("checkbox").check();
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name: `Download ${given.ending}` }).click();
    await (await coming).saveAs(given.path);
    await axe(page, "a file of the heap");
    if (given.frame === undefined) return { known, grown };
    await page.getByRole("tab", { name: "Threads" }).click();
    await page.getByRole("button", { name: "Grouped" }).click();
    const frame = await page.locator(".frames li", { hasText: given.frame }).first().innerText();
    await page.getByRole("tab", { name: "Profile" }).click();
    const trace = await page.getByRole("link", { name: "of .NET itself" }).getAttribute("href");
    return { known, grown, frame, trace };
  },

  async dump() {
    const page = await open(`#/${given.id}/dump`);
    await page.getByText("About").waitFor();
    if (given.full) {
      await page.getByRole("radio", { name: "All memory" }).check();
      const button = page.getByRole("button", { name: "Take the dump" });
      await page.getByRole("checkbox").waitFor();
      if (await button.isEnabled()) faults.push("all memory is to be had without being asked");
      await page.getByRole("checkbox").check();
    }
    const coming = page.waitForEvent("download");
    await page.locator("button.main:enabled").click();
    const download = await coming;
    await download.saveAs(given.path);
    await page.getByText("is there").waitFor();
    return { name: download.suggestedFilename() };
  },

  async profile() {
    const page = await open(`#/${given.id}/profile`);
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("timer").waitFor();
    await page.getByRole("button", { name: "Stop, and show" }).hover();
    await axe(page, "sampling");
    const until = processorTime(given.id) + 150; // so much that all of it is seen, whatever else runs on the machine
    while (processorTime(given.id) < until) await page.waitForTimeout(100);
    await page.getByRole("button", { name: "Stop, and show" }).click();
    await page.locator(".flame .box", { hasText: "burn_seventy" }).first().waitFor();
    const all = await page.locator(".flame .box").count();
    await page.getByRole("searchbox", { name: "Search functions" }).fill("burn_");
    const found = await page.locator(".flame .box.found").count();
    await page.locator(".flame .box", { hasText: "burn_seventy" }).first().click();
    await page.getByRole("button", { name: "Whole" }).click();
    await axe(page, "flame graph");
    await page.getByRole("tab", { name: "General" }).click();
    await page.getByText("Command line").waitFor();
    await page.getByRole("tab", { name: "Profile" }).click();
    await page.locator(".flame .box", { hasText: "burn_seventy" }).first().waitFor(); // it is still there
    for (const format of given.formats) {
      const coming = page.waitForEvent("download");
      await page.getByRole("group", { name: "Download this recording" }).getByRole("button", { name: format, exact: true }).click();
      await (await coming).saveAs(`${given.path}.${format}`);
    }
    return { all, found, hot: await page.locator("table tbody tr").first().innerText() };
  },

  async end() {
    const page = await open(`#/${given.id}/end`);
    await page.getByRole("button", { name: "Show what would end" }).click();
    const group = page.getByRole("group", { name: "What would end" });
    await group.waitFor();
    const planned = await group.getByRole("link").count();
    await group.getByRole("button", { name: "Leave them" }).click();
    await group.waitFor({ state: "detached" });
    await page.getByRole("radio", { name: /^Force/ }).check();
    await page.getByRole("button", { name: "Show what would end" }).click();
    await group.getByRole("button", { name: `End ${planned} processes` }).hover();
    await axe(page, "what would end");
    await group.getByRole("button", { name: `End ${planned} processes` }).click();
    await page.getByText("have ended").waitFor();
    return { planned };
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

  alone: () => alone({ open, told }),
  instances: () => instances({ open, told, axe, tabTo, thin, given, url }),

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

/** Counts the heap, until there are that many counts; again where a busy machine took too long. */
async function counted(page, many) {
  for (let tries = 0; tries < 20; tries++) {
    await page.getByRole("button", { name: /^Count them/ }).click();
    await page.waitForFunction((many) => document.querySelector("select")?.length === many || document.querySelector("#panel [role=alert]"), many);
    if ((await page.getByRole("alert").count()) === 0) return;
  }
  throw new Error("it can't be counted");
}

/** Cells of the type that is filtered for. */
async function narrowed(page, type) {
  await page.getByRole("searchbox", { name: "Filter types" }).fill(type);
  const rows = page.locator("tbody tr").filter({ has: page.locator("code", { hasText: new RegExp(`^${type.replaceAll("$", "\\$")}$`, "i") }) });
  return rows.first().locator("td").allInnerTexts();
}

/** Opens a saved count, as a click on the button and a choice in the browser's own window do. */
async function opened(page, file) {
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: /^Open a saved one/ }).click();
  await (await choosing).setFiles(file);
}

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

try {
  const seen = await scenarios[scenario]();
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
