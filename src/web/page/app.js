// What happens: commands, events, the connection and keys. What is shown comes from `status` alone: an event only says that a
// process must be looked at again.
"use strict";

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
