// The adapters of the form: any number of rows, each an adapter with a strength and the steps it is on in; one is drawn at a
// row of strengths. value = {known: [{id, title, about, base}], worn: [{id, strength, on}], vary: id}. What a person sets
// lives here; `window.studioWorn()` gives it to the Draw button: {worn, vary}.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const STEPS = [["all", "in every step"], ["first", "in the first step"], ["rest", "in all but the first"],
  ["teacher", "in the teacher's steps"], ["student", "in the student's steps"], ["below", "below noise level"], ["above", "above noise level"]];
const signed = (s) => (s > 0 ? `+${s}` : `${s}`.replace("-", "−"));
let known = [], worn = [], vary = "";

window.studioWorn = () => ({ worn: worn.map(({ id, strength, on }) => ({ id, strength, on })), vary });

function line(use) {
  const row = make("div", "worn-row"), top = make("div", "worn-top"), name = make("select"), drop = make("button", "worn-drop", "×");
  const taken = new Set(worn.filter((other) => other !== use).map((other) => other.id));
  name.append(...known.filter((one) => !taken.has(one.id)).map((one) => new Option(`${one.title} (${one.about})`, one.id)));
  name.value = use.id;
  name.setAttribute("aria-label", "Adapter");
  name.addEventListener("change", () => { if (vary === use.id) vary = name.value; use.id = name.value; draw(); });
  Object.assign(drop, { type: "button", title: "take it off" });
  drop.setAttribute("aria-label", `Take off ${known.find((one) => one.id === use.id)?.title ?? use.id}`);
  drop.addEventListener("click", () => { worn = worn.filter((other) => other !== use); if (vary === use.id) vary = worn[0]?.id ?? ""; draw(); });
  top.append(name, drop);

  const varied = vary === use.id, force = make("label", "worn-force"), range = make("input"), number = make("output");
  Object.assign(range, { type: "range", min: -3, max: 3, step: 0.1, value: use.strength, disabled: varied });
  range.setAttribute("aria-label", `Strength of ${known.find((one) => one.id === use.id)?.title ?? use.id}`);
  number.textContent = varied ? "−3 … +3" : signed(use.strength);
  range.addEventListener("input", () => { use.strength = +range.value; number.textContent = signed(use.strength); });
  force.append(range, number);

  const foot = make("div", "worn-foot"), steps = make("select"), level = make("input"), radio = make("label", "worn-vary"), choice = make("input");
  const [scope, bound] = use.on.split(":");
  steps.append(...STEPS.map(([value, text]) => new Option(text, value)));
  steps.value = scope;
  steps.setAttribute("aria-label", "Steps it is on in");
  Object.assign(level, { value: bound ?? "1", inputMode: "decimal", hidden: !bound, title: "noise level σ/α: about 30 at the start, 1 in the middle, 0 at the end" });
  level.setAttribute("aria-label", "Noise level");
  const set = () => {
    const bounded = steps.value === "below" || steps.value === "above";
    level.hidden = !bounded;
    use.on = bounded ? `${steps.value}:${level.value.replace(",", ".")}` : steps.value;
  };
  steps.addEventListener("change", set);
  level.addEventListener("input", set);
  Object.assign(choice, { type: "radio", name: "worn-vary", checked: varied });
  choice.addEventListener("change", () => { vary = use.id; draw(); });
  radio.append(choice, "over the row");
  foot.append(steps, level, radio);
  row.append(top, force, foot);
  row.dataset.varied = varied;
  return row;
}

function draw() {
  const box = $(".worn-rows"), add = $(".worn-add"), free = known.filter((one) => !worn.some((use) => use.id === one.id));
  box.replaceChildren(...worn.map(line));
  $(".worn-none").hidden = known.length > 0;
  add.hidden = !free.length;
  add.textContent = worn.length ? "and another adapter" : "choose an adapter";
  add.onclick = () => { worn.push({ id: free[0].id, strength: 1, on: "all" }); vary ||= free[0].id; draw(); };
}

function take() {
  const value = props.value ?? {}, ids = new Set((value.known ?? []).map((one) => one.id));
  known = value.known ?? [];
  const given = value.worn ?? worn;  // only the adapters there are have changed: what was set stays
  worn = given.filter((use) => ids.has(use.id)).map((use) => ({ ...use }));
  vary = worn.some((use) => use.id === (value.vary ?? vary)) ? value.vary ?? vary : worn[0]?.id ?? "";
  if (!worn.length && known.length) { worn = [{ id: known[0].id, strength: 1, on: "all" }]; vary = known[0].id; }
  draw();
}

take();
watch("value", take);
