// Several instances in the page: the menu in its head, and all of them side by side. Each takes what page.mjs has for all scenarios.
import { writeFileSync } from "node:fs";

const card = (page, name) => page.locator("li.instance").filter({ has: page.locator("h3", { hasText: new RegExp(`^${name}`) }) });
const entry = (page, name) => page.getByRole("navigation", { name: "Instances" }).getByRole("link", { name });
const machine = (page, name) => page.locator(".host h1 small", { hasText: new RegExp(`^${name}$`) });

/** Figures that take two answers. */
const measured = (page, name) => card(page, name).locator("dd", { hasText: /^\d+\.\d % of \d+ processor/ }).waitFor();

/** One that knows no others has no menu, and says so where all would be. */
export async function alone({ open, told }) {
  const page = await open("#/instances");
  await told(page, "live").waitFor();
  await page.getByText("This one knows no others").waitFor();
  await page.locator("li.instance .figures").waitFor();
  return { menus: await page.locator(".switcher").count(), cards: await page.locator("li.instance").count() };
}

/** a, b, and an address where nobody is. given.path appears once b is to go. */
export async function instances({ open, told, axe, tabTo, thin, given, url }) {
  const page = await open();
  await told(page, "live").waitFor();
  const menu = page.getByRole("button", { name: "3 instances" });
  await menu.waitFor();

  // by keys alone
  await tabTo(page, menu);
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await entry(page, /this one/).waitFor();
  const entries = [];
  for (let i = 0; i < 3; i++) {
    entries.push(await page.evaluate(() => [document.activeElement.innerText, document.activeElement.ariaDisabled]));
    await page.keyboard.press("ArrowDown");
  }
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await axe(page, `instances, ${colorScheme}`);
  }
  await thin(page);
  await page.keyboard.press("Escape");
  await page.getByRole("navigation").waitFor({ state: "hidden" });
  if (!(await menu.evaluate((element) => element === document.activeElement))) throw new Error("the menu does not give the focus back");

  // to the other one, and back from there
  await menu.click();
  await entry(page, /^b/).click();
  await machine(page, "b").waitFor();
  const at = [page.url()];
  await told(page, "live").waitFor();
  await menu.click();
  await entry(page, /^a/).click();
  await machine(page, "a").waitFor();
  at.push(page.url());

  // all of them, seen from below /instances/ID/
  await menu.click();
  await entry(page, /side by side/).click();
  for (const name of ["a", "b"]) await measured(page, name);
  const cards = await page.locator("li.instance").allInnerTexts();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await axe(page, `all instances, ${colorScheme}`);
  }
  await thin(page);
  await card(page, "b").getByRole("link").click();
  await machine(page, "b").waitFor();
  at.push(page.url());

  // one that goes; the other one goes on
  await page.goto(`${url}#/instances`);
  for (const name of ["a", "b"]) await card(page, name).locator(".figures").waitFor();
  writeFileSync(given.path, "");
  await card(page, "b").getByText("As it was last").waitFor();
  const answered = page.waitForResponse((answer) => answer.url() === `${url}api/processes?allUsers=true` && answer.ok());
  await card(page, "b").locator(".reason", { hasText: "does not answer" }).waitFor();
  await answered;
  const errors = await card(page, "a").locator(".problem").count();

  // nothing is asked when nobody looks
  await page.keyboard.press("Escape");
  await page.getByRole("treegrid").waitFor();
  let asked = 0;
  page.on("request", (request) => (asked += /\/metrics$/.test(request.url()) ? 1 : 0));
  await page.waitForTimeout(6000); // would be asked once; a slow machine only hides it
  return { entries, at: at.map((one) => one.slice(url.length)), cards, errors, asked, cookies: (await page.context().cookies()).length };
}
