// The module: the kernels that train, compiled to WebAssembly. Arrays by name, see docs/page/src/lib.rs.
const ARRAYS = ["x", "w", "b", "dy", "padded", "columns", "y", "db", "dw", "dcolumns", "dx", "overlaps", "dilated", "turned", "gathered"];
const engine = (() => {
  const bytes = Uint8Array.from(atob(document.getElementById("module").textContent.trim()), c => c.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  // A view is made anew for each use: the memory moves when it grows.
  const view = name => {
    const array = ARRAYS.indexOf(name);
    return new Float64Array(exports.memory.buffer, exports.pointer(array), exports.length(array));
  };
  const text = (kind, i) => {
    const length = exports.text(kind, i);
    return new TextDecoder().decode(new Uint8Array(exports.memory.buffer, exports.text_pointer(), length));
  };
  const list = make => { const all = []; for (let i = 0, one; (one = make(i)); i++) all.push(one); return all; };
  const wrongs = list(i => text(0, i) && { name: text(0, i), what: text(1, i), gradient: text(2, i) });
  const checks = list(i => text(3, i));
  // "" when the sizes go together, else what is wrong with them.
  const resize = g => exports.resize(g.c, g.f, g.h, g.w, g.kh, g.kw, g.sh, g.sw, g.ph, g.pw) ? "" : text(4, 0);
  const run = wrong => exports.run(wrong);
  const get = name => Array.from(view(name));
  const set = (name, values) => view(name).set(values);
  const difference = (name, k) => exports.difference(ARRAYS.indexOf(name), k);
  const check = (i, wrong) => exports.check(i, wrong) === 0 ? null :
    { gradient: ["dx", "dw", "db"][exports.found(0)], cell: exports.found(1), expected: exports.found(2), got: exports.found(3) };
  return { wrongs, checks, resize, run, get, set, difference, check };
})();
