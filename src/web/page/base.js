// The words of the page: elements, figures, a connection with calls and answers, and what is known. Data becomes text, never
// markup.
"use strict";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const SAMPLES = 40, LINES = 4000, WIDEST = 20000, EVENTS = 300, MANY = 50;
const ICONS = {
  start: "M4 2.5v11l9-5.5z", stop: "M3.5 3.5h9v9h-9z",
  restart: "M8 2a6 6 0 1 0 6 6h-1.8A4.2 4.2 0 1 1 8 3.8c1.2 0 2.2 .5 3 1.2L9 7h5V2l-1.8 1.8A6 6 0 0 0 8 2z",
};
const STATES = { RUNNING: "good", STARTING: "warn", STOPPING: "warn", BACKOFF: "bad", FATAL: "bad" };
const HEALTH = { healthy: "good", unhealthy: "bad", starting: "warn" };
const VERBS = ["start", "stop", "restart"];
const VIEWS = {
  all: ["all", () => true],
  alarm: ["not as wanted", (p) => !p.as_wanted || p.health === "unhealthy"],
  running: ["running", (p) => p.state === "RUNNING"],
  down: ["down", (p) => !p.pid],
};

/** What rows can be ordered by: a heading, the class of the cell, and what decides. The worst, newest or most comes first;
 * what comes with the most is marked. */
const ORDERS = {
  name: ["Process", "name", () => 0],
  state: ["State", "state", (r) => (VIEWS.alarm[1](r.p) ? 0 : 1) + r.p.state],
  pid: ["Pid", "num pid", (r) => r.p.pid || Infinity],
  since: ["Since", "num uptime", (r) => -(r.since ?? -Infinity)],
  restarts: ["Restarts", "num restarts", (r) => -r.p.runs, true],
  cpu: ["CPU", "num load cpu", (r) => -(r.cpu.at(-1) ?? -1), true],
  memory: ["Memory", "num load mem", (r) => -(r.mem.at(-1) ?? -1), true],
};

/** An element with a class, a text and children. */
function el(tag, cls, text, ...children) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text !== undefined && text !== null) e.textContent = text;
  e.append(...children);
  return e;
}

function button(label, cls, act) {
  const b = el("button", cls, label);
  b.type = "button";
  b.addEventListener("click", act);
  return b;
}

/** A drawing that says nothing to those who do not see it. */
function drawing(box, ...classes) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", box);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.ariaHidden = "true";
  for (const cls of classes) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", cls);
    svg.append(path);
  }
  return svg;
}

const title = (word) => word[0].toUpperCase() + word.slice(1);

function put(node, key, value) { if (node[key] !== value) node[key] = value; }

function setText(node, text) { put(node, "textContent", text); }

function span(ms) {
  const s = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
  const hms = `${Math.floor(s / 3600) % 24}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s >= 86400 ? `${Math.floor(s / 86400)}d ${Math.floor(s / 3600) % 24}h` : hms;
}

function size(bytes) {
  for (const unit of ["B", "KB", "MB", "GB"]) {
    if (bytes < 1000 || unit === "GB") return `${bytes < 10 && unit !== "B" ? bytes.toFixed(1) : Math.round(bytes)} ${unit}`;
    bytes /= 1024;
  }
}

const clockTime = (time) => new Date(time).toLocaleTimeString([], { hour12: false });

class Link {
  constructor(on) {
    this.waiting = new Map();
    this.next = 1;
    this.on = on;
    this.socket = new WebSocket(new URL("ws", location.href).href.replace(/^http/, "ws"));
    this.socket.onopen = () => on.open();
    this.socket.onclose = () => this.end();
    this.socket.onmessage = (m) => this.hear(JSON.parse(m.data));
  }

  call(method, params = {}) {
    const id = this.next++;
    return new Promise((done, failed) => {
      if (this.socket.readyState !== WebSocket.OPEN) return failed(new Error("not connected"));
      this.waiting.set(id, { done, failed });
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  hear(message) {
    if (message.method) return this.on.told(message);
    const wait = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (!wait) return message.error && this.on.cut && this.on.cut(message.error);
    if (message.error) wait.failed(Object.assign(new Error(message.error.message), { code: message.error.code }));
    else wait.done(message.result);
  }

  end() {
    if (this.over) return;
    this.over = true;
    for (const { failed } of this.waiting.values()) failed(new Error("the connection was lost"));
    this.waiting.clear();
    this.on.close();
  }

  close() {
    this.over = true;
    this.socket.close();
  }
}

/** What a browser remembers of how the list was looked at; nothing, where it does not let pages remember. */
function remembered(key, otherwise) {
  try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
}

function remember(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* then not */ }
}

const model = {
  rows: new Map(), groups: new Map(), link: null, heard: 0, tries: 0, right: "read",
  filter: "", view: "all", selected: new Set(), open: null, focus: null,
  folded: new Set(remembered("folded", [])), order: remembered("order", { by: "name", back: false }),
};
if (!ORDERS[model.order.by]) model.order = { by: "name", back: false };

/** The group that a process is shown in: by name there are groups, by anything else one list of all. */
const groupOf = (p) => (model.order.by === "name" && (p.group || (p.name.includes(":") && p.program))) || "";

function say(text, bad) {
  const p = el("p", bad ? "bad" : "", text);
  $("said").append(p);
  while ($("said").children.length > 4) $("said").firstChild.remove();
  setTimeout(() => p.remove(), bad ? 9000 : 4500);
}
