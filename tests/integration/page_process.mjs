// One process in the page: its tabs, threads and heap, dumps and profiles of it, its end. Each takes what page.mjs has for all scenarios.

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

/** What each thread takes, while its tab is open; stacks of all and of one. */
export async function threads({ open, given }) {
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
}

/** Every tab shows what it is for. */
export async function tabs({ open, given }) {
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
}

/** The heap of a Java virtual machine: nothing before it is asked for; then two counts, and what changed between them. */
export async function heap({ open, axe, thin, tabTo, given, faults }) {
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
}

/** The heap of a runtime that tells only what is alive, compared with another process's. */
export async function alive({ open, axe, given }) {
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
}

export async function dump({ open, given, faults }) {
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
}

export async function profile({ open, axe, processorTime, given }) {
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
}

export async function end({ open, axe, given }) {
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
}
