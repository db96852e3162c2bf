// The words the model knows, as buttons. value = {groups: [{factor, title, words: [[value, word], ...]}], stated: {factor: value}}.
function draw() {
  const box = element.querySelector(".words"), value = props.value;
  if (!value) return;
  const drawn = JSON.stringify(value.groups);
  if (box.dataset.groups !== drawn) {
    box.dataset.groups = drawn;
    box.replaceChildren();
    for (const group of value.groups) {
      const line = document.createElement("div");
      line.className = "words-line";
      const title = document.createElement("b");
      title.textContent = group.title;
      line.append(title);
      for (const [key, word] of group.words) {
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.factor = group.factor;
        button.dataset.value = key;
        button.textContent = word;
        line.append(button);
      }
      box.append(line);
    }
  }
  for (const button of box.querySelectorAll("button"))
    button.setAttribute("aria-pressed", value.stated[button.dataset.factor] === button.dataset.value);
}
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("pick", { factor: button.dataset.factor, value: button.dataset.value });
});
draw();
watch("value", draw);
