// What makes every page better where there are scripts. Each module looks for what it helps with, and helps.
import "./edit.js";
import "./menu.js";
import "./copy-address.js";
import "./people.js";
import "./tree.js";
import "./times.js";
import "./theme-switch.js";
import "./finder.js";
import "./keys.js";
import "./copy.js";
import "./desk.js";
import "./contents.js";
import "./upload.js";
import "./add.js";
import "./path-picker.js";
import "./ticks.js";
