// The part of bench/events.py that needs a browser: how soon the page shows its first rows, and what it costs to keep it open. URL SECONDS; prints JSON.
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../tests/package.json", import.meta.url))("playwright-core");
const [url, seconds] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });

async function firstRows() {
  const page = await context.newPage();
  await page.addInitScript(() => {
    const look = () => {
      if (document.querySelector(".rows .row")) window.firstRows = performance.now(); // since the navigation began
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await page.goto(url);
  const value = await (await page.waitForFunction(() => window.firstRows)).jsonValue();
  return { page, value };
}

const times = [];
for (let i = 0; i < 5; i++) {
  const { page, value } = await firstRows();
  times.push(value);
  await page.close();
}
const { page } = await firstRows();
const session = await context.newCDPSession(page);
await session.send("Performance.enable");
const work = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;
await page.waitForTimeout(3000);
const before = await work();
await page.waitForTimeout(seconds * 1000);
console.log(JSON.stringify({ first_ms: times.sort((a, b) => a - b)[2], share: (100 * ((await work()) - before)) / seconds }));
await browser.close();
