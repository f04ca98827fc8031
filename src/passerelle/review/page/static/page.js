"use strict";
// The work page: every change is kept on this device at once and sent; what was sent is sent again, under the same
// id, until the server has said that it has it. So nothing is lost and nothing is saved twice.

const WORDS = JSON.parse(document.body.dataset.words);
const CSRF = document.body.dataset.csrf;
const IDLE_MS = 60000;
const WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

let item = null; // what is shown now
let lastActive = Date.now();

const newId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
const byId = (id) => document.getElementById(id);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function say(text, isTrouble = false) {
  const state = byId("state");
  if (!state) return;
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("trouble", isTrouble);
}

function send(path, body, keepalive = false) {
  return fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf": CSRF },
    body: JSON.stringify(body),
    keepalive,
  });
}

// --- what is kept on this device ----------------------------------------------------------------------------------

const Kept = {
  name: (key) => `review/${key}`,
  put(key, value) { try { localStorage.setItem(this.name(key), JSON.stringify(value)); } catch { /* full or forbidden */ } },
  get(key) { try { return JSON.parse(localStorage.getItem(this.name(key))); } catch { return null; } },
  drop(key) { try { localStorage.removeItem(this.name(key)); } catch { /* forbidden */ } },
};

// --- the form -----------------------------------------------------------------------------------------------------

function collect() {
  const { form, task } = item;
  const content = {};
  const value = (name) => form.elements[name]?.value ?? "";
  if (value("comment")) content.comment = value("comment");
  if (item.skipped) content.skipped = true;
  if (task === "judge") {
    if (value("verdict")) content.verdict = value("verdict");
    const reasons = [...form.querySelectorAll("[name=reasons]:checked")].map((box) => box.value);
    if (reasons.length) content.reasons = reasons;
  } else if (task === "translation") {
    if (item.marks.spans.length) content.spans = item.marks.spans;
    if (form.score.dataset.unset !== "yes") content.score = Number(form.score.value);
    if (item.parts.text) content.correction = item.parts.text;
  } else if (task === "write") {
    for (const name of ["caption", "question", "answer"]) if (value(name)) content[name] = value(name);
  } else if (task === "label") {
    if (value("label")) content.label = value("label");
  }
  return content;
}

function fill(content) {
  const { form, task } = item;
  item.skipped = Boolean(content.skipped);
  form.elements.comment.value = content.comment || "";
  form.querySelector(".comment").open = Boolean(content.comment);
  const check = (name, chosen) =>
    form.querySelectorAll(`[name=${name}]`).forEach((box) => { box.checked = chosen.includes(box.value); });
  if (task === "judge") {
    check("verdict", [content.verdict]);
    check("reasons", content.reasons || []);
  } else if (task === "translation") {
    item.marks.spans = content.spans;
    form.score.dataset.unset = content.score === undefined ? "yes" : "no";
    form.score.value = content.score ?? 50;
    item.parts.text = content.correction || "";
    showScore();
  } else if (task === "write") {
    for (const name of ["caption", "question", "answer"]) form.elements[name].value = content[name] || "";
  } else if (task === "label") check("label", [content.label]);
}

function showScore() {
  const { score } = item.form;
  const unset = score.dataset.unset === "yes";
  byId("score-shown").textContent = unset ? byId("score-shown").dataset.none : score.value;
  score.setAttribute("aria-valuetext", unset ? byId("score-shown").dataset.none : score.value);
}

// --- saving -------------------------------------------------------------------------------------------------------

function changed() {
  const content = collect();
  const last = item.history[item.history.length - 1];
  if (same(content, last)) return;
  // Typing on in one field is one change to undo.
  const field = document.activeElement?.id || document.activeElement?.name;
  const isTyping = document.activeElement?.matches("textarea");
  if (isTyping && item.typingIn === field && item.history.length > 1) item.history[item.history.length - 1] = content;
  else item.history.push(content);
  item.typingIn = isTyping ? field : null;
  keep();
}

function keep() {
  byId("problem").textContent = "";
  item.latest = collect();
  item.isDirty = true;
  say(WORDS.saving); // what stands there speaks of what was before
  keepHere(item);
  later(item, WAIT_MS);
}

const keepHere = (current) =>
  Kept.put(current.key, { version: current.version, after: current.pending?.client_id, content: current.latest });

function later(current, wait) {
  clearTimeout(current.timer);
  current.timer = setTimeout(() => flush(current), wait);
}

function makeSaving(current, after) {
  const seconds = Math.round(current.active * 10) / 10;
  current.active = 0;
  current.isDirty = false;
  return {
    client_id: newId(), version: current.version, after, content: current.latest,
    finish: Boolean(current.finishing), seconds,
  };
}

async function flush(current) {
  clearTimeout(current.timer);
  if (current.isSending || !(current.pending || current.isDirty || current.finishing)) return;
  if (!current.pending) {
    current.pending = makeSaving(current, current.after || null);
    keepHere(current); // a page loaded before this is answered goes on from it
  }
  current.isSending = true;
  say(WORDS.saving);
  try {
    const answer = await send(`/work/${current.key}`, current.pending, document.visibilityState === "hidden");
    if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
    const said = await answer.json();
    current.isSending = false;
    current.wait = 0;
    settle(current, answer.status, said);
  } catch {
    // Sent again under the same id: the server takes it once, also if only its answer was lost.
    current.isSending = false;
    say(WORDS.offline, true);
    current.wait = Math.min((current.wait || 500) * 2, LONGEST_WAIT_MS);
    later(current, current.wait);
  }
}

function settle(current, status, said) {
  const sent = current.pending;
  current.pending = null;
  if (status === 200) {
    current.version = said.version;
    current.after = null;
    if (current.isDirty || (current.finishing && !sent.finish)) {
      keepHere(current);
      flush(current);
      return;
    }
    Kept.drop(current.key);
    say(WORDS.saved);
    if (sent.finish && current === item) go("/work");
    return;
  }
  current.finishing = false;
  if (current === item) busy(false);
  if (status === 409) {
    Kept.drop(current.key);
    current.isDirty = false;
    if (current === item) go(`/work/${current.key}`).then(() => say(WORDS.conflict, true));
  } else if (status === 422 && said.missing) {
    // What is missing only keeps it from being finished; the rest is saved.
    if (current === item) byId("problem").textContent = said.error;
    current.isDirty = true;
    flush(current);
  } else say(status === 401 ? WORDS.signed_out : WORDS.refused.replace("{reason}", said.error || status), true);
}

// The page is being closed: what isn't sent yet goes out with it, and is kept on this device besides.
// Whoever loads the page again before it arrived goes on from the same saving, whichever comes first.
function leave() {
  if (!item || !item.isDirty) return;
  if (item.isSending) {
    const next = makeSaving(item, item.pending.client_id);
    const { client_id: before } = item.pending;
    Kept.put(item.key, { version: item.version, before, after: next.client_id, content: item.latest });
    send(`/work/${item.key}`, next, true).catch(() => {});
  } else {
    flush(item);
  }
}

// What an earlier visit couldn't send.
async function sendKept() {
  const keys = Object.keys(localStorage).filter((name) => /^review\/[0-9a-f]{32}$/.test(name));
  for (const key of keys.map((name) => name.slice("review/".length))) {
    const left = Kept.get(key);
    if (!left || key === item?.key) continue;
    const saving = { client_id: newId(), version: left.version, after: left.after || null, content: left.content };
    const answer = await send(`/work/${key}`, saving).catch(() => null);
    if (answer && [200, 409, 422].includes(answer.status)) Kept.drop(key);
  }
}

function busy(isBusy) {
  const button = item?.form.querySelector(".primary");
  if (button) button.disabled = isBusy;
}

function finish() {
  if (item.finishing) return;
  busy(true);
  item.latest = collect();
  item.finishing = true;
  flush(item);
}

function go(path) {
  return htmx.ajax("GET", path, { target: "#work", swap: "innerHTML" });
}

async function undo() {
  if (item && item.history.length > 1) {
    item.history.pop();
    item.typingIn = null;
    fill(item.history[item.history.length - 1]);
    keep();
    return;
  }
  const id = newId();
  for (let wait = 500; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      const answer = await send("/undo", { client_id: id });
      if (answer.status < 500) {
        const { key } = await answer.json();
        if (key) go(`/work/${key}`);
        return;
      }
    } catch { say(WORDS.offline, true); }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

// --- showing an item ----------------------------------------------------------------------------------------------

function begin() {
  const article = byId("item");
  byId("undo")?.addEventListener("click", undo);
  const openGuide = byId("open-guide");
  if (openGuide) openGuide.hidden = !article;
  if (!article) {
    item = null;
    return;
  }
  const form = byId("form");
  const { key, task } = article.dataset;
  item = { article, form, key, task, version: Number(article.dataset.version), history: [], active: 0 };
  if (task === "translation") {
    item.marks = Marks.begin(byId("words"), changed);
    item.parts = Parts.begin(byId("parts"), changed);
    form.score.addEventListener("input", () => { form.score.dataset.unset = "no"; showScore(); });
    form.score.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
    byId("copy").addEventListener("click", () => {
      item.parts.copy();
      changed();
    });
  }
  let content = JSON.parse(article.dataset.content);
  const prefill = JSON.parse(article.dataset.prefill);
  if (task === "translation" && item.version === 0 && prefill.length) content = { spans: prefill };
  fill(content);
  item.history = [collect()];
  item.latest = collect();
  const left = Kept.get(key);
  const { saved } = article.dataset;
  const follows = left && (left.version === item.version || (saved && [left.before, left.after].includes(saved)));
  // What was sent as the last page closed may arrive only now: what is saved here follows it.
  item.after = (follows && left.after) || null;
  if (follows && !same(left.content, item.latest)) {
    fill(left.content);
    changed();
  } else Kept.drop(key);
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => { event.preventDefault(); item.skipped = false; finish(); });
  byId("skip").addEventListener("click", () => { item.skipped = true; finish(); });
}

document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-CSRF"] = CSRF; });
document.addEventListener("htmx:beforeRequest", (event) => {
  // Going to another item sends what isn't saved yet; it is kept on this device too.
  if (event.detail.target?.id === "work" && item?.isDirty) flush(item);
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "work") return;
  begin();
  const title = byId("work").querySelector("h1");
  if (title) {
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
});
for (const trouble of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(trouble, (event) => {
    const status = event.detail.xhr?.status;
    if (event.detail.target?.id !== "work") return;
    say(status === 401 ? WORDS.signed_out : WORDS.offline, true);
    if (!status || status >= 500 || status === 429) setTimeout(() => go(event.detail.pathInfo.requestPath), 2000);
  });
}

// --- keyboard -----------------------------------------------------------------------------------------------------

const isTypingIn = (element) =>
  element.matches("textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])");

function shortcut(event) {
  const { key } = event;
  const button = item.form.querySelector(`[data-shortcut="${CSS.escape(key)}"]`);
  if (button) button.click();
  else if (key.toLowerCase() === "u") undo();
  else if (key === "?") byId("guide").showModal();
  else if (item.task === "translation" && key.toLowerCase() === "m") item.marks.mark("minor");
  else if (item.task === "translation" && key.toLowerCase() === "j") item.marks.mark("major");
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (byId("guide")?.open || event.isComposing) return;
  if (!item) {
    if (event.key.toLowerCase() === "u" && byId("undo")) undo();
    return;
  }
  const element = event.target;
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    event.preventDefault();
    item.skipped = false;
    finish();
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !isTypingIn(element)) {
    event.preventDefault();
    undo();
  } else if (event.ctrlKey || event.metaKey || event.altKey || isTypingIn(element)) {
    return;
  } else if (["ArrowLeft", "ArrowRight"].includes(event.key) && !element.matches("input")) {
    event.preventDefault();
    byId(event.key === "ArrowLeft" ? "previous" : "next").click();
  } else if (byId("shortcuts").checked && shortcut(event)) event.preventDefault();
});

// --- the rest -----------------------------------------------------------------------------------------------------

const shortcuts = byId("shortcuts");
if (shortcuts) {
  shortcuts.checked = Kept.get("shortcuts") !== false;
  shortcuts.addEventListener("change", () => Kept.put("shortcuts", shortcuts.checked));
}
byId("open-guide")?.addEventListener("click", () => byId("guide")?.showModal());
for (const sign of ["pointerdown", "keydown", "scroll"]) {
  document.addEventListener(sign, () => { lastActive = Date.now(); }, { passive: true });
}
setInterval(() => {
  if (item && document.visibilityState === "visible" && Date.now() - lastActive < IDLE_MS) item.active += 0.5;
}, 500);
window.addEventListener("online", () => { if (item?.pending || item?.isDirty) flush(item); });
window.addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") leave();
});
begin();
sendKept().catch(() => { /* no storage on this device */ });
