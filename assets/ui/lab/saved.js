// Saved studies, the newest first. value = {"studies": Studies.saved()}. Triggers "open" and "extend" with {"run"}.

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const list = element.querySelector(".lab-list");

function draw() {
  const studies = props.value?.studies ?? [], ids = studies.map((s) => s.run).join();
  element.querySelector(".lab-none").hidden = studies.length > 0;
  put(element.querySelector(".lab-count"), studies.length ? `${studies.length}` : "");
  if (list.dataset.ids !== ids) {
    list.dataset.ids = ids;
    list.replaceChildren(...studies.map((study) => {
      const row = make("div", "lab-row"), open = make("button", "lab-pick"), extend = make("button", "tool lab-extend", "Extend");
      open.type = extend.type = "button";
      open.dataset.open = extend.dataset.extend = study.run;
      extend.title = "Fill the form with this study, to ask for more seeds or values";
      extend.setAttribute("aria-label", `Extend ${study.title}`);
      open.append(make("b"), make("small"));
      row.append(open, make("span", "j-chip"), extend);
      return row;
    }));
  }
  studies.forEach((study, i) => {
    const row = list.children[i], chip = row.querySelector(".j-chip");
    row.classList.toggle("on", study.chosen);
    row.querySelector(".lab-pick").setAttribute("aria-current", study.chosen);
    put(row.querySelector("b"), study.title);
    put(row.querySelector("small"), study.about);
    put(chip, study.state);
    chip.dataset.state = study.state;
  });
}

element.addEventListener("click", (event) => {
  const { open, extend } = event.target.closest("button")?.dataset ?? {};
  if (open) trigger("open", { run: open });
  if (extend) trigger("extend", { run: extend });
});

draw();
watch("value", draw);
