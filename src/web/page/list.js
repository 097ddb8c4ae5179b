// The list: rows in groups, or in another order. A row keeps its nodes; only what has changed is touched, and only what is seen
// keeps counting.
"use strict";

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
  const wanted = [[p.state, STATES[p.state] || (p.as_wanted ? "" : p.state === "WAITING" ? "warn" : "bad")]];
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
    const next = p.state !== "RUNNING" && p.schedule && p.schedule.next;
    return next ? `next run ${new Date(next).toLocaleString()}` : p.why || "";
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

function groupFor(name) {
  let group = model.groups.get(name);
  if (group) return group;
  const node = el("div", "group"), label = name || (model.order.by === "name" ? "Programs" : "All processes");
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
  add("row-acts acts", el("span", "hidden", "Commands"));
  $("order").addEventListener("change", () => orderBy($("order").value, false));
  showOrder();
}

function showOrder() {
  for (const cell of $("heads").querySelectorAll("[data-order]")) {
    const on = cell.dataset.order === model.order.by;
    cell.ariaSort = on ? (Boolean(ORDERS[model.order.by][3]) !== model.order.back ? "descending" : "ascending") : "none";
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
  setText($("empty"), model.rows.size ? "Nothing matches." : "No processes.");
  document.title = counts.alarm ? `(${counts.alarm}) taskmaster` : "taskmaster";
  if (!model.focus || !model.focus.isConnected || model.focus.closest("[hidden]")) rove(visible()[0]);
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
