/** What makes the desk pleasant. Every page works without it: these are comforts. */
import * as board from "./board.js";
import * as clock from "./clock.js";
import * as keys from "./keys.js";
import { follow } from "./live.js";

if (document.querySelector("[data-region]")) {
  board.begin();
  keys.begin();
}
clock.begin();
for (const region of document.querySelectorAll("[data-follow]")) follow(region);
