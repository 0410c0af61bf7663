// What has to do with what. A convolution is a list of products w[o,c,u,v] x[c, i s_h + u - p_h, j s_w + v - p_w], and each
// cell of each array stands for some of them: a cell is linked to the cells that share a product with it.

/** For each array: the role that its numbers play, and the dimensions by letter. */
const SHAPES = {
  x: "pixel", dx: "pixel", "dx-so-far": "pixel", "dx-claimed": "pixel", "dx-difference": "pixel", overlaps: "pixel",
  w: "weight", dw: "weight", "dw-so-far": "weight", "dw-claimed": "weight", "dw-difference": "weight",
  b: "bias", db: "bias", "db-so-far": "bias", "db-claimed": "bias", "db-difference": "bias",
  y: "output", dy: "output", padded: "padded", stamp: "padded", columns: "column", dcolumns: "column",
  dilated: "dilated", turned: "turned",
};

/** "dx" for "dx-claimed". */
const base = (array) => array.split("-")[0];
const isGradient = (array) => GRADIENTS.includes(base(array));

/** The sizes under the names of the formulas. */
const geometry = ([C, F, H, W, KH, KW, SH, SW, PH, PW], [HO, WO, RP, WP, RD, WD]) =>
  ({ C, F, H, W, KH, KW, SH, SW, PH, PW, HO, WO, RP, WP, RD, WD });

const shapeOf = (g, role) => ({
  pixel: [g.C, g.H, g.W], weight: [g.F, g.C, g.KH, g.KW], bias: [g.F], output: [g.F, g.HO, g.WO], padded: [g.C, g.RP, g.WP],
  column: [g.C * g.KH * g.KW, g.HO * g.WO], dilated: [g.F, g.RD, g.WD], turned: [g.C, g.F, g.KH, g.KW],
})[role];

/** Number k of an array of this shape, as indices; and back. */
const indices = (shape, k) => shape.reduceRight(([rest, at], size) => [Math.floor(rest / size), [rest % size, ...at]], [k, []])[1];
const flat = (shape, at) => at.reduce((k, i, d) => k * shape[d] + i, 0);

/** All products, in the order of the naive loops. `r`, `q` are the pixel's place, outside of the image in the padding. */
const productsOf = (g) => {
  const all = [];
  for (let o = 0; o < g.F; o++) for (let i = 0; i < g.HO; i++) for (let j = 0; j < g.WO; j++) {
    for (let c = 0; c < g.C; c++) for (let u = 0; u < g.KH; u++) for (let v = 0; v < g.KW; v++) {
      all.push({ o, i, j, c, u, v, r: i * g.SH + u - g.PH, q: j * g.SW + v - g.PW });
    }
  }
  return all;
};

/** Where a product stands in the arrays of a role; -1: nowhere. */
const PLACES = {
  pixel: (g, p) => (p.r >= 0 && p.r < g.H && p.q >= 0 && p.q < g.W ? flat(shapeOf(g, "pixel"), [p.c, p.r, p.q]) : -1),
  weight: (g, p) => flat(shapeOf(g, "weight"), [p.o, p.c, p.u, p.v]),
  output: (g, p) => flat(shapeOf(g, "output"), [p.o, p.i, p.j]),
  padded: (g, p) => flat(shapeOf(g, "padded"), [p.c, p.r + g.PH, p.q + g.PW]),
  column: (g, p) => ((p.c * g.KH + p.u) * g.KW + p.v) * g.HO * g.WO + p.i * g.WO + p.j,
  dilated: (g, p) => flat(shapeOf(g, "dilated"), [p.o, p.i * g.SH + g.KH - 1, p.j * g.SW + g.KW - 1]),
  turned: (g, p) => flat(shapeOf(g, "turned"), [p.c, p.o, g.KH - 1 - p.u, g.KW - 1 - p.v]),
};

/** The products that a cell stands for. */
const productsAt = (g, products, array, k) => {
  const place = PLACES[SHAPES[array]];
  return place ? products.filter((p) => place(g, p) === k) : [];
};

/** For each role, the numbers that share a product with the cell. A bias is in no product: it has its plane of outputs. */
const linksOf = (g, products, array, k) => {
  const role = SHAPES[array];
  const linked = Object.fromEntries([...Object.keys(PLACES), "bias"].map((name) => [name, new Set()]));
  if (role === "bias") {
    for (let at = 0; at < g.HO * g.WO; at++) linked.output.add(k * g.HO * g.WO + at);
  }
  for (const p of productsAt(g, products, array, k)) {
    for (const [name, place] of Object.entries(PLACES)) linked[name].add(place(g, p));
    if (role === "output") linked.bias.add(p.o);
  }
  // Pixel (r, q) gathers through a window of the dilated dy, zeros included.
  const around = new Set();
  const pixel = role === "pixel" ? indices(shapeOf(g, "pixel"), k) : null;
  if (pixel) {
    for (let o = 0; o < g.F; o++) for (let u = 0; u < g.KH; u++) for (let v = 0; v < g.KW; v++) {
      around.add(flat(shapeOf(g, "dilated"), [o, pixel[1] + g.PH + u, pixel[2] + g.PW + v]));
    }
  }
  linked[role].add(k);
  return { linked, around };
};

/** A cell's name: x[1,2], with the channel where there are several. Padding counts from -p, so that x keeps its indices. */
const nameOf = (g, array, k) => {
  const role = SHAPES[array];
  const shape = shapeOf(g, role);
  const at = indices(shape, k);
  const name = { "-so-far": " so far", "-claimed": " of this code", "-difference": " by differences" };
  const suffix = Object.keys(name).find((end) => array.endsWith(end)) ?? "";
  if (role === "column") {
    const [u, v] = [Math.floor(at[0] / g.KW) % g.KH, at[0] % g.KW];
    const row = g.C > 1 ? [Math.floor(at[0] / (g.KH * g.KW)), u, v] : [u, v];
    return `${array}[(${row}), (${Math.floor(at[1] / g.WO)},${at[1] % g.WO})]`;
  }
  if (role === "padded") [at[1], at[2]] = [at[1] - g.PH, at[2] - g.PW];
  const shown = at.filter((_, d) => d >= at.length - 2 || shape[d] > 1 || role === "bias");
  const called = { padded: "x", stamp: "stamp" }[array] ?? base(array);
  return `${called}[${shown.join(",").replace(/-/g, "−")}]${name[suffix] ?? ""}`;
};
