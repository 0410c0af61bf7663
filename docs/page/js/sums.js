// The sum behind a cell, with symbols and with its numbers.

/** 2, −1, 0.5: as many digits as a reader looks at, and a true minus. */
const shown = (value) => String(Number(value.toPrecision(7))).replace("-", "−").replace(/e(\D?)(\d+)/, "·10^$1$2");
/** (−1): a factor or a summand. */
const factor = (value) => (value < 0 ? `(${shown(value)})` : shown(value));

/**
 * What to write about a cell. `values(array)` are its numbers, `window` the last window of the sums "so far".
 * Returns { name, terms: [symbols, numbers], value, remark }; terms are null where nothing is summed.
 */
const sumOf = (g, products, values, array, k, window) => {
  const name = nameOf(g, array, k);
  const at = (of, p) => PLACES[SHAPES[of]](g, p);
  const cell = (of, index) => [nameOf(g, of, index), factor(values(of)[index])];
  const product = (a, b) => [`${a[0]}·${b[0]}`, `${a[1]}·${b[1]}`];
  const join = (terms, none) =>
    terms.length === 0 ? [none, "0"] : [terms.map((term) => term[0]).join(" + "), terms.map((term) => term[1]).join(" + ")];
  const mine = productsAt(g, products, array, k);
  // One product for each filter, position, ... of a sum over `of`.
  const dyAt = (p) => cell("dy", at("dy", p));
  const weight = (p) => cell("w", at("w", p));
  const pixel = (p) => (at("x", p) < 0 ? ["0", "0"] : cell("x", at("x", p)));
  const seen = (p) => !array.endsWith("so-far") || p.i * g.WO + p.j <= window;
  const value = values(array)[k];

  switch (array) {
    case "y": {
      const terms = mine.map((p) => product(weight(p), pixel(p)));
      return { name, terms: join([cell("b", mine[0].o), ...terms]), value };
    }
    case "dw": case "dw-so-far":
      return { name, terms: join(mine.filter(seen).map((p) => product(dyAt(p), pixel(p))), "nothing yet"), value };
    case "dx": case "dx-so-far":
      return { name, terms: join(mine.filter(seen).map((p) => product(weight(p), dyAt(p))), "no window sees this pixel yet"), value };
    case "dcolumns":
      return { name, terms: join(mine.map((p) => product(weight(p), dyAt(p)))), value };
    case "db": case "db-so-far": {
      const plane = Array.from({ length: g.HO * g.WO }, (_, position) => position).filter((position) => array === "db" || position <= window);
      return { name, terms: join(plane.map((position) => cell("dy", k * g.HO * g.WO + position))), value };
    }
    case "columns":
      return { name, terms: null, value, remark: at("x", mine[0]) < 0 ? "padding" : `a copy of ${pixel(mine[0])[0]}` };
    case "padded":
      return { name, terms: null, value, remark: "padding: always 0, and what comes back to it is thrown away" };
    case "stamp":
      return { name: "this window's share", terms: null, value, remark: "w times dy, at its place in the padded image" };
    case "overlaps": {
      const windows = new Set(mine.map((p) => `(${p.i},${p.j})`));
      const list = windows.size ? `: ${[...windows].join(" ")}` : "; so its gradient is 0";
      return { name: nameOf(g, "x", k), terms: null, value: null, remark: `under ${value} window${value === 1 ? "" : "s"}${list}` };
    }
    case "dilated":
      return { name, terms: null, value, remark: mine.length ? `${dyAt(mine[0])[0]} at its place` : zeroOfDilated(g, k) };
    case "turned":
      return { name, terms: null, value, remark: `${weight(mine[0])[0]}, turned by 180 degrees` };
    case "dy":
      return { name, terms: null, value, remark: `if ${nameOf(g, "y", k)} grew by 1, L would grow by ${shown(value)}` };
    case "x": case "w": case "b":
      return { ...sumOf(g, products, values, `d${array}`, k, window), remark: `${name} = ${shown(value)}` };
    default: // What a piece of code claims, what a difference says.
      return { name, terms: null, value, remark: "" };
  }
};

/** Why a number of the dilated dy is 0. */
const zeroOfDilated = (g, k) => {
  const [, r, q] = indices(shapeOf(g, "dilated"), k);
  const where = (at, border, outputs, stride) =>
    at < border ? "border" : at > border + (outputs - 1) * stride ? "after" : (at - border) % stride ? "between" : "";
  const [down, across] = [where(r, g.KH - 1, g.HO, g.SH), where(q, g.KW - 1, g.WO, g.SW)];
  if (down === "between" || across === "between") return "a zero that the stride puts between the rows and columns of dy";
  return "a zero around dy: beyond its edge no output asked for a pixel";
};
