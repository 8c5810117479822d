/**
 * The board without reloads: every form is sent as it is, and the page that comes back takes
 * the place of the one shown. What the server refuses is shown by sending the form again the
 * plain way, so there is one set of rules and one merge page.
 */

/** Typing rests this long before it is kept, in milliseconds. */
const REST = 700;

/** The board waits so long for the preview at most, in milliseconds. */
const PATIENCE = 400;

/** Sends `form` (with its pressed button) and shows the issue as it is then. */
async function send(form, button) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, button)),
    redirect: "manual",
  });
  // A redirect means done; anything else is a page that a person has to read.
  if (answer.type !== "opaqueredirect") return false;
  await renewPreview();
  await renew();
  return true;
}

/** Fetches the page anew and puts its regions in place; what is being typed stays. */
export async function renew() {
  const answer = await fetch(location.pathname + location.search);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!fresh.querySelector("[data-region]")) return location.reload();
  const focus = remember();
  keepTyped(fresh);
  for (const region of document.querySelectorAll("[data-region]")) {
    const twin = fresh.querySelector(`[data-region="${region.dataset.region}"]`);
    if (twin) region.replaceWith(document.adoptNode(twin));
  }
  prepare();
  focus();
}

/** Returns a function that puts the focus, the open rows and the caret back. */
function remember() {
  const { id } = document.activeElement;
  const caret = [document.activeElement.selectionStart, document.activeElement.selectionEnd];
  const row = document.activeElement.closest("[id^=item-], [id^=theme-]")?.id;
  const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
  return () => {
    for (const each of open) document.getElementById(each)?.setAttribute("open", "");
    const found = document.getElementById(id);
    const target = found && !found.disabled ? found : document.getElementById(row);
    target?.focus({ preventScroll: Boolean(found) });
    if (caret[0] != null && target === found) target?.setSelectionRange?.(...caret);
  };
}

/** Puts the form that somebody types in into the fresh page, with the fresh page's version. */
function keepTyped(fresh) {
  const form = document.activeElement.closest("form[data-autosave]");
  const twin = form && fresh.getElementById(form.id);
  if (!twin) return;
  for (const hidden of twin.querySelectorAll("input[type=hidden]")) {
    const mine = form.elements[hidden.name];
    if (mine) mine.value = hidden.value;
  }
  twin.replaceWith(fresh.adoptNode(form));
}

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

function say(text) {
  const status = document.getElementById("board-said");
  if (status) status.textContent = text;
}

let queue = Promise.resolve();

/** One form after the other: each names the version that the one before left. */
function enqueue(form, button, said) {
  const id = form.id;
  queue = queue.then(async () => {
    const now = (id && document.getElementById(id)) || form;
    refreshVersion(now);
    if (await send(now, button)) say(said);
    else plainly(now, button);
  }).catch(() => say("Not saved: the desk does not answer. It is tried again with the next change."));
  return queue;
}

/** A form that was taken out of the page by a renewal still goes to the version shown. */
function refreshVersion(form) {
  const shown = document.querySelector("[data-region] input[name=version]");
  if (shown && form.elements.version && !form.isConnected) form.elements.version.value = shown.value;
}

function plainly(form, button) {
  form.dataset.plain = "yes";
  if (!form.isConnected) document.body.append(form);
  if (button?.form === form) form.requestSubmit(button);
  else form.submit();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-region] form[action$='/edit']") || form.dataset.plain) return;
  event.preventDefault();
  const label = event.submitter?.getAttribute("aria-label") ?? event.submitter?.textContent ?? "";
  enqueue(form, event.submitter, `Done: ${label.trim()}.`);
});

// --- autosave ------------------------------------------------------------------------------

const waiting = new Map();

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-autosave]");
  if (!form || event.isComposing) return;
  say("");
  clearTimeout(waiting.get(form.id));
  waiting.set(form.id, setTimeout(() => keep(form), REST));
});

async function keep(form) {
  waiting.delete(form.id);
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams([...new FormData(form), ["act", "words"]]),
    redirect: "manual",
  });
  if (answer.type !== "opaqueredirect") {
    return say("Not saved by itself: somebody changed the issue meanwhile. Press Save to see both.");
  }
  await renewPreview();
  await renew();
  const at = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  say(`Saved, ${at}.`);
}

// --- moving --------------------------------------------------------------------------------

/** Moves the row to the place (from 1) of another, by the form that its own buttons are in. */
function move(row, place) {
  const form = row.querySelector("form.acts");
  if (!form || place < 1 || place > movable().length) return;
  const wish = form.cloneNode(true);
  wish.id = "";
  for (const [name, value] of [["act", "move"], ["to", place]]) {
    const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    wish.append(field);
  }
  enqueue(wish, null, `Moved to place ${place} of ${movable().length}.`);
}

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
