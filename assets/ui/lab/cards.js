// The studies as cards to choose from. value = {"cards": lab_form.cards()}. Triggers "pick" with {"name"}.
// The last card leads to the sliders of the exact laboratory, further down this page; no server is asked for that.

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const grid = element.querySelector(".lab-grid");

function draw() {
  const cards = props.value?.cards ?? [], names = cards.map((card) => card.name).join();
  if (grid.dataset.names !== names) {
    grid.dataset.names = names;
    grid.replaceChildren(...cards.map((card) => {
      const button = make("button", "lab-card");
      button.type = "button";
      button.dataset.name = card.name;
      if (card.name !== "mixture") button.setAttribute("role", "radio");
      const head = make("b", "", card.title), tested = make("span", "lab-tests");
      tested.append(...card.statements.map((s) => { const tag = make("i", "", s); tag.title = `tests statement ${s} of the paper`; return tag; }));
      button.append(head, make("span", "lab-ask", card.question), tested);
      button.title = card.how;
      return button;
    }));
  }
  cards.forEach((card, i) => {
    const button = grid.children[i];
    button.classList.toggle("on", card.chosen);
    if (card.name === "mixture") return;
    button.setAttribute("aria-checked", card.chosen);
    button.tabIndex = card.chosen || (i === 0 && !cards.some((c) => c.chosen)) ? 0 : -1;
  });
}

element.addEventListener("click", (event) => {
  const name = event.target.closest(".lab-card")?.dataset.name;
  if (name === "mixture") {
    const box = document.querySelector("#mixture .mix");
    box.open = true;
    box.scrollIntoView({ behavior: "smooth", block: "start" });
    box.querySelector("summary").focus({ preventScroll: true });
  } else if (name) trigger("pick", { name });
});
element.addEventListener("keydown", (event) => { // as in a group of radio buttons
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const cards = [...grid.querySelectorAll("[role=radio]")], at = cards.indexOf(document.activeElement);
  if (!by || at < 0) return;
  event.preventDefault();
  const next = cards[(at + by + cards.length) % cards.length];
  next.tabIndex = 0;
  next.focus();
  trigger("pick", { name: next.dataset.name });
});

draw();
watch("value", draw);
