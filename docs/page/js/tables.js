// The panels: every array as a table, made anew when the sizes change and filled anew when the numbers do.

const el = (tag, properties = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
};

/** The cells on the page: "dx.7" and where it is shown. */
let registry = new Map();

const HUES = {
  pixel: "x", padded: "x", column: "x", weight: "w", turned: "w", bias: "b", output: "y", dilated: "y",
};

/** A cell of a table; one that can be edited holds a field, of this name. */
const cellOf = (array, k, field) => {
  const td = el("td", { className: `cell ${HUES[SHAPES[array]]}` });
  td.dataset.array = array;
  td.dataset.k = k;
  td.setAttribute("role", "gridcell");
  if (field) td.append(el("input", { type: "text", autocomplete: "off", spellcheck: false, tabIndex: -1, ariaLabel: field }));
  else td.tabIndex = -1;
  const key = `${array}.${k}`;
  if (!registry.has(key)) registry.set(key, []);
  registry.get(key).push(td);
  return td;
};

const head = (text, scope) => el("th", { scope, className: "index" }, text);
const scroller = (...children) => el("div", { className: "wide" }, ...children);
/** A table whose cells are walked by the arrow keys. */
const grid = (caption, label, rows) => {
  const table = el("table", { className: "grid" }, el("caption", {}, caption), el("tbody", {}, ...rows));
  table.setAttribute("role", "grid");
  if (label) table.setAttribute("aria-label", label);
  return table;
};
const count = (n) => Array.from({ length: n }, (_, i) => i);

/**
 * A plane of rows x columns. `cell(r, q)` gives [array, k], or null where there is nothing; `from` are the first row's and
 * column's numbers, or `heads` their names.
 */
const plane = (g, { caption, label, rows, columns, cell, from = [0, 0], heads, editable = () => false }) => {
  const names = heads ?? [count(rows).map((r) => shown(r + from[0])), count(columns).map((q) => shown(q + from[1]))];
  const first = el("tr", {}, el("td", { className: "corner" }), ...names[1].map((name) => head(name, "col")));
  const body = count(rows).map((r) => el("tr", {}, head(names[0][r], "row"), ...count(columns).map((q) => {
    const at = cell(r, q);
    return at ? cellOf(at[0], at[1], editable(r, q) && nameOf(g, ...at)) : el("td", { className: "cell void" });
  })));
  return grid(caption, label, [first, ...body]);
};

const channelled = (name, c, channels, what = "channel") => (channels > 1 ? `${name}, ${what} ${c}` : name);
/** One plane for each channel of a padded frame; `array` is in it or, where it has no padding, inside of it. */
const framed = (g, array, name, { editable = false, frame } = {}) => count(g.C).map((c) => {
  const inside = (r, q) => r >= g.PH && r < g.PH + g.H && q >= g.PW && q < g.PW + g.W;
  const pixel = (r, q) => flat([g.C, g.H, g.W], [c, r - g.PH, q - g.PW]);
  const cell = (r, q) => {
    if (inside(r, q) && array) return [array, pixel(r, q)];
    return frame ? [frame, flat([g.C, g.RP, g.WP], [c, r, q])] : null;
  };
  const table = plane(g, { caption: channelled(name, c, g.C), rows: g.RP, columns: g.WP, from: [-g.PH, -g.PW], cell,
    editable: (r, q) => editable && inside(r, q) });
  [...table.querySelectorAll("tr")].slice(1).forEach((tr, r) => [...tr.querySelectorAll("td")].forEach((td, q) => {
    td.classList.toggle("padding", !inside(r, q));
  }));
  return table;
});
const pixels = (g, array, name) => count(g.C).map((c) => plane(g, {
  caption: channelled(name, c, g.C), rows: g.H, columns: g.W, cell: (r, q) => [array, flat([g.C, g.H, g.W], [c, r, q])],
}));
const kernelName = (g, name, o, c) => (g.F * g.C === 1 ? name : `${name}[${o},${c}]`);
const kernels = (g, array, name, editable = false) => count(g.F).flatMap((o) => count(g.C).map((c) => plane(g, {
  caption: kernelName(g, name, o, c), rows: g.KH, columns: g.KW, editable: () => editable,
  cell: (u, v) => [array, flat([g.F, g.C, g.KH, g.KW], [o, c, u, v])],
})));
const outputs = (g, array, name, editable = false) => count(g.F).map((o) => plane(g, {
  caption: channelled(name, o, g.F, "filter"), rows: g.HO, columns: g.WO, editable: () => editable,
  cell: (i, j) => [array, flat([g.F, g.HO, g.WO], [o, i, j])],
}));
const biases = (g, array, name, editable = false) => [plane(g, {
  caption: name, rows: 1, columns: g.F, cell: (_, o) => [array, o], heads: [[""], count(g.F).map((o) => (g.F > 1 ? `o=${o}` : ""))],
  editable: () => editable,
})];
const gradientTables = (g, gradient, array, name) =>
  ({ dx: pixels, dw: kernels, db: biases })[gradient](g, array, name);

/** im2col's matrix or its gradient, with the weights beside its rows: the rows (c,u,v), the columns (i,j). */
const matrix = (g, { array, caption, above, below, corner }) => {
  const positions = g.HO * g.WO;
  const blank = (text = "") => el("th", { className: "index" }, text);
  const w = count(g.F).map((o) => head(g.F > 1 ? `w, o=${o}` : "w", "col"));
  const first = el("tr", {}, blank(corner), ...w,
    ...count(positions).map((at) => head(`${Math.floor(at / g.WO)},${at % g.WO}`, "col")));
  const planes = (of, name) => count(g.F).map((o) => el("tr", { className: "edge" },
    head(g.F > 1 ? `${name}, o=${o}` : name, "row"),
    ...count(g.F).map((other) => (of === "y" && other === o ? cellOf("b", o) : blank())),
    ...count(positions).map((at) => cellOf(of, o * positions + at))));
  const body = count(g.C * g.KH * g.KW).map((row) => {
    const [c, u, v] = indices([g.C, g.KH, g.KW], row);
    return el("tr", {}, head((g.C > 1 ? [c, u, v] : [u, v]).join(","), "row"),
      ...count(g.F).map((o) => cellOf("w", o * g.C * g.KH * g.KW + row)),
      ...count(positions).map((at) => cellOf(array, row * positions + at)));
  });
  const rows = [first, ...(above ? planes(above, above) : []), ...body, ...(below ? planes(below, `b, ${below}`) : [])];
  return grid(caption, "", rows);
};

/** dw of one filter as it is summed: dy times patch, plus dy times patch, ... */
const patches = (g, o) => {
  const positions = g.HO * g.WO;
  const items = count(positions).map((at) => {
    const window = `${Math.floor(at / g.WO)},${at % g.WO}`;
    const dy = el("tr", {}, cellOf("dy", o * positions + at), el("td", { className: "times" }, "×"));
    const rows = count(g.C).flatMap((c) => count(g.KH).map((u) => el("tr", { className: u === 0 ? "channel" : "" },
      ...count(g.KW).map((v) => cellOf("columns", ((c * g.KH + u) * g.KW + v) * positions + at)))));
    return el("div", { className: "patch" }, grid(`${at ? "+ " : ""}dy × patch ${window}`, "", [dy, ...rows]));
  });
  return el("div", { className: "patches" }, ...items);
};

/** What a pixel gathers from: dy at its places among zeros. */
const dilatedTables = (g) => count(g.F).map((o) => {
  const heads = [[g.RD, g.KH, g.SH, g.HO, "i"], [g.WD, g.KW, g.SW, g.WO, "j"]].map(([size, kernel, stride, out, letter]) =>
    count(size).map((at) => {
      const n = (at - kernel + 1) / stride;
      return Number.isInteger(n) && n >= 0 && n < out ? `${letter}=${n}` : "·";
    }));
  return plane(g, { caption: channelled("dy, dilated", o, g.F, "filter"), rows: g.RD, columns: g.WD, heads,
    cell: (r, q) => ["dilated", flat([g.F, g.RD, g.WD], [o, r, q])] });
});
const turnedTables = (g) => count(g.C).flatMap((c) => count(g.F).map((o) => plane(g, {
  caption: g.F * g.C === 1 ? "w, turned" : `w[${o},${c}], turned`, rows: g.KH, columns: g.KW,
  cell: (u, v) => ["turned", flat([g.C, g.F, g.KH, g.KW], [c, o, u, v])],
})));

const group = (...tables) => el("div", { className: "group" }, ...tables);
/** A sign of the equation; it stays with the tables behind it. */
const after = (sign, ...tables) =>
  el("div", { className: "term" }, el("span", { className: "sign", ariaHidden: "true" }, sign), group(...tables));
const fill = (id, ...children) => document.getElementById(id).replaceChildren(...children);

/** All panels, for new sizes. */
const buildPanels = (g) => {
  registry = new Map();
  fill("forward-tables", group(...framed(g, "x", "x, padded", { editable: true, frame: "padded" })),
    after("∗", ...kernels(g, "w", "w", true)), after("+", ...biases(g, "b", "b", true)), after("=", ...outputs(g, "y", "y")));
  fill("columns-tables", matrix(g, { array: "columns", caption: "im2col(x): a window a column", below: "y", corner: "pixel under" }));
  fill("upstream-tables", group(...outputs(g, "dy", "dy", true)), after("summed:", ...biases(g, "db", "db"), ...biases(g, "db-so-far", "so far")));
  const ofFilter = (tables, o) => tables.slice(o * g.C, (o + 1) * g.C);
  fill("weight-tables", ...count(g.F).map((o) => el("div", { className: "filter" }, patches(g, o),
    after("=", ...ofFilter(kernels(g, "dw", "dw"), o), ...ofFilter(kernels(g, "dw-so-far", "so far"), o)))));
  fill("dcolumns-tables", matrix(g, { array: "dcolumns", caption: "dcolumns = wᵀ dy", above: "dy", corner: "weight, window" }));
  fill("scatter-tables", group(...framed(g, "", "this window’s share", { frame: "stamp" })),
    group(...framed(g, "dx-so-far", "dx so far, this share added")), group(...framed(g, "dx", "dx, all windows")),
    group(...framed(g, "overlaps", "how many windows see it")));
  fill("gather-tables", group(...dilatedTables(g)), after("∗", ...turnedTables(g)), after("=", ...framed(g, "dx", "dx")));
};

/** The tables of section 7, for the gradient that is looked at. */
const buildClaims = (g, gradient) => {
  for (const key of registry.keys()) if (/-(claimed|difference)\./.test(key)) registry.delete(key);
  fill("claims-tables", group(...gradientTables(g, gradient, `${gradient}-claimed`, `${gradient}, this code`)),
    after("?=", ...gradientTables(g, gradient, `${gradient}-difference`, "differences")));
};
