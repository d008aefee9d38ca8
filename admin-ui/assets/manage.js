// What makes every page better where there are scripts. Each module looks for what it helps with, and helps.
import "./menu.js";
import "./tree.js";
import "./times.js";
import "./theme-switch.js";
import "./finder.js";
import "./keys.js";
import "./tasks.js";
import "./archive.js";
