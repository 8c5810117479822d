/**
 * The board without reloads: every form is sent as it is, and the page that comes back takes
 * the place of the one shown. What the server refuses is shown by sending the form again the
 * plain way, so there is one set of rules and one merge page.
 */

/** Typing rests this long before it is kept, in milliseconds. */
const REST = 700;

/** The board waits so long for the preview at most, in milliseconds. */
const PATIENCE = 400;

/** A form that could not be kept is tried again after this long, in milliseconds. */
const AGAIN = 5000;

const signedOut = () => [
  "Not saved: you are signed out. What you typed stays here, and is saved once you ",
  Object.assign(document.createElement("a"), {
    href: location.href, target: "_blank", textContent: "sign in in another window",
  }),
  ".",
];

/** Sends `form` with the act of its pressed `button`; returns the server's answer. */
function post(form, button) {
  const told = new URLSearchParams(new FormData(form));
  // The button may be that of the form which a renewal has replaced since.
  if (button?.name) told.append(button.name, button.value);
  return fetch(form.action, { method: "POST", body: told, redirect: "manual", keepalive: true });
}

/** A redirect means done; anything else is a page that a person has to read. */
const done = (answer) => answer.type === "opaqueredirect";

/** Fetches the page anew and puts its regions in place; what is being typed stays. */
export async function renew() {
  const answer = await fetch(location.pathname + location.search);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!fresh.querySelector("[data-region]")) {
    if (!unsaved().length) location.reload();
    return;
  }
  const focus = remember();
  keepTyped(fresh);
  for (const region of document.querySelectorAll("[data-region]")) {
    const twin = fresh.querySelector(`[data-region="${region.dataset.region}"]`);
    if (twin) region.replaceWith(document.adoptNode(twin));
  }
  prepare();
  focus();
}

const ROWS = "[id^=item-], [id^=theme-]";
const rowsOf = (region) =>
  [...document.querySelectorAll(`[data-region="${region}"] :is(${ROWS})`)];

/** Returns a function that puts the focus, the open rows and the caret back. */
function remember() {
  const { id } = document.activeElement;
  const caret = [document.activeElement.selectionStart, document.activeElement.selectionEnd];
  const row = document.activeElement.closest(ROWS);
  const region = row?.closest("[data-region]")?.dataset.region;
  const place = rowsOf(region).indexOf(row);
  const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
  return () => {
    for (const each of open) document.getElementById(each)?.setAttribute("open", "");
    const found = document.getElementById(id);
    // Nothing is left to undo: the focus stays there, and not on Redo for who presses on.
    const spent = found?.disabled && found.closest("[data-region]");
    let target = spent || found || document.getElementById(row?.id);
    if (row && target?.closest("[data-region]")?.dataset.region !== region) {
      // It went to another list: the next one in its old place is what an editor goes on with.
      const left = rowsOf(region);
      target = left[Math.min(place, left.length - 1)] ?? target;
      target?.closest("details")?.setAttribute("open", "");
    }
    target?.focus({ preventScroll: Boolean(found) });
    if (caret[0] != null && target === found) target?.setSelectionRange?.(...caret);
  };
}

/**
 * Puts the forms that hold somebody's words into the fresh page, with the fresh page's version.
 * Where the same words were changed meanwhile, the form keeps its old version, so that the
 * server shows both instead of letting one go over the other.
 */
function keepTyped(fresh) {
  const typing = document.activeElement.closest("form[data-autosave]");
  for (const form of new Set([...unsaved(), typing].filter(Boolean))) {
    const twin = fresh.getElementById(form.id);
    if (!twin) continue;
    const fields = [...twin.querySelectorAll("input[type=hidden]")];
    const stays = form.dataset.unsaved && fields.some((each) => changedMeanwhile(form, each));
    for (const each of fields) {
      const mine = form.elements[each.name];
      if (mine && (!stays || each.name === "csrf")) mine.value = each.value;
    }
    twin.replaceWith(fresh.adoptNode(form));
  }
}

function changedMeanwhile(form, { name, value }) {
  return name.startsWith("seen_") && plain(form.elements[name]?.value) !== plain(value);
}

const plain = (text) => (text ?? "").replace(/\s+/g, " ").trim();

/**
 * Loads the preview beside the board behind the old one, which goes when the new one is there.
 * It comes first, since it is what an editor looks at; a slow one does not hold the board up.
 */
function renewPreview() {
  const old = document.querySelector(".glance iframe");
  if (!old) return Promise.resolve();
  const next = old.cloneNode();
  next.removeAttribute("loading");
  next.classList.add("coming");
  const shown = new Promise((done) => {
    next.addEventListener("load", () => { old.remove(); next.classList.remove("coming"); done(); });
  });
  old.after(next);
  return Promise.race([shown, new Promise((done) => setTimeout(done, PATIENCE))]);
}

function say(...words) {
  document.getElementById("board-said")?.replaceChildren(...words);
}

let queue = Promise.resolve();

/** One step after the other: each names the version that the one before left. */
function enqueue(step) {
  queue = queue.then(step).catch((error) => {
    console.error(error);
    say("Not done: the desk does not answer. Press again when it does; what you typed stays here.");
  });
  return queue;
}

/** Presses `button` of `form`, after what was typed elsewhere is kept. */
function act(form, button, said) {
  const { id } = form;
  for (const each of unsaved()) if (each !== form) keep(each);
  return enqueue(async () => {
    const now = (id && document.getElementById(id)) || form;
    // Words that could not be kept are not left behind; why they could not was said.
    if (unsaved().some((each) => each !== now)) return;
    refreshVersion(now);
    const sent = typed(now);
    const answer = await post(now, button);
    if (!done(answer)) return refused(now, button, answer);
    settle(now, sent);
    await renewPreview();
    await renew();
    say(typeof said === "string" ? said : said());
  });
}

/** Shows the page that says why; words stay where they are while signing in can save them. */
function refused(form, button, answer) {
  if (!form.dataset.unsaved || ![403, 429].includes(answer.status) && answer.status < 500) {
    return plainly(form, button);
  }
  return notKept(form, answer);
}

/** A form that was taken out of the page by a renewal still goes to the version shown. */
function refreshVersion(form) {
  const shown = document.querySelector("[data-region] input[name=version]");
  if (shown && form.elements.version && !form.isConnected) form.elements.version.value = shown.value;
}

function plainly(form, button) {
  form.dataset.plain = "yes";
  delete form.dataset.unsaved;
  if (!form.isConnected) document.body.append(form);
  if (button?.name) form.append(hidden(button.name, button.value));
  form.submit();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const label = event.submitter?.getAttribute("aria-label") ?? event.submitter?.textContent ?? "";
  if (form.dataset.plain || form.closest("dialog")) return;
  if (form.matches("[data-region] :is([action$='/edit'], [action$='/refresh'])")) {
    event.preventDefault();
    const row = form.closest(".items > li[data-movable]");
    const steps = row && ["up", "down"].includes(event.submitter?.value);
    act(form, event.submitter, steps ? () => placed(row) : `Done: ${label.trim()}.`);
  } else if (unsaved().length) {
    // Nobody approves, holds or refreshes an issue without the words just typed.
    event.preventDefault();
    keepAll().then(() => {
      if (!unsaved().length) say(`Saved first what you typed. Press again: ${label.trim()}.`);
    });
  }
});

// --- autosave ------------------------------------------------------------------------------

const waiting = new Map();
const unsaved = () => [...document.querySelectorAll("form[data-unsaved]")];
const typed = (form) => new URLSearchParams(new FormData(form)).toString();

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-autosave]");
  if (!form) return;
  form.dataset.unsaved = "yes";
  if (event.isComposing) return;
  say("");
  soon(form, REST);
});

function soon(form, milliseconds) {
  clearTimeout(waiting.get(form.id));
  waiting.set(form.id, setTimeout(() => keep(form), milliseconds));
}

/** Keeps what was typed in `form`, in its turn. */
function keep(form) {
  clearTimeout(waiting.get(form.id));
  return enqueue(() => kept(document.getElementById(form.id) ?? form));
}

const keepAll = () => Promise.all(unsaved().map(keep));

async function kept(form) {
  if (!form.dataset.unsaved) return;
  const sent = typed(form);
  const answer = await post(form).catch(() => null);
  if (!answer || !done(answer)) return notKept(form, answer);
  settle(form, sent);
  await renewPreview();
  await renew();
  const at = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (!unsaved().length) say(`Saved, ${at}.`);
}

/** Marks `form` as kept, unless more was typed meanwhile; what it goes on from is what was sent. */
function settle(form, sent) {
  if (typed(form) === sent) delete form.dataset.unsaved;
  for (const [name, value] of new URLSearchParams(sent)) {
    const seen = form.elements[`seen_${name}`];
    if (seen) seen.value = value;
  }
}

/** Says why words were not kept, and tries again where that can help. */
async function notKept(form, answer) {
  form.dataset.unsaved = "refused";
  if (answer && ![403, 429].includes(answer.status) && answer.status < 500) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const why = page.querySelector("h1")?.textContent.trim() ?? `The desk answered ${answer.status}`;
    return say(`Not saved by itself. ${why}. Press Save to see more; nothing of yours is lost.`);
  }
  soon(form, AGAIN);
  if (answer?.status === 403) {
    say(...signedOut());
    // Whoever signed in again in another window has another token.
    return renew().catch(() => {});
  }
  say("Not saved: the desk does not answer. What you typed stays here and is tried again.");
}

addEventListener("online", keepAll);
addEventListener("focusout", (event) => {
  const form = event.target.closest?.("form[data-unsaved=yes]");
  if (form && !form.contains(event.relatedTarget)) keep(form);
});
addEventListener("beforeunload", (event) => {
  for (const form of unsaved()) {
    if (form.dataset.unsaved === "refused") event.preventDefault();
    else post(form);
  }
});

// --- moving --------------------------------------------------------------------------------

/** Where that row is now: at the top, "Up" leaves it where it was. */
function placed({ id }) {
  return `Place ${placeOf(document.getElementById(id))} of ${movable().length}.`;
}

/** Moves the row to the place (from 1) of another, by the form that its own buttons are in. */
function move(row, place) {
  const form = row.querySelector("form.acts");
  if (!form || place < 1 || place > movable().length) return;
  const wish = form.cloneNode(true);
  wish.id = "";
  wish.append(hidden("act", "move"), hidden("to", place));
  act(wish, null, `Moved to place ${place} of ${movable().length}.`);
}

const hidden = (name, value) =>
  Object.assign(document.createElement("input"), { type: "hidden", name, value });

const movable = () => [...document.querySelectorAll(".items > li[data-movable]")];
const placeOf = (row) => movable().indexOf(row) + 1;

let dragged = null;

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".items > li[data-movable]");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.id);
  event.dataTransfer.setDragImage(dragged, 0, 0);
  dragged.classList.add("dragged");
});

document.addEventListener("dragover", (event) => {
  const row = dragged && event.target.closest?.(".items > li[data-movable]");
  if (!row) return;
  event.preventDefault();
  const box = row.getBoundingClientRect();
  const below = event.clientY > box.top + box.height / 2;
  if (row !== dragged) row[below ? "after" : "before"](dragged);
});

document.addEventListener("drop", (event) => { if (dragged) event.preventDefault(); });

document.addEventListener("dragend", () => {
  if (!dragged) return;
  const row = dragged;
  dragged = null;
  row.classList.remove("dragged");
  const place = placeOf(row);
  if (place !== Number(row.dataset.place)) move(row, place);
});

/** Moves the focused row by keys. */
export function step(row, by) {
  move(row, placeOf(row) + by);
}

/** Presses the button of that act in the row, if it has one. */
export function press(row, act) {
  row.querySelector(`button[name=act][value=${act}]`)?.click();
}

// --- beginning -----------------------------------------------------------------------------

function prepare() {
  for (const row of movable()) {
    row.dataset.place = placeOf(row);
    const handle = row.querySelector(".handle");
    if (handle) handle.draggable = true;
  }
}

export function begin() {
  document.documentElement.classList.add("comfort");
  prepare();
}
