// What makes every page better where there are scripts. Each module looks for what it helps with, and helps.
import "./menu.js";
import "./tree.js";
import "./times.js";
import "./theme-switch.js";
import "./contents.js";
import "./upload.js";
import "./add.js";
import "./path-picker.js";
