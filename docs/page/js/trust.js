// Section 7: a backward pass, right or wrong, beside the differences, and what each check says about it.

/** Which checks bring sizes and numbers of their own. */
const OWN_NUMBERS = ["one channel, stride 1, no padding", "the book's check"];
const passes = new Map(); // of those: what they notice does not depend on the page's numbers

const noticedBy = (check, wrong) => {
  const key = `${check} ${wrong}`;
  if (!OWN_NUMBERS.includes(engine.checks[check])) return engine.check(check, wrong);
  if (!passes.has(key)) passes.set(key, engine.check(check, wrong));
  return passes.get(key);
};

const verdict = (check, noticed) => {
  if (!noticed) return state.wrong ? "lets it through" : "agrees";
  const own = OWN_NUMBERS.includes(engine.checks[check]);
  const mean = noticed.cell < 0;
  const cell = mean ? `the mean of ${noticed.gradient}` : own ? `${noticed.gradient}, number ${noticed.cell} of its case,` : nameOf(g, noticed.gradient, noticed.cell);
  return `notices: ${cell} is ${shown(noticed.got)}, expected ${shown(noticed.expected)}`;
};

const showTrust = () => {
  const wrong = wrongIndex();
  const chosen = engine.wrongs[wrong];
  const off = chosen ? values(`${chosen.gradient}-claimed`).filter((claim, k) => !same(claim, values(chosen.gradient)[k])).length : 0;
  const hide = state.predict && chosen?.gradient === state.walk;
  $("wrong-said").textContent = !chosen
    ? "The engine’s own backward pass. Turn on a mistake that people make."
    : hide ? `${chosen.name}, ${chosen.what}.`
    : off === 0
      ? `${chosen.name}, ${chosen.what}: at these sizes and numbers it is right in every cell of ${chosen.gradient}. A test of only such cases would pass it.`
      : `${chosen.name}, ${chosen.what}: ${off} of ${values(chosen.gradient).length} numbers of ${chosen.gradient} are wrong.`;
  fill("checks", ...engine.checks.map((name, check) => {
    const noticed = noticedBy(check, wrong);
    const row = el("tr", { className: noticed ? "notices" : "" }, el("th", { scope: "row" }, name),
      el("td", {}, hide && noticed ? "notices" : verdict(check, noticed)));
    row.dataset.check = check;
    return row;
  }));
  if ($("zoo").open) showZoo();
};

/** All mistakes against all checks. */
const showZoo = () => {
  const rows = engine.wrongs.map((wrong, index) => {
    const button = el("button", { type: "button", ariaPressed: String(wrong.name === state.wrong), title: wrong.what }, wrong.name);
    button.addEventListener("click", () => turnOn(wrong.name));
    const row = el("tr", {}, el("th", { scope: "row" }, button), ...engine.checks.map((_, check) => {
      const noticed = noticedBy(check, index) !== null;
      return el("td", { className: noticed ? "notices" : "", title: `${wrong.what}; ${engine.checks[check]}` }, noticed ? "noticed" : "–");
    }));
    row.dataset.wrong = wrong.name;
    return row;
  });
  const caught = (check) => engine.wrongs.filter((_, index) => noticedBy(check, index) !== null).length;
  fill("zoo-table",
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "mistake"), ...engine.checks.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, ...rows),
    el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "noticed"),
      ...engine.checks.map((_, check) => el("td", {}, `${caught(check)} of ${engine.wrongs.length}`)))));
  $("zoo-table").prepend(el("caption", {}, "Which check notices which mistake, at your sizes and numbers; the checks with one channel and of the book bring their own."));
};

const turnOn = (name) => {
  state.wrong = name;
  const gradient = engine.wrongs[wrongIndex()]?.gradient;
  if (gradient) state.look = gradient;
  showChoices();
  buildClaims(g, state.look);
  rove();
  compute();
};

const lookAt = (gradient) => {
  state.look = gradient;
  buildClaims(g, gradient);
  rove();
  compute();
};

const buildTrust = () => {
  const option = (value, text) => el("option", { value }, text);
  const groups = GRADIENTS.map((gradient) => el("optgroup", { label: gradient },
    ...engine.wrongs.filter((wrong) => wrong.gradient === gradient).map((wrong) => option(wrong.name, `${wrong.name}: ${wrong.what}`))));
  $("wrong").append(option("", "none: the engine’s own"), ...groups);
  $("wrong").addEventListener("change", () => turnOn($("wrong").value));
  $("eps").addEventListener("change", () => {
    state.eps = Number($("eps").value);
    compute();
  });
  for (const radio of document.getElementsByName("look")) radio.addEventListener("change", () => lookAt(radio.value));
  $("zoo").addEventListener("toggle", () => ($("zoo").open ? showZoo() : fill("zoo-table")));
};
