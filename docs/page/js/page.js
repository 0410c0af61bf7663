// The page: sizes and presets, fields and keys, light and dark, the address.

/** Takes sizes; numbers keep their places where there still are such places. Says what does not fit. */
const resize = (sizes, given = {}) => {
  const old = g;
  const wrong = sizes.every(Number.isInteger) && Math.min(...sizes) >= 0 ? engine.resize(sizes) : "sizes: expected whole numbers";
  notice(wrong);
  if (wrong) return false;
  g = geometry(sizes, engine.numbers("sizes"));
  products = productsOf(g);
  state.sizes = sizes;
  GIVEN.forEach((array, seed) => {
    const draw = pattern(seed + 1);
    const [shape, before] = [g, old].map((g) => g && shapeOf(g, SHAPES[array]));
    const kept = (k) => {
      const at = before && indices(shape, k);
      return at && at.every((i, d) => i < before[d]) ? state.numbers[array][flat(before, at)] : undefined;
    };
    const size = counts(g)[array];
    if (given[array] && given[array].length !== size) {
      notice(`the address: ${array} has ${given[array].length} numbers, expected ${size}`);
    }
    const list = given[array]?.length === size ? given[array] : null;
    state.numbers[array] = count(size).map((k) => {
      const drawn = draw();
      return list?.[k] ?? kept(k) ?? drawn;
    });
  });
  // Out of the new panels nothing may point at what is gone.
  state.window = Math.min(state.window, g.HO * g.WO - 1);
  if (!(state.at.k < shapeOf(g, SHAPES[state.at.array]).reduce((a, b) => a * b, 1))) state.at = { array: state.walk, k: 0 };
  renumber();
  buildPanels(g);
  buildClaims(g, state.look);
  rove();
  showChoices();
  compute();
  showProgress();
  return true;
};

/** Gives the engine all of the reader's numbers. */
const renumber = () => {
  revealed.clear();
  for (const array of GIVEN) state.numbers[array].forEach((value, k) => engine.put(array, k, value));
};

const preset = (name) => {
  const chosen = PRESETS[name];
  g = null; // nothing is kept of the numbers before
  Object.assign(state, { at: { array: "y", k: 0 }, window: 0, walk: "y", wrong: chosen.wrong ?? "", look: chosen.look ?? "dx" });
  pause();
  resize(chosen.sizes, chosen);
  $("ask").textContent = chosen.ask;
};

/** Other numbers at the same sizes. */
const shuffle = () => {
  const draw = pattern(Math.floor(Math.random() * 2 ** 32));
  for (const array of GIVEN) state.numbers[array] = state.numbers[array].map(draw);
  renumber();
  compute();
};

/** The controls as the state has them. */
const showChoices = () => {
  SIZES.forEach((key, i) => { $(`size-${key}`).value = state.sizes[i]; });
  $("walk").value = state.walk;
  $("predict").checked = state.predict;
  $("play").disabled = state.predict;
  $("wrong").value = state.wrong;
  $("eps").value = String(state.eps === 1e-6 ? "0.000001" : state.eps);
  $("theme").value = state.theme;
  for (const radio of document.getElementsByName("look")) radio.checked = radio.value === state.look;
  document.documentElement.dataset.theme = state.theme;
};

/** One cell of each table takes the focus from outside; arrows lead to the others. */
const focusOf = (td) => td.querySelector("input") ?? td;
const rove = () => {
  for (const table of document.querySelectorAll("table.grid")) {
    if (table.querySelector('[tabindex="0"]')) continue;
    const first = table.querySelector("[data-array]");
    if (first) focusOf(first).tabIndex = 0;
  }
};
const cellAt = (event) => event.target.closest?.("td[data-array]");

const DIRECTIONS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const walkTable = (event) => {
  const td = cellAt(event);
  const direction = DIRECTIONS[event.key];
  if (!td || !direction || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const rows = td.closest("table").rows;
  let [r, q] = [td.parentNode.rowIndex, td.cellIndex];
  do {
    [r, q] = [r + direction[0], q + direction[1]];
  } while (rows[r]?.cells[q] && !rows[r].cells[q].dataset.array);
  const next = rows[r]?.cells[q];
  if (next) focusOf(next).focus();
};

const edit = (event) => {
  const td = cellAt(event);
  if (!td) return;
  const [array, k, value] = [td.dataset.array, Number(td.dataset.k), parseNumber(event.target.value)];
  if (value === null) {
    event.target.setAttribute("aria-invalid", "true");
    return notice(`${nameOf(g, array, k)}: expected a number from −${LARGEST} to ${LARGEST}`);
  }
  notice("");
  state.numbers[array][k] = value;
  engine.put(array, k, value);
  revealed.clear();
  compute();
};

const listen = () => {
  const main = document.querySelector("main");
  main.addEventListener("keydown", walkTable);
  main.addEventListener("input", edit);
  main.addEventListener("focusin", (event) => {
    const td = cellAt(event);
    if (!td) return;
    for (const other of td.closest("table").querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    focusOf(td).tabIndex = 0;
    if (event.target.select) event.target.select();
    pause();
    // Step goes on from here, unless that would uncover what is to be predicted.
    if (!state.predict && WALKS.includes(td.dataset.array)) state.walk = $("walk").value = td.dataset.array;
    choose(td.dataset.array, Number(td.dataset.k));
    showProgress();
  });
  // A field that was left with no number in it shows the last one again.
  main.addEventListener("focusout", (event) => {
    if (cellAt(event) && event.target.getAttribute("aria-invalid")) {
      notice("");
      event.target.value = "";
      paint();
    }
  });
  main.addEventListener("pointerover", (event) => {
    const td = cellAt(event);
    if (td && event.pointerType !== "touch") look({ array: td.dataset.array, k: Number(td.dataset.k) });
  });
  main.addEventListener("pointerout", (event) => {
    if (cellAt(event) && event.pointerType !== "touch") look(state.at);
  });
  $("sizes").addEventListener("change", () => {
    const sizes = SIZES.map((key) => ($(`size-${key}`).value === "" ? NaN : Number($(`size-${key}`).value)));
    if (!resize(sizes)) showChoices();
  });
  for (const [name, { name: label }] of Object.entries(PRESETS)) {
    const button = el("button", { type: "button" }, label);
    button.dataset.preset = name;
    button.addEventListener("click", () => preset(name));
    $("presets").append(button);
  }
  $("shuffle").addEventListener("click", shuffle);
  $("theme").addEventListener("change", () => {
    state.theme = $("theme").value;
    showChoices();
    save();
  });
  // The address holds the reader's choices, so links within the page leave it alone.
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const heading = $(`${link.hash.slice(1)}-title`);
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      heading.scrollIntoView();
    });
  }
  addEventListener("hashchange", open);
};

/** Takes up what the address says. */
const open = () => {
  const wishes = fromAddress(location.hash);
  const start = PRESETS.start;
  const { at, window, walk = "y", look = "dx", wrong = "", eps = "1", theme = "auto", predict } = wishes;
  const sized = wishes.sizes !== undefined;
  Object.assign(state, { walk, look, wrong, theme, predict, eps: Number(eps), window: window ?? 0 });
  state.at = at && at.k >= 0 && Number.isInteger(at.k) ? at : { array: walk, k: 0 };
  g = null;
  if (!resize(sized ? wishes.sizes : start.sizes, sized ? wishes.numbers : start)) {
    const why = $("notice").textContent;
    resize(start.sizes, start);
    notice(`the address: ${why}`);
  }
  if (wishes.complaints.length) notice(wishes.complaints.join("; "));
  $("ask").textContent = sized ? "" : start.ask;
};

try {
  engine = await loadEngine();
  buildTrust();
  buildWalk();
  listen();
  open();
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  notice(`This page needs a browser with WebAssembly and DecompressionStream (from 2023 on): ${error.message}`);
  throw error;
}
