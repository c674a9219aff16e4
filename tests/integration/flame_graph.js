// Opens a flame graph in jsdom, searches, zooms in and out, and prints what is seen as JSON: FILE PATTERN ZOOM.
const fs = require("fs");
const { JSDOM } = require("jsdom");

const [file, pattern, zoom] = process.argv.slice(2);
const options = {
  contentType: "image/svg+xml", // runs no script of itself
  runScripts: "outside-only",
  beforeParse(window) { window.prompt = () => pattern; },
};
const { window } = new JSDOM(fs.readFileSync(file), options);
const document = window.document;

const boxes = () => Array.from(document.getElementsByClassName("f"), group => ({
  title: group.querySelector("title").textContent,
  x: +group.querySelector("rect").getAttribute("x"),
  y: +group.querySelector("rect").getAttribute("y"),
  width: +group.querySelector("rect").getAttribute("width"),
  text: group.querySelector("text") && group.querySelector("text").textContent,
  classes: Array.from(group.classList),
}));
const click = element => element.dispatchEvent(new window.MouseEvent("click", { bubbles: true }));

const answer = { scripts: document.querySelectorAll("script").length, before: boxes() };
window.eval(document.querySelector("script").textContent);
click(document.getElementById("search"));
answer.found = document.getElementById("found").textContent;
answer.searched = boxes();
click(Array.from(document.getElementsByClassName("f")).find(group => group.querySelector("title").textContent.startsWith(zoom)));
answer.zoomed = boxes();
click(document.getElementById("reset"));
click(document.getElementById("search"));
answer.after = boxes();
console.log(JSON.stringify(answer));
