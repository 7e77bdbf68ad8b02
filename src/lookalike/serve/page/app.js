// Tabs, theme and the address: the frame around the tabs, which load when they are first opened.
import { open, studio, watch } from "./studio.js";
import { count, failed, h, say } from "./ui.js";
import { address, read } from "./url.js";

const TABS = ["find", "blend", "edit", "clean", "map", "review", "duplicates", "training"];
const TITLES = { find: "Find", blend: "Blend", edit: "Edit", clean: "Clean", map: "Map", review: "Review", duplicates: "Duplicates", training: "Training" };
const panel = document.getElementById("panel");
const tab = (name) => document.getElementById(`tab-${name}`);
const last = {};
let shown = null;
let leave = null;
let update = null;
let turn = 0;

function offered() {
  return TABS.filter((name) => !tab(name).hidden);
}

/** Show what the address names. A tab that is open already is told of the new parameters. */
async function show() {
  const { tab: wanted, params } = read();
  const name = offered().includes(wanted) ? wanted : "find";
  last[name] = params.toString();
  const mine = ++turn;
  for (const other of TABS) {
    tab(other).setAttribute("aria-selected", String(other === name));
    tab(other).tabIndex = other === name ? 0 : -1;
  }
  tab(name).scrollIntoView({ block: "nearest", inline: "nearest" });
  panel.setAttribute("aria-labelledby", `tab-${name}`);
  document.title = `${TITLES[name]} · lookalike studio`;
  const module = await import(`./tabs/${name}.js`);
  if (mine !== turn) return;
  if (shown !== name) {
    leave?.();
    const made = module.build();
    shown = name;
    leave = made.leave ?? null;
    update = made.update;
    panel.replaceChildren(made.root);
    window.scrollTo(0, 0);
  }
  await update(params);
}

function setUpTabs() {
  for (const name of TABS) {
    tab(name).addEventListener("click", () => {
      location.hash = last[name] ? `#${name}?${last[name]}` : address(name);
    });
  }
  document.getElementById("tabs").addEventListener("keydown", (event) => {
    const names = offered();
    const at = names.findIndex((name) => tab(name) === document.activeElement);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = tab(names[(steps[event.key] + names.length) % names.length]);
    next.focus();
    next.click();
  });
  window.addEventListener("hashchange", () => show().catch(failed));
}

const THEMES = ["system", "light", "dark"];

function setUpTheme() {
  const button = document.getElementById("theme");
  const stored = () => { try { return localStorage.getItem("lookalike-theme") ?? "system"; } catch { return "system"; } };
  function apply(theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-label", theme === "system" ? "Colours: as the system" : `Colours: ${theme}`);
    button.title = button.getAttribute("aria-label");
    window.dispatchEvent(new Event("themechange"));
  }
  apply(stored());
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? "system") + 1) % THEMES.length];
    try { localStorage.setItem("lookalike-theme", next); } catch { /* kept for this visit only */ }
    apply(next);
    say(button.getAttribute("aria-label"));
  });
}

async function offerTabs() {
  const { backend, gallery } = studio;
  for (const name of ["blend", "edit"]) tab(name).hidden = !gallery.draws;
  tab("clean").hidden = !gallery.denoiser;
  tab("review").hidden = !backend.review; // without a server nothing is decided: copies are a list to look at
  tab("duplicates").hidden = Boolean(backend.review);
  const runs = await backend.runs().catch(() => []);
  tab("training").hidden = !runs.length;
}

/** A picture dropped or pasted anywhere outside a field is searched for. */
function setUpBringing() {
  const searchFor = async (files) => {
    const { bringAndFind } = await import("./tabs/find.js");
    bringAndFind(files).catch(failed);
  };
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length && !event.handled) searchFor(files);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (shown === "clean") panel.dispatchEvent(new CustomEvent("bring", { detail: files }));
    else searchFor(files);
  });
}

async function start() {
  setUpTheme();
  try {
    await open();
    await offerTabs();
  } catch (error) {
    panel.replaceChildren(h("p", { class: "empty" }, error.message));
    throw error;
  }
  const { images, code_size: size, model } = studio.gallery;
  document.getElementById("about").replaceChildren(`${count(images)} pictures`, h("span", {}, ` · ${model} · codes of ${size}`));
  watch();
  setUpTabs();
  setUpBringing();
  await show();
}

start().catch(failed);
