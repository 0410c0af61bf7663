// What is seen: the numbers in their cells, the cells that are linked, the sum of the one that is looked at.

const $ = (id) => document.getElementById(id);
let g = null; // the sizes
let products = []; // of the convolution
let cache = new Map(); // numbers by array
const revealed = new Set(); // cells that were predicted
let hinted = false;

/** The numbers of an array, the stamp's too: the current window's column of w^T dy, at its place in the padded image. */
const values = (array) => {
  if (!cache.has(array)) cache.set(array, array === "stamp" ? stamp() : engine.numbers(array));
  return cache.get(array);
};
const stamp = () => {
  const share = Array(g.C * g.RP * g.WP).fill(null);
  for (const p of products) {
    if (p.o === 0 && p.i * g.WO + p.j === state.window) share[PLACES.padded(g, p)] = values("dcolumns")[PLACES.column(g, p)];
  }
  return share;
};

const wrongIndex = () => engine.wrongs.findIndex((wrong) => wrong.name === state.wrong);
const same = (a, b) => Math.abs(a - b) <= 1e-9 * (1 + Math.max(Math.abs(a), Math.abs(b)));

/** In predict-first mode the walk's cells are covered, and whatever else would give them away. */
const covered = (array, k) => {
  if (!state.predict || base(array) !== state.walk || GIVEN.includes(array)) return false;
  return array.endsWith("so-far") ? revealed.size < values(state.walk).length : !revealed.has(k);
};

const paint = () => {
  for (const [key, cells] of registry) {
    const [array, index] = key.split(".");
    const [k, value] = [Number(index), values(array)[index]];
    const hide = covered(array, k);
    const off = array.endsWith("-claimed") && !hide && !same(value, values(base(array))[k]);
    const text = hide ? "?" : value === null ? "" : shown(value);
    for (const td of cells) {
      const input = td.querySelector("input");
      td.dataset.value = hide || value === null ? "" : value;
      td.classList.toggle("covered", hide);
      td.classList.toggle("off", off);
      if (!input) {
        if (td.textContent !== text) td.textContent = text;
        continue;
      }
      // What is being typed stays as it is typed.
      if (input !== document.activeElement || parseNumber(input.value) !== value) input.value = String(value).replace("-", "−");
      input.removeAttribute("aria-invalid");
    }
  }
};

/** Lights up what has to do with a cell. */
const highlight = ({ array, k }) => {
  const silent = covered(array, k) && !hinted;
  const { linked, around } = linksOf(g, products, array, k);
  const role = SHAPES[array];
  for (const [key, cells] of registry) {
    const [other, index] = key.split(".");
    const [kin, at] = [SHAPES[other], Number(index)];
    const here = kin === role && at === k;
    const link = !silent && !here && linked[kin].has(at);
    for (const td of cells) {
      td.classList.toggle("at", other === array && here);
      td.classList.toggle("here", here);
      td.classList.toggle("link", link);
      td.classList.toggle("near", !silent && kin === "dilated" && around.has(at));
    }
  }
};

/** Writes the sum of a cell, and the difference beside it. */
const describe = ({ array, k }) => {
  const hide = covered(array, k);
  const sum = sumOf(g, products, values, array, k, state.window);
  const [symbols, numbers] = sum.terms ?? ["", ""];
  // An entry's gradient may be covered where the entry is not.
  const secret = hide || (GIVEN.includes(array) && array !== "dy" && covered(`d${array}`, k));
  const parts = [];
  if (secret) parts.push(`${sum.name} = ?`);
  else if (sum.terms) parts.push(`${sum.name} = ${numbers} = ${shown(sum.value)}`);
  else parts.push(sum.value === null ? sum.name : `${sum.name} = ${sum.value === null ? "" : shown(sum.value)}`);
  if (sum.remark && !secret) parts[0] += sum.terms ? "" : `: ${sum.remark}`;
  $("numbers").textContent = sum.terms && sum.remark && !secret ? `${sum.remark};  ${parts[0]}` : parts[0];
  $("symbols").textContent = symbols && (!secret || hinted) ? `${sum.name} = ${symbols}` : "";
  $("difference").textContent = secret ? "" : differenceOf(array, k);
  $("sum").dataset.cell = `${array}.${k}`;
  $("guess").hidden = !hide || array !== state.walk;
  if (hide) $("guess-name").textContent = `${sum.name} =`;
};

const differenceOf = (array, k) => {
  const gradient = { x: "dx", w: "dw", b: "db" }[array] ?? (isGradient(array) && !array.endsWith("so-far") ? base(array) : null);
  if (!gradient) return "";
  const [eps, moved] = [state.eps, nameOf(g, gradient.slice(1), k)];
  const [more, less] = [engine.loss(gradient, k, eps), engine.loss(gradient, k, -eps)];
  const difference = values(`${gradient}-difference`)[k];
  const over = eps === 1 ? "2" : `${shown(2 * eps)}`;
  const claim = values(`${gradient}-claimed`)[k];
  const code = same(claim, values(gradient)[k]) ? "" : `; ${state.wrong} says ${shown(claim)}`;
  return `difference: (L(${moved} + ${shown(eps)}) − L(${moved} − ${shown(eps)})) / ${over} = ` +
    `(${shown(more)} − ${factor(less)}) / ${over} = ${shown(difference)}${code}`;
};

/** Looks at a cell for as long as the pointer is on it. */
const look = (at) => {
  highlight(at);
  describe(at);
};

/** Chooses a cell; it stays chosen. Windows come and go with the cells that belong to one. */
const choose = (array, k) => {
  const differs = state.at.array !== array || state.at.k !== k;
  state.at = { array, k };
  if (differs) {
    hinted = false;
    $("guess-said").textContent = "";
    $("guess-number").value = "";
  }
  const position = ["output", "column"].includes(SHAPES[array]) ? k % (g.HO * g.WO) : null;
  if (position !== null && position !== state.window) {
    state.window = position;
    compute();
  } else {
    look(state.at);
    save();
  }
};

/** Computes all anew and shows it. */
const compute = () => {
  engine.run(state.window, wrongIndex(), state.eps);
  cache = new Map();
  paint();
  look(state.at);
  const out = (unseen, what) => unseen.length && `${what}${unseen.length > 1 ? "s" : ""} ${unseen.join(", ")}`;
  const seen = (r, q) => values("overlaps")[r * g.W + q] > 0;
  const rows = out(count(g.H).filter((r) => count(g.W).every((q) => !seen(r, q))), "row");
  const columns = out(count(g.W).filter((q) => count(g.H).every((r) => !seen(r, q))), "column");
  $("leftover").textContent = rows || columns
    ? `No window sees ${[rows, columns].filter(Boolean).join(" and ")} of x: the stride steps over or stops short. There dx is 0.`
    : "Every pixel of x is under some window.";
  $("sizes-said").textContent = `y is ${g.HO} × ${g.WO}: (${g.H} + 2·${g.PH} − ${g.KH}) / ${g.SH} + 1 down, ` +
    `(${g.W} + 2·${g.PW} − ${g.KW}) / ${g.SW} + 1 across, rounded down.`;
  $("loss").textContent = shown(engine.loss("db", 0, 0));
  $("window").textContent = `(${Math.floor(state.window / g.WO)},${state.window % g.WO})`;
  $("windows").textContent = `${state.window + 1} of ${g.HO * g.WO}`;
  showTrust();
  save();
};

const save = () => {
  const address = toAddress();
  if (location.hash !== address) history.replaceState(null, "", address);
};

const notice = (text) => {
  $("notice").textContent = text;
  $("notice").hidden = text === "";
};
