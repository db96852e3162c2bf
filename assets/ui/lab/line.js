// Where the open study is, and what can be asked of it. value = Studies.line(). Triggers "act" with {"run", "action"}.

const $ = (selector) => element.querySelector(selector);
const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

function draw() {
  const line = props.value ?? {};
  $(".lab-line").hidden = !line.run && !line.problem;
  $(".problem").hidden = !line.problem;
  put($(".problem"), line.problem ?? "");
  $(".lab-open").hidden = !line.run;
  if (line.run) {
    put($("h2"), line.title);
    const chip = $(".j-chip");
    put(chip, line.state);
    chip.dataset.state = line.state;
    put($(".lab-where p"), line.text);
    $(".j-bar").hidden = line.state === "done";
    $(".j-bar").setAttribute("aria-valuenow", Math.round(line.percent));
    $(".j-bar i").style.width = `${line.percent}%`;
    $(".lab-note").hidden = !line.note;
    put($(".lab-note"), line.note ?? "");
    const box = $(".lab-actions"), key = JSON.stringify([line.run, line.actions]);
    if (box.dataset.key !== key) {
      box.dataset.key = key;
      const held = document.activeElement?.dataset?.action;
      box.replaceChildren(...line.actions.map(([action, words]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "tool";
        button.dataset.action = action;
        button.textContent = words;
        return button;
      }));
      if (held) box.querySelector(`[data-action="${held}"]`)?.focus({ preventScroll: true });
    }
  }
  address();
}

// The address names the open study while this tab is shown; on another tab a reload should stay there.
function address() {
  const run = props.value?.run;
  if (!window.studioArrived || run === undefined) return;
  const here = new URL(location.href), given = here.searchParams.get("study") ?? "", shown = Boolean(element.closest("#lab")?.offsetParent);
  if (shown ? given === run : given !== run || !run) return;
  shown && run ? here.searchParams.set("study", run) : here.searchParams.delete("study");
  history.replaceState(null, "", here);
}

element.addEventListener("click", (event) => {
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action) trigger("act", { run: props.value.run, action });
});

new ResizeObserver(address).observe(element.closest("#lab") ?? element);
draw();
watch("value", draw);
