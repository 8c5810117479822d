/** What makes the desk pleasant. Every page works without it: these are comforts. */
import { follow } from "./live.js";

for (const region of document.querySelectorAll("[data-follow]")) follow(region);
