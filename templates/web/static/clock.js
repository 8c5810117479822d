/** Keeps countdowns true, and tells when somebody else changed the issue. */

/** Milliseconds between two looks at the clock, and at the server. */
const TICK = 15_000;
const LOOK = 60_000;

/** `in 2 h 14 min`, as the server writes it (digest/web/words.py, `distance`). */
export function distance(milliseconds) {
  const total = Math.floor(Math.abs(milliseconds) / 60_000);
  const days = Math.floor(total / 1440);
  const hours = Math.floor((total % 1440) / 60);
  const minutes = total % 60;
  let words;
  if (days >= 3) words = `${days} days`;
  else if (days) words = hours ? `${days} d ${hours} h` : days > 1 ? `${days} days` : "1 day";
  else if (hours) words = minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  else words = minutes ? `${minutes} min` : "less than a minute";
  return milliseconds < 0 ? `${words} ago` : `in ${words}`;
}

function tick(skew) {
  for (const each of document.querySelectorAll("time[data-countdown]")) {
    each.textContent = distance(Date.parse(each.dateTime) - Date.now() - skew);
  }
}

async function look() {
  const issue = document.querySelector("[data-version]");
  if (!issue || document.hidden) return;
  const answer = await fetch(issue.dataset.version);
  if (!answer.ok) return;
  const { version } = await answer.json();
  const shown = document.querySelector("input[name=version]");
  document.getElementById("meanwhile").hidden = !shown || Number(shown.value) === version;
}

export function begin() {
  // The server's clock counts, not this machine's.
  const now = Date.parse(document.querySelector("[data-now]")?.dataset.now ?? "");
  const skew = Number.isNaN(now) ? 0 : now - Date.now();
  tick(skew);
  setInterval(() => tick(skew), TICK);
  setInterval(() => look().catch(() => {}), LOOK);
}
