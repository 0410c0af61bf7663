// The page: draw, step, ask.
const PHASES = [["Forward: window by window", "y"], ["The bias gradient adds up", "db"], ["The weight gradient adds up, patch by patch", "dw"],
  ["The gradient of each column", "dcolumns"], ["col2im: each column goes back to its pixels", "dx"], ["Gathering: pixel by pixel", "gathered"]];
let values = {}, right = {}, partial = {}, uncovered = new Map(), asked = null, timer = 0;
const value = name => values[name];
const positions = () => { const [ho, wo] = outSize(state); return ho * wo; };
const pixels = () => state.c * state.h * state.w;
const total = () => 5 * positions() + pixels();
// Phase and place in it of a step; all is done at `total`.
function at(step) {
  const P = positions();
  return step >= 5 * P ? [5, step - 5 * P] : [Math.floor(step / P), step % P];
}
const wrongNumber = () => engine.wrongs.findIndex(w => w.name === state.wrong);

// Everything from the engine: all results, those without the mistake, and what db, dw and dx were after the step shown.
function compute() {
  const fault = engine.resize(state);
  $("error").textContent = fault;
  if (fault) return false;
  state = fill(state, 7);
  listProducts(state);
  const load = dy => { engine.set("x", state.x); engine.set("w", state.k); engine.set("b", state.b); engine.set("dy", dy); };
  const read = wrong => { engine.run(wrong); return Object.fromEntries(ARRAYS.map(name => [name, engine.get(name)])); };
  load(state.dy);
  right = read(-1);
  values = read(wrongNumber());
  state.step = Math.min(state.step, total());
  const [phase, place] = at(state.step);
  partial = {};
  // A sum over some of the windows is the gradient for a dy that is 0 at the others.
  ["db", "dw", "dcolumns", "dx"].forEach((name, n) => {
    if (phase > n + 1) return;
    if (phase < n + 1) { partial[name] = null; return; }
    load(state.dy.map((v, k) => k % positions() < place ? v : 0));
    partial[name] = read(wrongNumber())[name];
  });
  load(state.dy);
  read(wrongNumber());
  return true;
}

function cellOf(name, filled = () => false) {
  const [phase, place] = at(state.step), P = positions();
  const gradient = { dx: "dx", dw: "dw", db: "db" }[name];
  return k => {
    const classes = [];
    let text = show(values[name][k]);
    if (filled(k)) classes.push("filled");
    if (gradient && values[name][k] !== right[name][k]) classes.push("wrong");
    let future = false;
    if (name === "y") future = phase === 0 && k % P >= place;
    if (name === "gathered") future = phase < 5 || k >= place;
    if (name === "dcolumns") future = phase < 3 || (phase === 3 && k % P >= place);
    if (["db", "dw", "dx"].includes(name) && partial[name] !== undefined) {
      if (partial[name] === null) future = true; else { text = show(partial[name][k]); classes.length = 0; }
    }
    if (future) return ["·", "future"];
    if ($("predict").checked && ["y", "db", "dw", "dcolumns", "dx", "gathered"].includes(name) && !uncovered.has(`${name}${k}`)) return ["?", "covered"];
    return [text, classes.join(" ")];
  };
}

function draw() {
  if (!compute()) return;
  const g = state, [ho, wo] = outSize(g), hp = g.h + 2 * g.ph, wp = g.w + 2 * g.pw;
  const inImage = k => { const [, r, q] = indexOf("padded", k, g); return r >= g.ph && q >= g.pw && r < g.ph + g.h && q < g.pw + g.w; };
  const seen = new Set(products.map(p => p.p));
  planes("padded", "padded", "x[] with padding", g.c, hp, wp, { rows: r => r - g.ph, columns: q => q - g.pw },
    k => [show(values.padded[k]), [inImage(k) ? "" : "filled", seen.has(k) ? "" : "unseen"].join(" ").trim()]);
  const position = q => `${Math.floor(q / wo)},${q % wo}`;
  const depth = g.c * g.kh * g.kw, row = r => indexOf("w", r, { ...g, f: 1 }).slice(1).join(",");
  planes("columns", "columns", "columns: rows c,u,v, columns i,j", 1, depth, ho * wo, { rows: row, columns: position }, cellOf("columns"));
  planes("output", "y", "y[]", g.f, ho, wo, plain, cellOf("y"));
  planes("db", "db", "db", 1, 1, g.f, { rows: () => "", columns: q => q }, cellOf("db"));
  planes("dw", "dw", "dw[o,c]", g.f * g.c, g.kh, g.kw, plain, cellOf("dw"));
  captions("dw", n => `dw[${Math.floor(n / g.c)},${n % g.c}]`);
  patches();
  planes("dcolumns", "dcolumns", "gradient of the columns: rows c,u,v, columns i,j", 1, depth, ho * wo, { rows: row, columns: position }, cellOf("dcolumns"));
  planes("dx", "dx", "dx[]", g.c, g.h, g.w, plain, cellOf("dx"));
  planes("overlaps", "overlaps", "windows that see x[]", g.c, g.h, g.w, plain, k => [show(values.overlaps[k]), ""]);
  const dilatedCells = new Set(products.map(p => p.d));
  planes("dilated", "dilated", "dy[] with zeros", g.f, hp + g.kh - 1, wp + g.kw - 1, plain, cellOf("dilated", k => !dilatedCells.has(k)));
  planes("turned", "turned", "w turned [c,o]", g.c * g.f, g.kh, g.kw, plain, cellOf("turned"));
  captions("turned", n => `w turned [${Math.floor(n / g.f)},${n % g.f}]`);
  planes("gathered", "gathered", "dx[] gathered", g.c, g.h, g.w, plain, cellOf("gathered"));
  controls();
  zoo();
  history.replaceState(null, "", address(state, total()));
}
function captions(name, caption) { $(name).querySelectorAll("caption").forEach((c, n) => { c.textContent = caption(n); }); }
// The patches of the first channel's windows, each with the gradients that it is multiplied by.
function patches() {
  const g = state, P = positions(), [, wo] = outSize(g), size = g.kh * g.kw;
  $("patches").innerHTML = range(P).map(pos => {
    const factors = range(g.f).map(o => show(state.dy[o * P + pos])).join(", ");
    const rows = range(g.kh).map(u => `<tr>${range(g.kw).map(v => {
      const k = (u * g.kw + v) * P + pos;
      return `<td data-a="columns" data-k="${k}">${show(values.columns[k])}</td>`;
    }).join("")}</tr>`).join("");
    return `<div class="scroll"><table class="patch"><caption>${factors} × window ${Math.floor(pos / wo)},${pos % wo}</caption><tbody>${rows}</tbody></table></div>`;
  }).join("") + (g.c > 1 ? `<p>(channel 0 of ${g.c}; ${size} numbers each)</p>` : "");
}

function controls() {
  $("position").max = total();
  $("position").value = state.step;
  const [phase, place] = at(state.step), done = state.step >= total();
  $("phase").textContent = done ? "All done" : `${PHASES[phase][0]}: ${place} of ${phase === 5 ? pixels() : positions()}`;
  for (const [name, off] of [["start", state.step === 0], ["back", state.step === 0], ["step", done], ["end", done]]) $(name).disabled = off;
  document.querySelectorAll("td.now").forEach(td => td.classList.remove("now"));
  if (done) return;
  const key = phase === 5 ? products.filter(p => p.x === place) : products.filter(p => p.pos === place);
  const touched = { 0: ["padded", "columns", "y"], 1: ["db"], 2: ["dw", "columns"], 3: ["dcolumns"], 4: ["dcolumns", "dx"], 5: ["dilated", "turned", "gathered"] }[phase];
  for (const p of key) for (const name of touched) mark(name, p[IN_PRODUCT[name]], "now");
}
function mark(name, k, kind) { document.querySelectorAll(`td[data-a="${name}"][data-k="${k}"]`).forEach(td => td.classList.add(kind)); }

// A cell under the pointer or the focus: light up its links and write its sum.
const LABEL = { dcolumns: "gradient of column", gathered: "dx gathered", padded: "x", columns: "column", turned: "w turned", dilated: "dy dilated", overlaps: "windows that see x" };
const nameOf = (name, k) => {
  let index = indexOf(name, k, state);
  if (name === "padded") index = [index[0], index[1] - state.ph, index[2] - state.pw];
  return `${LABEL[name] ?? name}[${index.join(",")}]`;
};
function look(name, k) {
  document.querySelectorAll("td.from, td.to, td.own").forEach(td => td.classList.remove("from", "to", "own"));
  const backward = new Set(["db", "dw", "dcolumns", "dx", "gathered", "dy"]);
  for (const [array, cells] of Object.entries(linked(name, k))) for (const cell of cells) mark(array, cell, backward.has(array) ? "to" : "from");
  mark(name, k, "own");
  const td = document.querySelector(`td[data-a="${name}"][data-k="${k}"]`);
  const covered = td.classList.contains("covered");
  asked = covered ? { name, k } : null;
  $("commit").hidden = !covered;
  if (covered) {
    $("question").textContent = `What is ${nameOf(name, k)}?`;
    $("guess").value = "";
    $("sum").textContent = "Covered. Commit a number first.";
    return;
  }
  const guess = uncovered.get(`${name}${k}`);
  const verdict = guess === undefined ? "" : Math.abs(guess - values[name][k]) < 1e-9 ? "Right. " : `Not ${+guess}. `;
  $("sum").innerHTML = verdict + sentence(name, k);
}
function sentence(name, k) {
  if (document.querySelector(`td[data-a="${name}"][data-k="${k}"]`).classList.contains("future")) return `<b>${nameOf(name, k)}</b> is not computed yet: step on.`;
  const terms = sumOf(name, k, state, value), result = show(values[name][k]);
  let text = `<b>${nameOf(name, k)}</b> = ${terms && terms.length && terms.join() !== result ? `${terms.join(" + ")} = ` : ""}<b>${result}</b>`;
  if (terms && !terms.length) text = `<b>${nameOf(name, k)}</b> = <b>${result}</b>: no window sees this pixel`;
  const of = { dx: "x", gathered: "x", dw: "w", db: "b" }[name];
  if (of) {
    const difference = engine.difference(of, k);
    text += `; difference (L(${of} + 1) − L(${of} − 1)) / 2 = <b data-difference>${show(difference)}</b>`;
    if (Math.abs(difference - values[name][k]) > 1e-9 * (1 + Math.abs(difference))) text += `: <b>they disagree</b>; the sum is that of the right pass`;
  }
  if (name === "overlaps") text = `<b>${result}</b> windows see pixel ${indexOf("x", k, state).join(",")}`;
  return text;
}

function zoo() {
  const wrong = wrongNumber();
  document.querySelectorAll("#wrongs input").forEach(input => { input.checked = input.value === state.wrong; });
  const differ = ["dx", "dw", "db"].filter(name => values[name].some((v, k) => v !== right[name][k]));
  $("verdict").textContent = wrong < 0 ? "" : differ.length ? `${differ.join(", ")} is wrong now.` :
    "At these sizes this mistake changes no number: it hides. Try other sizes.";
  $("checks").querySelector("tbody").innerHTML = engine.checks.map((what, i) => {
    const found = engine.check(i, wrong);
    const where = !found ? "" : found.cell < 0 ? `mean of ${found.gradient}: expected ${show(found.expected)}, got ${show(found.got)}` :
      `${found.gradient}, number ${found.cell}: expected ${show(found.expected)}, got ${show(found.got)}`;
    return `<tr data-check="${i}"><th scope="row">${what}</th><td>${found ? "yes" : wrong < 0 ? "nothing to notice" : "no"}</td><td>${where}</td></tr>`;
  }).join("");
}

function editors() {
  const g = state, [ho, wo] = outSize(g);
  $("sizes").innerHTML = SIZES.map(([name, label]) => `<label>${label} <input type="number" min="${/^p/.test(name) ? 0 : 1}" max="12" data-size="${name}" value="${g[name]}"></label>`).join("");
  $("editors").innerHTML = editor("x", "x[]", g.c, g.h, g.w, g.x)
    + range(g.f * g.c).map(n => {
      const size = g.kh * g.kw;
      return editor("k", `w[${Math.floor(n / g.c)},${n % g.c}]`, 1, g.kh, g.kw, g.k.slice(n * size, (n + 1) * size)).replaceAll(/data-k="(\d+)"/g, (_, k) => `data-k="${n * size + +k}"`);
    }).join("")
    + editor("b", "b", 1, 1, g.f, g.b) + editor("dy", "dy[]", g.f, ho, wo, g.dy);
}
function restart() { uncovered.clear(); asked = null; $("commit").hidden = true; $("sum").textContent = "Point at a cell."; draw(); if (!$("error").textContent) editors(); }
function go(step) { state.step = Math.max(0, Math.min(total(), step)); draw(); }
function stop() { clearInterval(timer); timer = 0; $("play").setAttribute("aria-pressed", "false"); $("play").textContent = "Play"; }

$("preset").innerHTML = `<option value="">your own</option>` + Object.keys(PRESETS).map(name => `<option>${name}</option>`).join("");
$("wrongs").innerHTML = [{ name: "", what: "right", gradient: "" }, ...engine.wrongs].map(w =>
  `<label><input type="radio" name="wrong" value="${w.name}"><span>${w.gradient ? `<b>${w.gradient}</b>: ` : ""}${w.what}</span></label>`).join("");
$("preset").addEventListener("change", e => { if (e.target.value) { state = preset(e.target.value); restart(); } });
$("random").addEventListener("click", () => { for (const name of ["x", "k", "b", "dy"]) delete state[name]; state = fill(state, Math.floor(Math.random() * 2 ** 32)); restart(); });
$("sizes").addEventListener("change", e => {
  const size = Math.round(Number(e.target.value));
  if (!Number.isFinite(size) || size < +e.target.min || size > 12) { $("error").textContent = `${e.target.parentNode.textContent.trim()}: ${e.target.value}, expected ${e.target.min} to 12`; return; }
  const changed = { ...state, [e.target.dataset.size]: size, step: Infinity };
  const fault = engine.resize(changed);
  if (fault) { $("error").textContent = fault; return; }
  state = fill(changed, 7);
  $("preset").value = "";
  restart();
  document.querySelector(`[data-size="${e.target.dataset.size}"]`).focus();
});
$("editors").addEventListener("change", e => {
  const number = Number(e.target.value.replace(",", ".").replace("−", "-"));
  if (e.target.value.trim() === "" || !Number.isFinite(number) || Math.abs(number) > 1e6) { $("error").textContent = `${e.target.value || "nothing"}: expected a number`; e.target.value = state[e.target.dataset.edit][e.target.dataset.k]; return; }
  state[e.target.dataset.edit][e.target.dataset.k] = number;
  uncovered.clear();
  $("preset").value = "";
  draw();
});
$("start").addEventListener("click", () => { stop(); go(0); });
$("back").addEventListener("click", () => { stop(); go(state.step - 1); });
$("step").addEventListener("click", () => { stop(); go(state.step + 1); });
$("end").addEventListener("click", () => { stop(); go(total()); });
$("position").addEventListener("input", e => { stop(); go(+e.target.value); });
$("play").addEventListener("click", () => {
  if (timer) return stop();
  if (state.step >= total()) go(0);
  $("play").setAttribute("aria-pressed", "true");
  $("play").textContent = "Pause";
  timer = setInterval(() => { go(state.step + 1); if (state.step >= total()) stop(); }, 500);
});
$("predict").addEventListener("change", () => { uncovered.clear(); draw(); });
$("reveal").addEventListener("click", () => { $("predict").checked = false; uncovered.clear(); $("commit").hidden = true; draw(); });
$("commit").addEventListener("submit", e => {
  e.preventDefault();
  const guess = $("guess").value.trim().replace(",", ".").replace("−", "-");
  if (!asked || guess === "" || !Number.isFinite(+guess)) { $("sum").textContent = `${guess || "Nothing"}: expected a number.`; return; }
  const { name, k } = asked;
  uncovered.set(`${name}${k}`, guess);
  draw();
  document.querySelector(`td[data-a="${name}"][data-k="${k}"]`).focus({ preventScroll: true });
  look(name, k);
});
$("wrongs").addEventListener("change", e => { state.wrong = e.target.value; draw(); });
$("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});
const cellUnder = e => e.target.closest?.("td[data-a]");
// When the page is drawn anew under a pointer that rests, the browser says that it has come over a cell: it has not.
let rested = [-1, -1];
document.addEventListener("pointerover", e => {
  const moved = e.clientX !== rested[0] || e.clientY !== rested[1], td = cellUnder(e);
  rested = [e.clientX, e.clientY];
  if (moved && td && !(asked && $("commit").contains(document.activeElement))) look(td.dataset.a, +td.dataset.k);
});
document.addEventListener("pointermove", e => { rested = [e.clientX, e.clientY]; });
document.addEventListener("click", e => { const td = cellUnder(e); if (td) { look(td.dataset.a, +td.dataset.k); if (asked) $("guess").focus({ preventScroll: true }); } });
document.addEventListener("focusin", e => { const td = cellUnder(e); if (td) look(td.dataset.a, +td.dataset.k); });
document.addEventListener("keydown", e => {
  const td = cellUnder(e);
  if (!td || e.target.tagName === "INPUT") return;
  if (e.key === "Enter" && asked) { e.preventDefault(); $("guess").focus({ preventScroll: true }); return; }
  const row = td.parentNode, cells = [...row.querySelectorAll("td")], rows = [...row.parentNode.children], n = cells.indexOf(td), r = rows.indexOf(row);
  const to = { ArrowLeft: cells[n - 1], ArrowRight: cells[n + 1], ArrowUp: rows[r - 1]?.querySelectorAll("td")[n], ArrowDown: rows[r + 1]?.querySelectorAll("td")[n],
    Home: cells[0], End: cells.at(-1) }[e.key];
  if (to) { e.preventDefault(); td.tabIndex = -1; to.tabIndex = 0; to.focus(); }
});
addEventListener("hashchange", () => { const next = fromAddress(location.hash); if (next) { state = next; restart(); } });
state = fromAddress(location.hash) ?? preset("the book's example");
if (!fromAddress(location.hash)) $("preset").value = "the book's example";
restart();
