/** Seconds between two announcements: a screen reader is not to speak all the time. */
const QUIET_SECONDS = 15;
/** Seconds until a server that refused is asked again; a browser itself gives up for good. */
const AGAIN_SECONDS = 10;

/**
 * Keeps `region` as the server tells it, over server-sent events.
 *
 * Without JavaScript the page loads itself anew instead; what it shows is the same.
 */
export function follow(region) {
  const said = document.getElementById("sending-said");
  const stream = new EventSource(region.dataset.follow);
  let announced = Date.now();
  stream.addEventListener("progress", (told) => {
    region.innerHTML = told.data;
    if (said && Date.now() - announced > QUIET_SECONDS * 1000) {
      said.textContent = region.querySelector("p").textContent;
      announced = Date.now();
    }
  });
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) {
      setTimeout(() => follow(region), AGAIN_SECONDS * 1000);
    }
  });
  stream.addEventListener("changed", () => {
    stream.close();
    location.reload();
  });
}
