// A page of a stranger in Chromium, which tries to have the service do something: SERVICE ARGUMENTS-AS-JSON. Prints what each try came to as JSON.
// Strangers: a page of another port of this machine (same-site), of another name (cross-site), in a sandbox (no origin at all), and one whose name
// has been pointed at the service (DNS rebinding).
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { env } from "node:process";

const require = createRequire(new URL("../package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [service, text] = process.argv.slice(2);
const given = JSON.parse(text);
const port = new URL(service).port;

const server = createServer((request, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>stranger</title>"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const own = server.address().port;

const browser = await chromium.launch({
  executablePath: env.CHROMIUM ?? "/usr/bin/chromium",
  // older browsers, and others, let pages of anywhere ask this machine: it's not they who protect us
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP *.test 127.0.0.1",
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,BlockInsecurePrivateNetworkRequests"],
});

/** Runs in the page: asks for all of what, one after the other, and says of each what could be read of it. */
async function ask({ what, modes }) {
  const read = {};
  for (const [method, url] of what)
    for (const mode of modes) {
      if (mode === "no-cors" && method === "DELETE") continue; // no browser sends it
      try {
        const answer = await fetch(url, { method, mode, credentials: "include" });
        read[`${method} ${new URL(url).pathname} ${mode}`] = answer.type === "opaque" ? "opaque" : `${answer.status}: ${(await answer.text()).slice(0, 300)}`;
      } catch {
        read[`${method} ${new URL(url).pathname} ${mode}`] = "refused";
      }
    }
  return read;
}

/** Runs in the page: forms, elements, frames, sockets. Says of each whether anything came. */
async function embed({ posts, gets, events }) {
  const came = {};
  const pending = [];
  const outcome = (name, element) =>
    new Promise((resolve) => {
      const end = (word) => ((came[name] = word), resolve());
      element.onload = element.onloadeddata = () => end("loaded");
      element.onerror = () => end("refused");
      document.body.append(element);
    });
  for (const url of gets) {
    for (const [tag, source] of [["img", "src"], ["script", "src"], ["video", "src"], ["link", "href"], ["object", "data"]]) {
      const element = document.createElement(tag);
      if (tag === "link") element.rel = "stylesheet";
      element[source] = url;
      pending.push(outcome(`${tag} ${new URL(url).pathname}`, element));
    }
    const frame = document.createElement("iframe");
    frame.src = url;
    pending.push(new Promise((resolve) => ((frame.onload = resolve), document.body.append(frame)))); // of a refusal, too
  }
  for (const url of posts)
    for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const frame = document.createElement("iframe");
      frame.name = `frame${Math.random()}`;
      const form = Object.assign(document.createElement("form"), { method: "POST", action: url, enctype, target: frame.name });
      form.append(Object.assign(document.createElement("input"), { name: "force", value: "true" }));
      document.body.append(frame, form);
      pending.push(new Promise((resolve) => ((frame.onload = resolve), form.submit())));
      navigator.sendBeacon(url, new Blob(["x"], { type: enctype }));
    }
  pending.push(new Promise((resolve) => {
    const source = new EventSource(events, { withCredentials: true });
    source.onmessage = source.onopen = () => ((came.events = "read"), source.close(), resolve());
    source.onerror = () => ((came.events = "refused"), source.close(), resolve());
  }));
  pending.push(new Promise((resolve) => {
    const socket = new WebSocket(events.replace("http", "ws"));
    socket.onopen = () => ((came.socket = "read"), resolve());
    socket.onerror = () => ((came.socket = "refused"), resolve());
  }));
  await Promise.all(pending);
  return came;
}

const absolute = (base) => ({
  what: { what: given.what.map(([method, path]) => [method, base + path]), modes: ["cors", "no-cors"] },
  all: { posts: given.posts.map((path) => base + path), gets: given.gets.map((path) => base + path), events: `${base}/api/events` },
});

/** What a page that was opened gets. */
async function attack(page, base) {
  const { what, all } = absolute(base);
  return { fetched: await page.evaluate(ask, what), embedded: await page.evaluate(embed, all), followed: {} };
}

/** The same, and by links that somebody follows. */
async function attackAndLead(page, base) {
  const seen = await attack(page, base);
  for (const path of given.links) {
    const opened = page.waitForEvent("popup");
    await page.evaluate((url) => void open(url), base + path);
    const popup = await opened;
    await popup.waitForLoadState();
    seen.followed[path] = (await popup.locator("body").innerText()).slice(0, 300);
    await popup.close();
  }
  return seen;
}

async function visit(address) {
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  await page.goto(address);
  return page;
}

/** A page that its name gave before it was pointed at the service. */
async function rebound(address) {
  await context.route(address, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>stranger</title>" }), { times: 1 });
  return visit(address);
}

async function sandboxed(address) {
  const page = await visit(address);
  await page.setContent(`<iframe sandbox="allow-scripts allow-forms allow-popups" src="${address}"></iframe>`);
  const frame = await (await page.locator("iframe").elementHandle()).contentFrame();
  await frame.waitForLoadState();
  return frame;
}

/** A page whose origin is configured, which shows by itself who asks; `hidden` is what the browser would have to add. */
async function portal(page, base) {
  return page.evaluate(async ({ what, headers }) => {
    const read = {};
    for (const [method, url] of what)
      for (const [how, options] of [["shown", { headers }], ["hidden", { credentials: "include" }]]) {
        if (method === "DELETE" && how === "hidden") continue;
        const answer = await fetch(url, { method, ...options }).catch(() => undefined);
        read[`${how} ${method} ${new URL(url).pathname}`] = answer ? `${answer.status}: ${(await answer.text()).slice(0, 300)}` : "refused";
      }
    return read;
  }, { what: given.what.map(([method, path]) => [method, base + path]), headers: given.headers });
}

const context = await browser.newContext({ httpCredentials: given.credentials ?? undefined });

const strangers = {
  sameSite: async () => attackAndLead(await visit(`http://127.0.0.1:${own}/`), service),
  crossSite: async () => attackAndLead(await visit(`http://stranger.test:${own}/`), service),
  sandboxed: async () => attack(await sandboxed(`http://stranger.test:${own}/`), service),
  rebound: async () => attackAndLead(await rebound(`http://evil.test:${port}/page`), `http://evil.test:${port}`),
};

try {
  await visit(`${service}/api/processes`); // where there is a password, the browser knows it from now on
  const seen = { strangers: {} };
  if (given.portal) seen.portal = await portal(await rebound(`${given.portal}/`), service);
  for (const who of given.who) seen.strangers[who] = await strangers[who]();
  if (given.audit) seen.audit = readFileSync(given.audit, "utf8");
  seen.figures = await (await fetch(`${service}/metrics`, { headers: given.headers })).text();
  if (given.who.length > 0) seen.ours = await (await visit(`${service}/`)).evaluate(ask, { ...absolute(service).what, modes: ["cors"] });
  console.log(JSON.stringify(seen));
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}
