// The dashboard. One WebSocket asks and follows events; the output of a process has one of its own. What is shown comes
// from `status` alone: an event only says that a process must be looked at again. Data becomes text, never markup.
"use strict";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const SAMPLES = 40, LINES = 4000, WIDEST = 20000, EVENTS = 300, MANY = 50;
const ICONS = {
  start: "M4 2.5v11l9-5.5z", stop: "M3.5 3.5h9v9h-9z",
  restart: "M8 2a6 6 0 1 0 6 6h-1.8A4.2 4.2 0 1 1 8 3.8c1.2 0 2.2 .5 3 1.2L9 7h5V2l-1.8 1.8A6 6 0 0 0 8 2z",
};
const STATES = { RUNNING: "good", STARTING: "warn", STOPPING: "warn", BACKOFF: "bad", FATAL: "bad", WAITING: "warn" };
const HEALTH = { healthy: "good", unhealthy: "bad", starting: "warn" };
const VERBS = ["start", "stop", "restart"];
const VIEWS = {
  all: ["all", () => true],
  alarm: ["not as wanted", (p) => !p.as_wanted || p.health === "unhealthy"],
  running: ["running", (p) => p.state === "RUNNING"],
  down: ["down", (p) => !p.pid],
};

/** What rows can be ordered by: a heading, the class of the cell, and what decides. The worst, newest or most comes first. */
const ORDERS = {
  name: ["Process", "name", () => 0],
  state: ["State", "state", (r) => (VIEWS.alarm[1](r.p) ? 0 : 1) + r.p.state],
  pid: ["Pid", "num pid", (r) => r.p.pid || Infinity],
  since: ["Since", "num uptime", (r) => -(r.since ?? -Infinity)],
  restarts: ["Restarts", "num restarts", (r) => -r.p.runs],
  cpu: ["CPU", "num load cpu", (r) => -(r.cpu.at(-1) ?? -1)],
  memory: ["Memory", "num load mem", (r) => -(r.mem.at(-1) ?? -1)],
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

// ---- A connection: calls with answers, and what follows them.

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

// ---- What is known.

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

// ---- Rows. Each keeps its nodes; only what has changed is touched, and only what is seen keeps counting.

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const row = model.rows.get(entry.target.dataset.name);
    if (!row) continue;
    row.seen = entry.isIntersecting;
    if (row.seen) tick(row, performance.now());
    if (row.seen && row.late) paintLoad(row);
  }
}, { root: $("list"), rootMargin: "200px" });

function makeRow(p) {
  const node = el("div", "row"), part = (cls) => { const e = el("span", cls); e.role = "gridcell"; node.append(e); return e; };
  node.role = "row";
  node.ariaLevel = "2";
  node.tabIndex = -1;
  node.dataset.name = p.name;
  const row = { node, p: null, cpu: [], mem: [], seen: false, late: false };
  const check = part("check"), box = checkbox(`Select ${p.name}`, (on) => select(p.name, on));
  box.tabIndex = -1;
  check.addEventListener("click", (e) => e.stopPropagation());
  check.append(box);
  Object.assign(row, {
    box, name: part("name"), state: part("state"), pid: part("num pid"), uptime: part("num uptime"), restarts: part("num restarts"),
    cpuCell: part("num load cpu"), memCell: part("num load mem"), acts: part("row-acts acts"), why: part("why"),
  });
  const cut = p.name.indexOf(":") + 1;
  if (cut) row.name.append(el("span", "prefix", p.name.slice(0, cut)), el("wbr"));
  row.name.append(p.name.slice(cut));
  for (const cell of [row.cpuCell, row.memCell]) cell.append(drawing("0 0 39 16", "under", "line"), el("span"));
  for (const verb of VERBS) row.acts.append(actButton(verb, () => [p.name], p.name));
  node.addEventListener("click", () => open(p.name));
  seen.observe(node);
  return row;
}

function checkbox(label, changed) {
  const box = el("input", "acts");
  box.type = "checkbox";
  box.ariaLabel = label;
  box.addEventListener("change", () => changed(box.checked));
  return box;
}

function actButton(verb, names, about) {
  const b = button("", "icon", (e) => { e.stopPropagation(); act(verb, names()); });
  const svg = drawing("0 0 16 16", verb);
  svg.firstChild.setAttribute("d", ICONS[verb]);
  b.append(svg);
  b.tabIndex = -1;
  b.dataset.verb = verb;
  b.ariaLabel = `${title(verb)} ${about}`;
  b.title = title(verb);
  return b;
}

const cannot = (verb, p) => (verb === "start" ? Boolean(p.pid) : !p.pid && p.want === "down");

function chips(cell, p) {
  const wanted = [[p.state, STATES[p.state] || ""]];
  if (p.state === "EXITED" && !p.as_wanted) wanted[0][1] = "bad";
  if (p.health) wanted.push([p.health, HEALTH[p.health] || ""]);
  const now = wanted.map((c) => c.join()).join("|");
  if (cell.dataset.now === now) return;
  cell.dataset.now = now;
  cell.replaceChildren(...wanted.map(([text, cls]) => el("span", `chip ${cls}`, text)));
}

function update(row, p) {
  const before = row.p, at = performance.now();
  row.p = p;
  row.since = p.for_ms === undefined ? null : at - p.for_ms;
  chips(row.state, p);
  setText(row.pid, p.pid ? String(p.pid) : "–");
  setText(row.restarts, String(Math.max(0, p.runs - 1)));
  const why = reason(p);
  setText(row.why, why);
  put(row.why, "hidden", !why);
  row.node.classList.toggle("up", Boolean(p.pid));
  row.node.classList.toggle("off", !p.as_wanted || p.health === "unhealthy");
  for (const b of row.acts.children) put(b, "disabled", cannot(b.dataset.verb, p));
  if (row.seen || !before || before.state !== p.state) tick(row, at);
  if (before && before.pid !== p.pid) row.cpu.length = row.mem.length = 0;
  if (p.usage) sample(row, p.usage, at);
  else if (!p.pid && row.last) { row.last = null; row.cpu.length = row.mem.length = 0; paintLoad(row); }
  if (model.open === p.name) showFacts(row);
}

function reason(p) {
  if (p.as_wanted && p.health !== "unhealthy") {
    const next = p.schedule && p.schedule.next && p.state !== "RUNNING";
    return next ? `next run ${new Date(p.schedule.next).toLocaleString()}` : "";
  }
  const parts = [p.why || (p.last_exit && `ended: ${p.last_exit}`), p.health === "unhealthy" && p.says, p.next];
  return parts.filter(Boolean).join(" — ");
}

function sample(row, usage, at) {
  if (row.last && row.last.pid === row.p.pid && at > row.last.at) {
    row.cpu.push(Math.max(0, (usage.cpu_ms - row.last.cpu_ms) / (at - row.last.at) * 100));
  }
  row.mem.push(usage.rss_bytes);
  for (const list of [row.cpu, row.mem]) if (list.length > SAMPLES) list.shift();
  row.last = { at, cpu_ms: usage.cpu_ms, pid: row.p.pid };
  if (row.seen) paintLoad(row);
  else row.late = true;
}

function paintLoad(row) {
  row.late = false;
  draw(row.cpuCell, row.cpu, 5, (v) => `${v < 10 ? v.toFixed(1) : Math.round(v)}%`);
  draw(row.memCell, row.mem, 1 << 20, size);
}

function draw(cell, values, least, print) {
  const [svg, text] = cell.children, top = Math.max(least, ...values) * 1.1, first = SAMPLES - values.length;
  const points = values.map((v, n) => `${first + n},${(15.5 - v / top * 15).toFixed(1)}`);
  const line = points.length > 1 ? `M${points.join("L")}` : "";
  svg.children[1].setAttribute("d", line);
  svg.children[0].setAttribute("d", line && `${line}L39,16L${first},16Z`);
  setText(text, values.length ? print(values[values.length - 1]) : "");
}

function tick(row, at) {
  setText(row.uptime, row.since === null || row.since === undefined ? "" : span(at - row.since));
}

// ---- Groups and what is shown of them.

function groupFor(name) {
  let group = model.groups.get(name);
  if (group) return group;
  const node = el("section", "group"), label = name || (model.order.by === "name" ? "Programs" : "All processes");
  const head = el("div", "group-head"), cell = el("span", "group-name"), acts = el("span", "row-acts acts"), table = el("div", "rows");
  node.role = "rowgroup";
  head.role = "row";
  head.ariaLevel = "1";
  head.tabIndex = -1;
  head.dataset.group = name;
  table.role = "none";
  const fold = button(label, "fold", () => setFold(name, !model.folded.has(name))), note = el("span", "group-note");
  fold.tabIndex = -1;
  cell.append(fold, note);
  for (const part of [cell, acts]) part.role = "gridcell";
  if (name) for (const verb of VERBS) acts.append(actButton(verb, () => members(name), `all of ${name}`));
  head.append(cell, acts);
  node.append(head, table);
  group = { node, table, note, head };
  model.groups.set(name, group);
  const behind = [...model.groups.keys()].filter((n) => n > name).sort()[0];
  $("groups").insertBefore(node, behind ? model.groups.get(behind).node : null);
  return group;
}

/** Those of a group that are shown: what is hidden by a filter is not meant by a button that is not. */
const members = (name) => inOrder().filter((r) => groupOf(r.p) === name && !r.node.hidden).map((r) => r.p.name);

function setFold(name, folded) {
  model.folded[folded ? "add" : "delete"](name);
  remember("folded", [...model.folded]);
  arrange();
}

const collator = new Intl.Collator("en", { numeric: true });

function inOrder() {
  const { by, back } = model.order, value = ORDERS[by][2], rows = [...model.rows.values()];
  for (const row of rows) row.rank = value(row);
  const compare = (a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : collator.compare(a.p.name, b.p.name));
  return rows.sort(back ? (a, b) => compare(b, a) : compare);
}

/** Moves rows to their places, those alone that are not there yet. Under a pointer and a keyboard's focus nothing moves. */
function sort(asked) {
  const busy = matchMedia("(hover: hover)").matches && $("groups").matches(":hover");
  if (!asked && model.order.by !== "name" && (busy || $("groups").querySelector(":focus-visible"))) return;
  const held = document.activeElement, last = new Map();
  for (const { node, p } of inOrder()) {
    const { table } = groupFor(groupOf(p)), before = last.get(table), place = before ? before.nextSibling : table.firstChild;
    if (place !== node) table.insertBefore(node, place);
    last.set(table, node);
  }
  if (held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
}

function orderBy(by, back = model.order.by === by && !model.order.back) {
  model.order = { by, back };
  remember("order", model.order);
  const old = [...model.groups.values()];
  model.groups.clear();
  sort(true);
  for (const { node } of old) node.remove();
  showOrder();
  arrange();
}

function makeHeads() {
  const head = $("heads"), all = checkbox("Select all that are shown", (on) => (on ? shown().forEach((n) => select(n, true)) : clear()));
  const add = (cls, ...parts) => {
    const cell = el("span", cls, null, ...parts);
    cell.role = "columnheader";
    head.append(cell);
    return cell;
  };
  add("check", all);
  for (const [by, [label, cls]] of Object.entries(ORDERS)) {
    add(cls, button(label, "", () => orderBy(by))).dataset.order = by;
    $("order").append(new Option(label, by));
  }
  add("row-acts acts").ariaLabel = "Commands";
  $("order").addEventListener("change", () => orderBy($("order").value, false));
  showOrder();
}

function showOrder() {
  for (const cell of $("heads").querySelectorAll("[data-order]")) {
    const on = cell.dataset.order === model.order.by;
    cell.ariaSort = on ? (model.order.back ? "descending" : "ascending") : "none";
  }
  $("order").value = model.order.by;
}

const shown = () => inOrder().filter((r) => !r.node.hidden && !r.node.parentNode.hidden).map((r) => r.p.name);

function matches(p) {
  if (!VIEWS[model.view][1](p)) return false;
  const text = `${p.name} ${p.program} ${p.group || ""} ${p.state} ${p.health || ""} ${p.pid || ""} ${p.why || ""}`.toLowerCase();
  return model.filter.split(/\s+/).every((word) => text.includes(word));
}

/** Takes what `status` has said: all of it, or of some names alone. */
function take(processes, whole) {
  model.heard = performance.now();
  const there = new Set();
  let added = false;
  for (const p of processes) {
    there.add(p.name);
    let row = model.rows.get(p.name);
    if (!row) {
      added = true;
      row = makeRow(p);
      model.rows.set(p.name, row);
      groupFor(groupOf(p)).table.append(row.node);
    }
    update(row, p);
  }
  if (whole) for (const name of [...model.rows.keys()]) if (!there.has(name)) forget(name);
  if (whole || added) sort(added);
  arrange();
}

function forget(name) {
  const row = model.rows.get(name);
  seen.unobserve(row.node);
  row.node.remove();
  select(name, false);
  model.rows.delete(name);
  if (model.open === name) close();
}

/** What is hidden and what is counted. While something is looked for nothing is folded. */
function arrange() {
  const counts = Object.fromEntries(Object.keys(VIEWS).map((v) => [v, 0])), sums = new Map();
  const narrowed = model.filter !== "" || model.view !== "all";
  for (const { p, node } of model.rows.values()) {
    for (const v in VIEWS) if (VIEWS[v][1](p)) counts[v]++;
    const hide = !matches(p);
    put(node, "hidden", hide);
    const g = groupOf(p), sum = sums.get(g) || { all: 0, up: 0, bad: 0, seen: 0 };
    sum.all++;
    sum.seen += !hide;
    sum.up += Boolean(p.pid);
    sum.bad += VIEWS.alarm[1](p);
    sums.set(g, sum);
  }
  for (const [name, group] of model.groups) {
    const sum = sums.get(name);
    if (!sum) { group.node.remove(); model.groups.delete(name); continue; }
    put(group.node, "hidden", !sum.seen);
    const folded = model.folded.has(name) && !narrowed;
    put(group.table, "hidden", folded);
    put(group.head, "ariaExpanded", String(!folded));
    const text = `${sum.up} of ${sum.all} up${sum.seen < sum.all ? `, ${sum.seen} shown` : ""}`;
    if (group.note.dataset.now !== text + sum.bad) {
      group.note.dataset.now = text + sum.bad;
      group.note.replaceChildren(text, ...(sum.bad ? [el("span", "alarm", ` · ${sum.bad} not as wanted`)] : []));
    }
  }
  showCounts(counts);
  const empty = ![...sums.values()].some((s) => s.seen);
  put($("empty"), "hidden", !empty);
  setText($("empty"), model.rows.size ? "Nothing matches." : "There are no processes.");
  document.title = counts.alarm ? `(${counts.alarm}) taskmaster` : "taskmaster";
  if (!model.focus || !model.focus.isConnected) rove(visible()[0]);
}

function showCounts(counts) {
  if (!$("counts").children.length) {
    for (const v in VIEWS) {
      const b = button("", v, () => { model.view = model.view === v ? "all" : v; arrange(); });
      b.append(el("b"), VIEWS[v][0]);
      b.dataset.view = v;
      $("counts").append(b);
    }
  }
  for (const b of $("counts").children) {
    setText(b.firstChild, String(counts[b.dataset.view]));
    b.ariaPressed = String(model.view === b.dataset.view);
    b.classList.toggle("alarm", b.dataset.view === "alarm" && counts.alarm > 0);
  }
}

// ---- Commands.

function select(name, on) {
  model.selected[on ? "add" : "delete"](name);
  const { box, node } = model.rows.get(name);
  box.checked = on;
  put(node, "ariaSelected", String(on));
  const bar = $("bulk"), count = model.selected.size;
  bar.hidden = !count;
  if (!bar.children.length) {
    bar.append(el("span"));
    for (const verb of VERBS) bar.append(button(title(verb), "", () => act(verb, [...model.selected])));
    bar.append(button("Clear", "", clear));
  }
  setText(bar.firstChild, `${count} selected`);
  $("heads").querySelector("input").checked = count > 0;
}

const clear = () => model.selected.forEach((n) => select(n, false));

async function act(verb, names) {
  if (!names.length) return;
  if (names.length > 1 && !(await confirmMany(verb, names))) return;
  const what = names.length === 1 ? names[0] : `${names.length} processes`;
  try {
    const { outcomes, notes } = await model.link.call(verb, { names });
    const bad = outcomes.filter((o) => !o.ok);
    for (const o of bad.slice(0, 3)) say(`${o.name}: ${o.result}`, true);
    if (!bad.length) say(outcomes.length === 1 ? `${outcomes[0].name}: ${outcomes[0].result}` : `${what}: ${verb} done`);
    for (const note of (notes || []).slice(0, 3)) say(note);
  } catch (error) {
    say(`${verb} ${what}: ${error.message}`, true);
  }
}

/** A dialog; gives what was chosen, or nothing. */
function ask(heading, body, choices) {
  const dialog = $("dialog");
  if (dialog.open) return Promise.resolve("");
  setText($("dialog-title"), heading);
  $("dialog-body").replaceChildren(...body);
  $("dialog-acts").replaceChildren(...choices.map(([value, label, cls]) => {
    const b = el("button", cls || "", label);
    b.value = value;
    return b;
  }));
  dialog.returnValue = "";
  dialog.showModal();
  const last = $("dialog-body").querySelector("input") || $("dialog-acts").lastChild;
  if (last) last.focus();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue), { once: true }));
}

async function confirmMany(verb, names) {
  const list = el("ol");
  for (const name of names.slice(0, MANY)) list.append(el("li", "", name));
  if (names.length > MANY) list.append(el("li", "", `and ${names.length - MANY} more`));
  const choices = [["", "Cancel"], ["yes", title(verb), "main"]];
  return (await ask(`${title(verb)} ${names.length} processes?`, [list], choices)) === "yes";
}

async function reload() {
  let plan;
  try {
    plan = await model.link.call("reload", { dry_run: true });
  } catch (error) {
    return void ask("The configuration cannot be applied", [el("pre", "", error.message)], [["", "Close"]]);
  }
  const list = el("ol"), change = (k) => `${k.key}: ${k.old ?? "(unset)"} → ${k.new ?? "(unset)"}`;
  for (const c of plan.changes) {
    const chip = { removed: "bad", restarted: "warn", added: "good" }[c.action] || "";
    const item = el("li", "", null, el("span", `chip ${chip}`, c.action), " ", el("b", "", c.name));
    item.append(...(c.keys || []).map((k) => el("div", "keys", change(k))));
    list.append(item);
  }
  for (const k of plan.daemon || []) {
    list.append(el("li", "", null, el("span", "chip", "daemon"), " ", el("span", "keys", change(k))));
  }
  const none = !list.children.length;
  const body = none ? [el("p", "", "Nothing would change.")] : [list, el("p", "group-note", `${plan.unchanged} processes stay as they are.`)];
  if (plan.needs_daemon_restart && plan.needs_daemon_restart.length) {
    body.push(el("p", "group-note", `Only when the daemon is started anew: ${plan.needs_daemon_restart.join(", ")}.`));
  }
  const choice = await ask("Reload: the plan", body, none ? [["", "Close"]] : [["", "Cancel"], ["yes", "Apply", "main"]]);
  if (choice !== "yes") return;
  try {
    await model.link.call("reload");
    say("The configuration was applied.");
    look(null);
  } catch (error) {
    say(error.message, true);
  }
}

// ---- Events.

function tellEvent(e) {
  const bad = ["FATAL", "BACKOFF"].includes(e.to) || e.event === "unhealthy";
  const time = el("time", "", clockTime(e.time));
  time.dateTime = e.time;
  const name = el("a", bad ? "bad" : "", e.process);
  name.tabIndex = -1;
  name.href = `#${encodeURIComponent(e.process)}`;
  const text = el("span", "what", null, name, ` ${e.cause}`);
  $("events").prepend(el("li", "", null, time, text));
  while ($("events").children.length > EVENTS) $("events").lastChild.remove();
}

const touched = new Set();
let looking = null;

/** Looks at processes again, some together; `null` is all. */
function look(name) {
  touched.add(name || "");
  if (!looking) looking = setTimeout(lookNow, 120);
}

async function lookNow() {
  looking = null;
  const names = [...touched], whole = touched.has("") || names.length > 100 || names.some((n) => !model.rows.has(n));
  touched.clear();
  try {
    const { processes } = await model.link.call("status", whole ? {} : { names });
    take(processes, whole);
  } catch { if (!model.link.over) look(null); }
}

// ---- The connection.

function setLink(state, text) {
  $("link").className = `link ${state}`;
  setText($("link"), text);
}

async function begin() {
  let session;
  try {
    session = await (await fetch("api/session")).json();
  } catch { return lost(); }
  if (!session.authorized) session = await logIn();
  if (!session) return lost();
  model.right = session.right;
  model.link = new Link({ open: connected, told, close: lost, cut: () => model.link.socket.close() });
}

async function logIn() {
  const input = el("input");
  input.type = "password";
  input.autocomplete = "current-password";
  input.ariaLabel = "Token";
  const hint = el("p", "group-note", "It is in the file that taskmasterd.http.token_file names.");
  if ((await ask("A token is needed", [input, hint], [["yes", "Enter", "main"]])) !== "yes") return null;
  const answer = await fetch("api/session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token: input.value }),
  });
  if (answer.ok) return answer.json();
  say("This is not the token.", true);
  return null;
}

async function connected() {
  const link = model.link;
  try {
    document.body.classList.toggle("read-only", model.right === "read");
    $("reload-button").hidden = model.right !== "admin";
    // All that is kept: another daemon may have begun to count anew.
    const { events } = await link.call("events", { follow: true, since: 0 });
    $("events").replaceChildren();
    events.slice(-EVENTS).forEach(tellEvent);
    take((await link.call("status", { usage: true })).processes, true);
    model.tries = 0;
    fresh();
    if (!model.open) openNamed();
  } catch (error) {
    if (!link.over) { say(error.message, true); link.socket.close(); }
  }
}

function told(message) {
  if (message.method !== "event") return;
  const e = message.params.event;
  tellEvent(e);
  look(e.process);
  if (model.open === e.process) showHistory();
}

function fresh() {
  setLink("live", model.right === "read" ? "live · read-only" : "live");
  document.body.classList.remove("is-stale");
  $("stale").hidden = true;
}

function lost() {
  const at = model.heard ? clockTime(Date.now() - (performance.now() - model.heard)) : null;
  setLink("lost", "not connected");
  document.body.classList.add("is-stale");
  $("stale").hidden = false;
  setText($("stale"), at ? `The connection is lost. What is shown is from ${at}; trying again…` : "The daemon does not answer; trying again…");
  setTimeout(begin, Math.min(5000, 400 * 1.6 ** model.tries++));
}

/** Usage is asked for while somebody looks; more processes, less often. The answers show that the daemon is there. */
async function poll() {
  const link = model.link;
  if (!document.hidden && link && !link.over && link.socket.readyState === WebSocket.OPEN) {
    const late = setTimeout(() => { link.end(); link.socket.close(); }, 8000);
    try {
      const { processes } = await link.call("status", { usage: true });
      take(processes, true);
    } catch { /* it is told by `lost` */ }
    clearTimeout(late);
  }
  setTimeout(poll, Math.max(2000, model.rows.size * 10));
}

// ---- One process: facts, history, output.

/** What is in the address may name a process. */
function openNamed() {
  let name = "";
  try { name = decodeURIComponent(location.hash.slice(1)); } catch { /* it names nothing */ }
  if (!name && model.open) close();
  else if (model.rows.has(name) && model.open !== name) open(name);
}

function open(name) {
  close(true);
  model.open = name;
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  const row = model.rows.get(name);
  row.node.ariaCurrent = "true";
  rove(row.node);
  document.body.classList.add("reading");
  toggleFeed(false);
  $("feed").hidden = true;
  $("detail").hidden = false;
  $("find").value = "";
  setText($("found"), "");
  setText($("detail-name"), name);
  $("detail-acts").replaceChildren(...VERBS.map((verb) => {
    const b = button(title(verb), "", () => act(verb, [name]));
    b.dataset.verb = verb;
    return b;
  }));
  showFacts(row);
  showHistory();
  openOutput(name);
  if (matchMedia("(max-width: 860px)").matches) $("detail-name").focus();
}

function close(quiet) {
  const row = model.rows.get(model.open);
  model.open = null;
  if (output.link) output.link.close();
  output.link = null;
  if (row) row.node.removeAttribute("aria-current");
  if (quiet) return;
  history.replaceState(null, "", location.pathname);
  document.body.classList.remove("reading");
  $("feed").hidden = false;
  $("detail").hidden = true;
  if (row) row.node.focus();
}

function fact(name, value, code) {
  return (value ?? "") === "" ? [] : [el("dt", "", name), el("dd", "", null, code ? el("code", "", value) : value)];
}

function showFacts(row) {
  const p = row.p, s = row.setting || {}, since = row.since === null ? "" : span(performance.now() - row.since);
  chips($("detail-state"), p);
  for (const b of $("detail-acts").children) put(b, "disabled", cannot(b.dataset.verb, p));
  const usage = p.usage || row.usage || {};
  if (p.usage) row.usage = p.usage;
  $("facts").replaceChildren(
    ...fact("Why", row.because || reason(p)), ...fact("Next", row.next), ...fact("Health", p.says), ...fact("Pid", p.pid && String(p.pid)),
    ...fact("Since", since), ...fact("Runs", String(p.runs)), ...fact("Last end", p.last_exit),
    ...fact("Uses", p.pid && usage.rss_bytes ? `${size(usage.rss_bytes)}, ${usage.processes} processes, ${usage.threads} threads${usage.fds ? `, ${usage.fds} files` : ""}` : ""),
    ...fact("Command", s.command && s.command.join(" "), true), ...fact("Directory", s.directory, true), ...fact("User", s.user),
  );
}

async function showHistory() {
  const name = model.open;
  try {
    const { accounts: [account] } = await model.link.call("why", { names: [name] });
    const row = model.rows.get(name);
    if (model.open !== name || !row) return;
    Object.assign(row, { because: account.because, next: account.next, setting: account.setting });
    showFacts(row);
    $("changes").replaceChildren(...account.history.reverse().map((t) => el("li", "", null, el("time", "", clockTime(t.time)), `${t.to} — ${t.cause}`)));
  } catch { /* the connection tells */ }
}

const output = { link: null, parts: {}, places: {}, hits: [], at: -1, due: false };

/** Begins anew with the last lines of a process. */
function openOutput(name) {
  if (output.link) output.link.close();
  output.parts = {};
  output.places = {};
  $("output").replaceChildren();
  search();
  follow(name);
}

function note(text) {
  $("output").append(el("div", "note", text));
  stick();
}

/** Follows the output: its last lines first, or from where it was left, also if another daemon answers by now. */
function follow(name) {
  const from = Object.values(output.places);
  const link = output.link = new Link({
    open: async () => {
      try {
        const begin = from.length ? { from } : { lines: 300 };
        const { chunks, notes } = await link.call("logs", { names: [name], follow: true, ...begin });
        for (const text of notes || []) note(text);
        const both = !from.length && chunks.filter((c) => c.text || c.base64).length > 1;
        for (const chunk of chunks) {
          // The log files do not tell which line of one was before which of the other.
          if (both) note(`— ${chunk.stream} so far —`);
          write(chunk);
        }
        if (both) note("— both as they come —");
        if (!from.length && !chunks.some((c) => c.text || c.base64)) note("Nothing was written yet.");
      } catch (error) { note(error.message); }
    },
    told: (m) => { if (m.method === "output") write(m.params.output); },
    cut: (error) => note(error.message),
    close: () => setTimeout(() => { if (output.link === link && model.open === name) follow(name); }, 1500),
  });
}

/** Appends output, line by line; the last line of each stream may go on. */
function write({ stream, text, base64, lost, next }) {
  const err = stream === "stderr", pane = $("output");
  if (next) output.places[stream] = next;
  if (lost) pane.append(el("div", "note", "some output is no longer kept"));
  const part = output.parts[stream] || (output.parts[stream] = { node: null, text: "", style: {}, utf8: new TextDecoder() });
  if (base64) text = part.utf8.decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)), { stream: true });
  const nodes = document.createDocumentFragment();
  for (const piece of (text || "").split(/(?<=\n)/)) {
    if (!piece) continue;
    if (!part.node) {
      part.node = el("div", err ? "err" : "out");
      part.text = "";
      part.start = { ...part.style };
      nodes.append(part.node);
    }
    // Of a line without an end the beginning is shown.
    part.text = (part.text + piece.replace(/\r?\n$/, "")).slice(0, WIDEST);
    const style = { ...part.start };
    part.node.replaceChildren(...paint(part.text.replace(/^.*\r(?=.)/, ""), style));
    if (piece.endsWith("\n")) { part.style = style; part.node = null; }
  }
  pane.append(nodes);
  while (pane.children.length > LINES) pane.firstChild.remove();
  if ($("find").value && !output.due) {
    output.due = true;
    requestAnimationFrame(() => { output.due = false; search(); });
  }
  stick();
}

function stick() {
  const pane = $("output");
  if ($("stick").checked) pane.scrollTop = pane.scrollHeight;
}

/** A line with the colours that it asks for. Every other control sequence is left out. */
function paint(line, style) {
  const parts = line.split(/(\x1b\[[0-9;:]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?)/), nodes = [];
  parts.forEach((part, n) => {
    if (n % 2) {
      const codes = /^\x1b\[([0-9;:]*)m$/.exec(part);
      if (codes) restyle(codes[1].split(/[;:]/).map(Number), style);
      return;
    }
    const text = part.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\u00b7");
    if (!text) return;
    const node = el("span", [..."bdius"].filter((c) => style[c]).join(" "), text);
    const [front, back] = style.r ? [style.g || "var(--output)", style.f || "var(--text)"] : [style.f, style.g];
    if (back) {
      node.classList.add("back");
      node.style.backgroundColor = back;
    }
    // The colours of the page are made for its own background, not for each other.
    if (front && !(back && front.startsWith("var"))) node.style.color = front;
    nodes.push(node.className || front ? node : text);
  });
  return nodes;
}

function restyle(codes, style) {
  const flags = { 1: "b", 2: "d", 3: "i", 4: "u", 7: "r", 9: "s" };
  for (let n = 0; n < codes.length; n++) {
    const c = codes[n];
    if (!c) for (const key of Object.keys(style)) delete style[key];
    else if (flags[c]) style[flags[c]] = true;
    else if (c === 22) style.b = style.d = false;
    else if (c >= 23 && c <= 29 && flags[c - 20]) style[flags[c - 20]] = false;
    else if (c % 10 < 8 && [3, 9].includes(Math.floor(c / 10))) style.f = palette(c % 10);
    else if (c % 10 < 8 && [4, 10].includes(Math.floor(c / 10))) style.g = palette(c % 10);
    else if (c === 39) delete style.f;
    else if (c === 49) delete style.g;
    else if (c === 38 || c === 48) {
      const key = c === 38 ? "f" : "g";
      if (codes[n + 1] === 5) style[key] = palette(codes[n += 2]);
      else if (codes[n + 1] === 2) { style[key] = `rgb(${codes.slice(n + 2, n + 5).map((v) => v & 255).join()})`; n += 4; }
    }
  }
}

function palette(c) {
  if (!(c >= 16)) return `var(--c${(c || 0) % 8})`;
  if (c >= 232) return `rgb(${[0, 0, 0].fill(8 + (c - 232) * 10).join()})`;
  const step = (v) => (v ? 55 + v * 40 : 0);
  return `rgb(${[Math.floor((c - 16) / 36), Math.floor((c - 16) / 6) % 6, (c - 16) % 6].map(step).join()})`;
}

function search(move = 0) {
  const word = $("find").value.toLowerCase(), ranges = [];
  output.hits = [];
  for (const line of $("output").children) {
    const hit = Boolean(word) && line.textContent.toLowerCase().includes(word);
    line.classList.toggle("hit", hit);
    line.classList.remove("here");
    if (!hit) continue;
    output.hits.push(line);
    const walk = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let t; (t = walk.nextNode());) {
      for (let at = -1; (at = t.data.toLowerCase().indexOf(word, at + 1)) >= 0;) {
        if (at + word.length > t.data.length) break;
        const range = new Range();
        range.setStart(t, at);
        range.setEnd(t, at + word.length);
        ranges.push(range);
      }
    }
  }
  if (window.CSS && CSS.highlights) CSS.highlights.set("found", new Highlight(...ranges));
  const count = output.hits.length;
  if (!move || !count) {
    // More may have come while somebody goes from one to the next.
    const at = output.at = output.hits.indexOf(output.here);
    if (at >= 0) output.here.classList.add("here");
    return setText($("found"), !word ? "" : at < 0 ? `${count} ${count === 1 ? "line" : "lines"}` : `${at + 1} of ${count}`);
  }
  output.at = (Math.max(output.at, move < 0 ? 0 : -1) + move + count) % count;
  $("stick").checked = false;
  output.here = output.hits[output.at];
  output.here.classList.add("here");
  output.here.scrollIntoView({ block: "center" });
  setText($("found"), `${output.at + 1} of ${count}`);
}

// ---- Keys. One row can be reached with the tab key, and what is in it; the others with the arrows.

const visible = () => [...document.querySelectorAll(".group:not([hidden]) > .group-head, .group:not([hidden]) > .rows:not([hidden]) > .row:not([hidden])")];

function rove(node) {
  for (const [one, index] of [[model.focus, -1], [node, 0]]) {
    if (!one) continue;
    one.tabIndex = index;
    for (const control of one.querySelectorAll("button, input")) control.tabIndex = index;
  }
  model.focus = node || null;
}

function go(node) {
  if (!node) return;
  rove(node);
  node.focus();
}

function step(by) {
  const rows = visible(), at = rows.indexOf(model.focus);
  go(rows[Math.min(rows.length - 1, Math.max(0, at + by))]);
}

/** The arrows that fold: from a process to its group, and from a group to its first process. */
function sideways(node, open) {
  const name = node.dataset.group;
  if (name === undefined) { if (!open) go(node.closest(".group").firstChild); } else if (model.folded.has(name) === open) setFold(name, !open);
  else if (open) step(1);
}

const KEYS = [
  ["/", "filter"], ["↑ ↓ or k j", "from process to process; Home and End"], ["← →", "fold and unfold a group"], ["Enter", "details and output"],
  ["Space", "select"], ["s x r", "start, stop, restart what is selected, or this one, or this group"],
  ["f", "search in the output; Enter goes to the next"], ["Esc", "close, clear"],
];

function help() {
  const list = el("dl");
  list.id = "keys";
  for (const [key, text] of KEYS) list.append(el("dt", "", null, el("kbd", "", key)), el("dd", "", text));
  ask("Keys", [list], [["", "Close"]]);
}

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || $("dialog").open || e.target.matches("select")) return;
  const field = e.target.matches("input[type=search]"), row = e.target.closest(".row[data-name], .group-head");
  if (e.key === "Escape") {
    if (field && e.target.value) return;
    if (document.body.classList.contains("feeding")) return toggleFeed(false);
    if (model.open) return close();
    return clear();
  }
  if (field) {
    if (e.target.id === "find" && e.key === "Enter") search(e.shiftKey ? -1 : 1);
    else if (e.target.id === "filter" && (e.key === "ArrowDown" || e.key === "Enter")) go(visible().find((n) => n.dataset.name));
    else return;
    return e.preventDefault();
  }
  const name = row && row.dataset.name, group = row && row.dataset.group, may = model.right !== "read";
  const mine = () => (name ? [name] : row ? members(group) : model.open ? [model.open] : []);
  const chosen = () => (model.selected.size ? [...model.selected] : mine());
  const keys = {
    "/": () => $("filter").focus(), "?": help, f: () => model.open && $("find").focus(),
    ArrowDown: () => step(1), ArrowUp: () => step(-1), j: () => step(1), k: () => step(-1),
    Home: () => step(-Infinity), End: () => step(Infinity), ArrowLeft: () => sideways(row, false), ArrowRight: () => sideways(row, true),
    Enter: () => (name ? open(name) : setFold(group, !model.folded.has(group))),
    " ": () => may && mine().forEach((n, _, all) => select(n, all.length > 1 || !model.selected.has(n))),
    s: () => may && act("start", chosen()), x: () => may && act("stop", chosen()), r: () => may && act("restart", chosen()),
  };
  const needsRow = e.key.length > 1 || e.key === " ", ends = e.key === "Enter" || e.key === " ";
  if (!Object.hasOwn(keys, e.key) || (needsRow && !row) || (ends && e.target.closest("button, input, a"))) return;
  e.preventDefault();
  keys[e.key]();
});

function toggleFeed(on) {
  document.body.classList.toggle("feeding", on);
  $("feed-button").ariaExpanded = String(document.body.classList.contains("feeding"));
}

$("filter").addEventListener("input", () => { model.filter = $("filter").value.trim().toLowerCase(); arrange(); });
$("find").addEventListener("input", () => search());
$("show-out").addEventListener("change", (e) => { $("output").classList.toggle("no-out", !e.target.checked); stick(); });
$("show-err").addEventListener("change", (e) => { $("output").classList.toggle("no-err", !e.target.checked); stick(); });
$("stick").addEventListener("change", stick);
$("output").addEventListener("wheel", (e) => { if (e.deltaY < 0) $("stick").checked = false; }, { passive: true });
$("reload-button").addEventListener("click", reload);
$("help-button").addEventListener("click", help);
$("feed-button").addEventListener("click", () => toggleFeed());
$("feed-close").addEventListener("click", () => toggleFeed(false));
$("detail-close").addEventListener("click", () => close());
$("list").addEventListener("focusin", (e) => { const row = e.target.closest(".row[data-name], .group-head"); if (row) rove(row); });
window.addEventListener("hashchange", openNamed);
setInterval(() => {
  if (document.hidden || document.body.classList.contains("is-stale")) return;
  const at = performance.now();
  for (const row of model.rows.values()) if (row.seen && row.p.pid) tick(row, at);
}, 1000);

document.body.classList.add("read-only");
makeHeads();
begin();
setTimeout(poll, 2000);
