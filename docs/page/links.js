// Which cells belong together. A product is w[o,c,u,v] x[c,r,q] for one output (o,i,j); everything follows from the list of them.
let products = [];   // { y, col, w, x: pixel or -1, p: place in the padded image, row }
function listProducts(g) {
  const [ho, wo] = outSize(g), hp = g.h + 2 * g.ph, wp = g.w + 2 * g.pw, P = ho * wo;
  products = [];
  for (let o = 0; o < g.f; o++) for (let i = 0; i < ho; i++) for (let j = 0; j < wo; j++)
    for (let c = 0; c < g.c; c++) for (let u = 0; u < g.kh; u++) for (let v = 0; v < g.kw; v++) {
      const R = i * g.sh + u, Q = j * g.sw + v, r = R - g.ph, q = Q - g.pw;
      const inside = r >= 0 && q >= 0 && r < g.h && q < g.w;
      const row = (c * g.kh + u) * g.kw + v;
      products.push({ y: o * P + i * wo + j, pos: i * wo + j, o, row, w: o * g.c * g.kh * g.kw + row,
        col: row * P + i * wo + j, p: (c * hp + R) * wp + Q, x: inside ? (c * g.h + r) * g.w + q : -1,
        // In the gather view: where dy stands among the zeros, and the turned kernel's cell.
        d: (o * (hp + g.kh - 1) + i * g.sh + g.kh - 1) * (wp + g.kw - 1) + j * g.sw + g.kw - 1,
        t: (c * g.f + o) * g.kh * g.kw + (g.kh - 1 - u) * g.kw + g.kw - 1 - v });
    }
}
// The index of a cell in words: (o,i,j) and so on.
function indexOf(name, k, g) {
  const [ho, wo] = outSize(g), split = (...sizes) => { const out = []; for (const size of sizes.reverse()) { out.unshift(k % size); k = Math.floor(k / size); } return out; };
  const hp = g.h + 2 * g.ph, wp = g.w + 2 * g.pw;
  switch (name) {
    case "x": case "dx": case "gathered": case "overlaps": return split(g.c, g.h, g.w);
    case "padded": return split(g.c, hp, wp);
    case "w": case "dw": return split(g.f, g.c, g.kh, g.kw);
    case "turned": return split(g.c, g.f, g.kh, g.kw);
    case "b": case "db": return [k];
    case "y": case "dy": return split(g.f, ho, wo);
    case "dilated": return split(g.f, hp + g.kh - 1, wp + g.kw - 1);
    default: return split(g.c, g.kh, g.kw, ho, wo);
  }
}
const IN_PRODUCT = { x: "x", dx: "x", gathered: "x", overlaps: "x", padded: "p", w: "w", dw: "w", b: "o", db: "o", y: "y", dy: "y",
  columns: "col", dcolumns: "col", dilated: "d", turned: "t" };
// All cells that share a product with cell k of an array: { name: set of cells }.
function linked(name, k) {
  const key = IN_PRODUCT[name], cells = {};
  const add = (array, cell) => { if (cell >= 0) (cells[array] ??= new Set()).add(cell); };
  for (const p of products) if (p[key] === k)
    for (const array of Object.keys(IN_PRODUCT)) add(array, p[IN_PRODUCT[array]]);
  return cells;
}
const sign = value => value < 0 ? `(${value})` : `${value}`;
// The sum that a cell is, as [left side, terms, note].
function sumOf(name, k, g, value) {
  const of = p => p[IN_PRODUCT[name]] === k, mine = products.filter(of), one = (a, b) => `${sign(a)}·${sign(b)}`;
  switch (name) {
    case "y": return [value("b")[mine[0].o], ...mine.map(p => one(value("w")[p.w], value("padded")[p.p]))];
    case "db": return [...new Set(mine.map(p => p.y))].map(y => sign(value("dy")[y]));
    case "dw": return mine.map(p => one(value("dy")[p.y], value("padded")[p.p]));
    case "dcolumns": return mine.map(p => one(value("w")[p.w], value("dy")[p.y]));
    case "dx": {
      const columns = [...new Map(mine.map(p => [p.col, p])).values()];
      return columns.map(p => sign(value("dcolumns")[p.col]));
    }
    case "gathered": return mine.map(p => one(value("turned")[p.t], value("dilated")[p.d]));
    default: return null;
  }
}
