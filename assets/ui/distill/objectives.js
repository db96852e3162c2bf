// The objectives to choose from, by family, with a search. value, with `families()` of studio/ui/distill/objective_cards.py:
// {families: [{title, note, items: [{name, title, how, good_for, status, papers: [[text, href]]}]}], chosen, wait}.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

function card(item) {
  const box = make("div", "o-card");
  box.dataset.name = item.name;
  box.dataset.text = [item.name, item.title, item.how, item.good_for, item.status, ...item.papers.map(([text]) => text)].join(" ").toLowerCase();
  const button = make("button", "o-pick");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.append(make("b", "", item.title), make("span", "o-how", item.how), make("span", "o-good", `Good for ${item.good_for}.`));
  const foot = make("small", "o-foot", item.status);
  for (const [text, href] of item.papers) {
    const link = make("a", "", text);
    Object.assign(link, { href, target: "_blank", rel: "noreferrer" });
    foot.append(" · ", link);
  }
  box.append(button, foot);
  return box;
}

function search() {
  const words = $(".o-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const family of element.querySelectorAll(".o-family")) {
    let here = 0;
    for (const box of family.querySelectorAll(".o-card")) {
      box.hidden = !words.every((word) => box.dataset.text.includes(word));
      here += !box.hidden;
    }
    family.hidden = !here;
    found += here;
  }
  $(".o-none").hidden = found > 0 || !props.value?.families.length;
}

function draw() {
  const value = props.value;
  if (!value) return;
  $(".o-wait").hidden = !value.wait;
  $(".o-wait").textContent = value.wait ?? "";
  const key = JSON.stringify(value.families), list = $(".o-list");
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...value.families.map((family) => {
      const section = make("section", "o-family"), head = make("header");
      head.append(make("h3", "", family.title), make("p", "", family.note));
      const cards = make("div", "o-cards");
      cards.append(...family.items.map(card));
      section.append(head, cards);
      return section;
    }));
    search();
  }
  for (const box of element.querySelectorAll(".o-card")) {
    const on = box.dataset.name === value.chosen, button = $(".o-pick", box);
    box.classList.toggle("on", on);
    button.setAttribute("aria-checked", on);
    button.tabIndex = on || !value.chosen ? 0 : -1;
  }
}

element.addEventListener("input", (event) => event.target.matches(".o-search") && search());
element.addEventListener("click", (event) => {
  const box = event.target.closest(".o-pick")?.closest(".o-card");
  if (box) trigger("pick", { name: box.dataset.name });
});
element.addEventListener("keydown", (event) => {
  if (!event.target.matches(".o-pick")) return;
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const all = [...element.querySelectorAll(".o-card:not([hidden]) .o-pick")];
  const next = all[(all.indexOf(event.target) + by + all.length) % all.length];
  next.focus();
});

draw();
watch("value", draw);
