"use strict";
(function () {
  const svg = document.documentElement, left = 10, width = 1180, charWidth = 7.3, near = 0.01;
  const byId = id => document.getElementById(id);
  const frames = Array.from(document.getElementsByClassName("f"), group => {
    const rect = group.querySelector("rect"), title = group.querySelector("title").textContent;
    return {
      group, rect, title, name: title.slice(0, title.lastIndexOf(" (")), text: group.querySelector("text"),
      x: +rect.getAttribute("x"), y: +rect.getAttribute("y"), width: +rect.getAttribute("width"),
    };
  });
  const whole = frames[0];
  let pattern = null;

  function label(frame, shown) {
    const room = Math.floor((shown - 6) / charWidth), letters = Array.from(frame.name);
    if (room < 3) return "";
    return letters.length <= room ? frame.name : letters.slice(0, room - 2).join("") + "..";
  }

  function show(frame, x, shown) {
    frame.rect.setAttribute("x", x);
    frame.rect.setAttribute("width", shown);
    const text = label(frame, shown);
    if (text && !frame.text) {
      frame.text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      frame.text.setAttribute("y", frame.y + 11.5);
      frame.group.appendChild(frame.text);
    }
    if (frame.text) {
      frame.text.setAttribute("x", x + 3);
      frame.text.textContent = text;
    }
  }

  // What is below target gets the whole width, what it was called by is shown above it, faint.
  function zoom(target) {
    const scale = width / target.width, end = target.x + target.width;
    for (const frame of frames) {
      const frameEnd = frame.x + frame.width;
      const inner = frame.y <= target.y && frame.x >= target.x - near && frameEnd <= end + near;
      const outer = frame.y > target.y && frame.x <= target.x + near && frameEnd >= end - near;
      frame.group.classList.toggle("gone", !inner && !outer);
      frame.group.classList.toggle("outer", outer);
      if (inner) show(frame, left + (frame.x - target.x) * scale, frame.width * scale);
      else if (outer) show(frame, left, width);
    }
    byId("reset").classList.toggle("gone", target === whole);
  }

  // Frames in frames count once.
  function search(text) {
    let found = 0, end = -1;
    pattern = text || null;
    let expression = null;
    if (pattern) {
      try { expression = new RegExp(pattern, "i"); } catch (error) {
        expression = { test: name => name.toLowerCase().includes(pattern.toLowerCase()) };
      }
    }
    const matching = frames.filter(frame => {
      const matches = expression !== null && expression.test(frame.name);
      frame.group.classList.toggle("found", matches);
      return matches;
    });
    matching.sort((one, other) => one.x - other.x || other.width - one.width);
    for (const frame of matching) {
      if (frame.x + near < end) continue;
      found += frame.width;
      end = frame.x + frame.width;
    }
    byId("found").textContent = pattern ? "found: " + (100 * found / width).toFixed(2) + "%" : "";
    byId("search").textContent = pattern ? "end search" : "search";
  }

  function ask() {
    if (pattern) return search(null);
    const text = prompt("Functions whose names have (a regular expression, too):", "");
    if (text) search(text);
  }

  for (const frame of frames) {
    frame.group.addEventListener("click", () => zoom(frame));
    frame.group.addEventListener("mouseover", () => { byId("detail").textContent = frame.title; });
  }
  byId("reset").addEventListener("click", () => zoom(whole));
  byId("search").addEventListener("click", ask);
  svg.addEventListener("keydown", event => {
    if (event.key === "Escape") { search(null); zoom(whole); }
    if ((event.ctrlKey || event.metaKey) && event.key === "f") { event.preventDefault(); ask(); }
  });
  byId("search").classList.remove("gone");
})();
