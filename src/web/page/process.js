// One process: facts, last changes, and its output, which has a WebSocket of its own.
"use strict";

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
    ...fact("Listens at", p.listen && p.listen.join(", ")),
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
