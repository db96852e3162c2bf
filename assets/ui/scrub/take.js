// Files to take away, made by the server from the strips it has. Continues scrub.js; draws nothing in an exported file.

function buildTake() {
  const card = $(".sc-exports");
  if (kept || card.childElementCount) return;
  const line = make("div", "tk-line");
  const group = (words, list) => {
    const box = make("span", "tk-group");
    box.append(make("b", "", words));
    for (const [text, wish] of list) {
      const button = make("button", "", text);
      button.type = "button";
      button.addEventListener("click", () => take(button, wish()));
      box.append(button);
    }
    line.append(box);
  };
  const moving = (wish) => view.formats.map((kind) => [kind === "webp" ? "WebP" : kind.toUpperCase(), () => ({ ...wish(), what: "moving", kind })]);
  group("the chosen picture", moving(() => ({ arm: chosen.arm, seed: chosen.seed })));
  group("the chosen seed, all rows", moving(() => ({ seed: chosen.seed })));
  group("the whole wall", moving(() => ({})));
  group("contact sheet", [["PNG", () => ({ what: "sheet", seed: chosen.seed })]]);
  group("a page that scrubs offline", [["HTML", () => ({ what: "page" })]]);
  const head = make("header", "sc-head");
  head.append(make("h3", "", "Take it with you"));
  card.append(head, line, make("p", "sc-problem tk-problem"));
}

async function take(button, wish) {
  const words = button.textContent, problem = $(".tk-problem");
  button.disabled = true;
  button.textContent = "making";
  say(problem, "");
  try {
    const made = await server.take_away({ ...wish, run: view.run, sync });
    if (made.problem) say(problem, made.problem);
    else {
      const link = make("a");
      link.href = made.url;
      link.download = made.name;
      link.click();
    }
  } catch { say(problem, "The server did not answer; is the studio still running?"); }
  button.disabled = false;
  button.textContent = words;
}
