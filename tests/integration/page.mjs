// Looks at the page in Chromium as a person would: SCENARIO URL ARGUMENTS-AS-JSON. Prints what it saw as JSON; ends with 1 and a reason where the page
// says anything on its console, breaks its policy, or never comes to what is waited for.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { env } from "node:process";

const require = createRequire(new URL("../package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [scenario, url, text] = process.argv.slice(2);
const given = JSON.parse(text ?? "{}");
const faults = [];

const browser = await chromium.launch({ executablePath: env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

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

const row = (page, id) => page.locator(`#p${id}`);

/** The list, with only what is given in its filter. */
async function list(page, filter) {
  await page.locator(".rows .row").first().waitFor();
  if (filter !== undefined) await page.getByRole("searchbox", { name: "Filter" }).fill(filter);
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
    return { levels, order: order.map(Number), badges: await badges(page) };
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
    for (let i = 0; !(await page.getByRole("tab", { name: "General" }).evaluate((tab) => tab === document.activeElement)); i++) {
      if (i > 20) throw new Error("Tab never leads to the tabs");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((hash) => location.hash === hash, `#/${given.child}/threads`);
    await page.keyboard.press("Escape");
    await page.getByRole("treegrid").waitFor();
    await page.keyboard.press("p");
    await page.getByText("paused").waitFor();
    await page.keyboard.press("p");
    await page.getByText("live", { exact: true }).waitFor();
    return { selected: await page.locator(".selected").getAttribute("id") };
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
    await panel.getByRole("button", { name: "Stacks" }).click();
    await panel.locator(".frames li").first().waitFor();
    seen.Stacks = await panel.innerText();
    await look("Modules", "libc.so.6");
    await panel.getByRole("button", { name: "libc.so.6" }).click();
    await panel.getByText("Build id").waitFor();
    await look("Files", given.file);
    await look("Environment", "SECRET_OF_TEST");
    await panel.getByRole("button", { name: "Show values" }).click();
    await panel.getByText(given.secret).waitFor();
    await look("Memory", "heap");
    await look("Dump", "About");
    await look("Profile", "pprof");
    await look("End", "everything that descends");
    return seen;
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
    await page.waitForFunction(() => /for [1-9]/.test(document.querySelector("[role=timer]")?.textContent ?? ""));
    await page.getByRole("button", { name: "Stop, and show" }).click();
    await page.locator(".flame .box", { hasText: "burn_seventy" }).first().waitFor();
    const all = await page.locator(".flame .box").count();
    await page.getByRole("searchbox", { name: "Search functions" }).fill("burn_");
    const found = await page.locator(".flame .box.found").count();
    await page.locator(".flame .box", { hasText: "burn_seventy" }).first().click();
    await page.getByRole("button", { name: "Whole" }).click();
    await axe(page, "flame graph");
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download this" }).click();
    await (await coming).saveAs(given.path);
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
    await group.getByRole("button", { name: `End ${planned} processes` }).click();
    await page.getByText("have ended").waitFor();
    return { planned };
  },

  /** A name that is HTML is text. */
  async hostile() {
    const page = await open();
    await list(page, `pid:${given.id}`);
    await row(page, given.id).waitFor();
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
    await page.getByText("live", { exact: true }).waitFor();
    writeFileSync(given.path, "");
    await page.getByText("doesn't answer").waitFor();
    writeFileSync(given.path + ".lost", "");
    await page.getByText("live", { exact: true }).waitFor();
    return {};
  },

  /** Errors in the service's own words, where they arise. */
  async words() {
    const page = await open(`#/${given.gone}/general`);
    await page.getByText(`Process with an Id of ${given.gone} is not running.`).waitFor();
    const other = await open();
    await other.getByText(/viewers watch the processes already/).waitFor();
    return { alerts: await page.getByRole("alert").count() };
  },

  /** axe finds nothing, in light and dark; nothing is wider than a phone. */
  async accessible() {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open("", { colorScheme });
      await page.getByText("live", { exact: true }).waitFor();
      await list(page);
      await axe(page, `list, ${colorScheme}`);
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      await axe(page, `help, ${colorScheme}`);
      await page.keyboard.press("Escape");
      for (const name of names) {
        await page.goto(`${url}#/${given.id}/${name}`);
        await page.getByRole("tab", { name: new RegExp(`^${name}$`, "i"), selected: true }).waitFor();
        await page.waitForFunction(() => !document.querySelector("#panel")?.textContent?.includes("Loading"));
        await axe(page, `${name}, ${colorScheme}`);
      }
      await page.context().close();
    }
    const phone = await open("", { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true });
    await list(phone);
    const wide = [];
    for (const name of ["", ...names.map((one) => `#/${given.id}/${one}`)]) {
      await phone.goto(url + name);
      await phone.waitForFunction(() => !document.querySelector("#panel")?.textContent?.includes("Loading"));
      if (await phone.evaluate(() => document.documentElement.scrollWidth > innerWidth)) wide.push(name);
    }
    return { wide };
  },
};

async function badges(page) {
  return Array.from(new Set(await page.locator(".badge").allTextContents()));
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
