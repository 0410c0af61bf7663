// What the reader has set, and the address that holds it.
const SIZES = [["c", "channels"], ["f", "filters"], ["h", "rows"], ["w", "columns"], ["kh", "kernel rows"], ["kw", "kernel columns"],
  ["sh", "stride down"], ["sw", "stride across"], ["ph", "padding above, below"], ["pw", "padding left, right"]];
const PRESETS = {
  "the book's example": { c: 1, f: 1, h: 3, w: 4, kh: 2, kw: 3, sh: 1, sw: 1, ph: 0, pw: 0,
    x: [1, 0, 2, -1, 3, 1, 0, 2, 0, -2, 1, 1], k: [1, -1, 0, 2, 0, 1], b: [1], dy: [1, 2, -1, 3] },
  "padding": { c: 1, f: 1, h: 3, w: 3, kh: 2, kw: 3, sh: 1, sw: 1, ph: 1, pw: 1 },
  "stride 2": { c: 1, f: 1, h: 5, w: 5, kh: 3, kw: 3, sh: 2, sw: 2, ph: 0, pw: 0 },
  "rows left over": { c: 1, f: 1, h: 5, w: 6, kh: 2, kw: 3, sh: 2, sw: 2, ph: 0, pw: 0 },
  "one dimension": { c: 1, f: 1, h: 1, w: 5, kh: 1, kw: 3, sh: 1, sw: 1, ph: 0, pw: 0,
    x: [1, 2, 0, -1, 3], k: [2, -1, 1], b: [0], dy: [1, -2, 3] },
  "two channels, three filters": { c: 2, f: 3, h: 3, w: 3, kh: 2, kw: 2, sh: 1, sw: 1, ph: 0, pw: 0 },
  "everything uneven": { c: 2, f: 2, h: 5, w: 6, kh: 3, kw: 2, sh: 2, sw: 3, ph: 1, pw: 0 },
  "kernel of 1 x 1": { c: 2, f: 1, h: 2, w: 3, kh: 1, kw: 1, sh: 1, sw: 1, ph: 0, pw: 0 },
};
let state = {};
const outSize = g => [Math.floor((g.h + 2 * g.ph - g.kh) / g.sh) + 1, Math.floor((g.w + 2 * g.pw - g.kw) / g.sw) + 1];
const lengths = g => { const [ho, wo] = outSize(g); return { x: g.c * g.h * g.w, k: g.f * g.c * g.kh * g.kw, b: g.f, dy: g.f * ho * wo }; };

// Small integers, never 0, the same for the same sizes and seed.
function fill(g, seed) {
  let s = seed >>> 0 || 1;
  const draw = () => { s = (Math.imul(s, 1664525) + 1013904223) >>> 0; const k = (s >>> 16) % 8; return k < 4 ? k - 4 : k - 3; };
  for (const [name, length] of Object.entries(lengths(g))) if (!g[name] || g[name].length !== length) g[name] = Array.from({ length }, draw);
  return g;
}
function preset(name, seed = 7) { return fill({ wrong: "", step: Infinity, ...structuredClone(PRESETS[name]) }, seed); }

function address(g, end) {
  const lists = ["x", "k", "b", "dy"].map(name => `${name}=${g[name].join(",")}`);
  const parts = [...SIZES.map(([name]) => `${name}=${g[name]}`), ...lists];
  if (g.wrong) parts.push(`wrong=${g.wrong}`);
  if (g.step < end) parts.push(`step=${g.step}`);
  return "#" + parts.join("&");
}
// The state in an address, or null. What is missing or makes no sense is filled.
function fromAddress(hash) {
  const pairs = new Map(hash.replace(/^#/, "").split("&").map(part => part.split("=")));
  if (!pairs.has("h")) return null;
  const g = { wrong: engine.wrongs.some(w => w.name === pairs.get("wrong")) ? pairs.get("wrong") : "" };
  for (const [name] of SIZES) g[name] = Math.min(12, Math.max(0, parseInt(pairs.get(name) ?? "1", 10) || 0));
  for (const name of ["x", "k", "b", "dy"]) {
    const values = (pairs.get(name) ?? "").split(",").map(Number);
    if (values.every(Number.isFinite) && pairs.has(name)) g[name] = values;
  }
  const step = parseInt(pairs.get("step") ?? "", 10);
  g.step = Number.isNaN(step) ? Infinity : Math.max(0, step);
  return fill(g, 7);
}
