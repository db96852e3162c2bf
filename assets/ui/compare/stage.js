// Two arms on one seed: a slider drawn in the browser from pictures already sent, and a flicker.
// Listens to the board ("studio:view") and tells it what was chosen here ("studio:select").

const $ = (selector) => element.querySelector(selector);
let view = null, selected = null, flicker = null, shown = "";

const rowOf = (arm) => view?.rows.find((row) => row.arm === arm);
const address = (row) => row?.images[selected.seed] && `run-file/${view.run}/${row.images[selected.seed]}`;

function fill(select, chosen) {
  const key = view.rows.map((row) => row.arm).join();
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...view.rows.map((row) => new Option(row.title, row.arm)));
  }
  select.value = chosen;
  select.parentElement.style.setProperty("--tone", `var(--arm-${rowOf(chosen)?.tone})`);
}

function place(side, row) {
  const image = $(`.s-${side}`), link = $(`.s-save-${side}`), source = address(row);
  image.hidden = !source;
  link.hidden = !source;
  if (!source) return;
  if (image.getAttribute("src") !== source) image.src = source;
  image.alt = `${row.title}, seed ${selected.seed}: ${view.prompt}`;
  link.href = source;
  link.download = `studio-${row.arm}-seed-${selected.seed}.png`;
  link.textContent = row.title.toLowerCase();
  link.title = "PNG; carries the whole run in its text";
}

function draw() {
  if (!view || !selected) return;
  fill($(".s-pick-left"), selected.left);
  fill($(".s-pick-right"), selected.right);
  place("left", rowOf(selected.left));
  place("right", rowOf(selected.right));
  $(".s-saves").hidden = !address(rowOf(selected.left)) && !address(rowOf(selected.right));
  const missing = [selected.left, selected.right].filter((arm) => !address(rowOf(arm)));
  $(".s-missing").hidden = !missing.length;
  $(".s-missing").textContent = missing.length ? `${rowOf(missing[0])?.title ?? "This arm"} has not drawn seed ${selected.seed} yet` : "";
  $(".s-seed").textContent = `seed ${selected.seed}`;
  $(".stage").style.setProperty("--tone-left", `var(--arm-${rowOf(selected.left)?.tone})`);
  $(".stage").style.setProperty("--tone-right", `var(--arm-${rowOf(selected.right)?.tone})`);
  const now = [view.run, selected.seed, selected.left, selected.right].join();
  if (now !== shown) { shown = now; element.dataset.ready = "1"; }
}

const tell = (change) => document.dispatchEvent(new CustomEvent("studio:select", { detail: change }));
const position = () => +$(".s-handle").getAttribute("aria-valuenow");
function cut(percent) {
  const at = Math.max(0, Math.min(100, percent));
  $(".stage").style.setProperty("--cut", `${at}%`);
  $(".s-handle").setAttribute("aria-valuenow", Math.round(at));
}
function step(by) {
  const at = view.seeds.indexOf(selected.seed) + by;
  if (at >= 0 && at < view.seeds.length) tell({ seed: view.seeds[at] });
}
function swap(on) { $(".stage").classList.toggle("swapped", on); }
function setFlicker(on) {
  clearInterval(flicker);
  flicker = on ? setInterval(() => swap(!$(".stage").classList.contains("swapped")), 420) : null;
  $(".s-flicker").setAttribute("aria-pressed", on);
  $(".stage").classList.toggle("flickering", on);
  swap(false);
}

element.addEventListener("change", (event) => {
  if (event.target.matches(".s-pick-left")) tell({ left: event.target.value });
  if (event.target.matches(".s-pick-right")) tell({ right: event.target.value });
});
element.addEventListener("click", (event) => {
  if (event.target.closest(".s-flicker")) setFlicker(!flicker);
  if (event.target.closest(".s-prev")) step(-1);
  if (event.target.closest(".s-next")) step(1);
});
element.addEventListener("pointerdown", (event) => {
  const stage = event.target.closest(".stage");
  if (!stage) return;
  const box = stage.getBoundingClientRect();
  const follow = (move) => cut((100 * (move.clientX - box.left)) / box.width);
  follow(event);
  stage.setPointerCapture(event.pointerId);
  stage.addEventListener("pointermove", follow);
  stage.addEventListener("pointerup", () => stage.removeEventListener("pointermove", follow), { once: true });
  stage.addEventListener("pointercancel", () => stage.removeEventListener("pointermove", follow), { once: true });
});
element.addEventListener("keydown", (event) => {
  if (!event.target.matches(".s-handle")) return;
  const by = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }[event.key];
  if (by) { event.preventDefault(); cut(position() + by); }
});

// Page-wide keys while nobody types: hold F to see the other picture, [ and ] for the seed before and after.
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const keydown = (event) => {
  if (!view || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "f" || event.key === "F") { $(".stage").classList.add("flickering"); swap(true); }
  if (event.key === "[") step(-1);
  if (event.key === "]") step(1);
};
const keyup = (event) => { if ((event.key === "f" || event.key === "F") && !flicker) { $(".stage").classList.remove("flickering"); swap(false); } };
const listen = (event) => { if (!element.isConnected) return leave(); ({ view, selected } = event.detail); draw(); };
function leave() {
  setTimeout(() => document.removeEventListener("studio:view", listen));
  document.removeEventListener("keydown", keydown);
  document.removeEventListener("keyup", keyup);
}
document.addEventListener("studio:view", listen);
document.addEventListener("keydown", keydown);
document.addEventListener("keyup", keyup);
cut(50);
document.dispatchEvent(new CustomEvent("studio:hello"));
