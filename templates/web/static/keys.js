/**
 * Keys of the board. They act on the row that has the focus, and can be switched off in the
 * help (WCAG 2.2, 2.1.4): speech input types letters too.
 */
import { press, step } from "./board.js";

const SETTING = "desk-keys";
const on = () => localStorage.getItem(SETTING) !== "off";
const rows = () => [...document.querySelectorAll(".items > li, .left-out tr[id]")];

function focusBy(by) {
  const all = rows();
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.min(Math.max(here + by, 0), all.length - 1)];
  next?.closest("details")?.setAttribute("open", "");
  next?.focus();
}

const ROW = {
  p: (row) => press(row, "pin"),
  x: (row) => press(row, "exclude"),
  b: (row) => press(row, "put-back"),
  e: (row) => {
    const words = row.querySelector("details.edit");
    if (!words) return;
    words.open = true;
    words.querySelector("input:not([type=hidden]), textarea")?.focus();
  },
};

/** A wide screen shows the one beside the board, a narrow one that above it. */
const previews = () => [...document.querySelectorAll("a[data-preview]")];

const PAGE = {
  j: () => focusBy(1),
  k: () => focusBy(-1),
  u: () => document.getElementById("act-undo")?.click(),
  r: () => document.getElementById("act-redo")?.click(),
  a: () => document.querySelector(".standing .button")?.focus(),
  v: () => previews().find((link) => link.offsetParent)?.click(),
  "?": () => document.getElementById("keys")?.showModal(),
};

function act(event) {
  const row = document.activeElement.closest(".items > li, .left-out tr[id]");
  if (row && event.altKey && event.key === "ArrowUp") return () => step(row, -1);
  if (row && event.altKey && event.key === "ArrowDown") return () => step(row, 1);
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return row && ROW[event.key] ? () => ROW[event.key](row) : PAGE[event.key];
}

document.addEventListener("keydown", (event) => {
  if (!on() || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  const does = act(event);
  if (!does) return;
  event.preventDefault();
  does();
});

export function begin() {
  const help = document.getElementById("keys");
  if (!help) return;
  document.getElementById("show-keys")?.addEventListener("click", () => help.showModal());
  const box = help.querySelector("input[type=checkbox]");
  box.checked = on();
  box.addEventListener("change", () => localStorage.setItem(SETTING, box.checked ? "on" : "off"));
}
