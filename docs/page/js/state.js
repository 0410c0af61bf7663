// What the reader has chosen: sizes, numbers, a cell, a walk, a mistake. All of it is in the page's address.

/** What `loadEngine` gives. */
let engine;

/** The sizes in the module's order: key, field, and the preset's default. */
const SIZES = ["c", "f", "h", "w", "kh", "kw", "sh", "sw", "ph", "pw"];
const GIVEN = ["x", "w", "b", "dy"];
const WALKS = ["y", "dy", "db", "dw", "dcolumns", "dx"];
const LARGEST = 9999;

/** Puzzles: sizes, what else they choose, and a question. */
const PRESETS = {
  start: {
    name: "A leftover row",
    sizes: [1, 1, 6, 5, 3, 3, 2, 2, 0, 1],
    x: [2, 0, 1, 3, 1, 1, 2, 0, 1, 2, 0, 1, 3, 2, 0, 2, 1, 0, 1, 1, 3, 0, 2, 1, 0, 1, 1, 0, 2, 3],
    w: [1, 0, -1, 2, 1, 0, -1, 3, 1],
    b: [1],
    dy: [1, -1, 2, 3, 1, -2],
    ask: "Stride 2 leaves the last row of x over. Before you look: what is dx there? And in the corner dx[0,0]?",
  },
  plain: {
    name: "Plain",
    sizes: [1, 1, 4, 4, 3, 3, 1, 1, 0, 0],
    x: [1, 2, 0, 1, 0, 1, 3, 2, 2, 0, 1, 1, 1, 1, 2, 0],
    w: [1, 0, 2, -1, 1, 0, 0, 3, -2],
    b: [0],
    dy: [1, 2, -1, 3],
    ask: "Stride 1, no padding. A corner pixel lies under one window, a middle pixel under four. Predict dx in a corner, then in the middle.",
  },
  stride: {
    name: "Stride 2",
    sizes: [1, 1, 5, 5, 3, 3, 2, 2, 0, 0],
    ask: "The windows step over every second pixel. Which pixels does weight w[1,1] ever meet? They alone make dw[1,1].",
  },
  leftover: {
    name: "Leftovers both ways",
    sizes: [1, 1, 6, 7, 2, 3, 3, 3, 0, 0],
    ask: "Some rows and columns lie between the windows, some behind the last. Where is dx 0, whatever dy is?",
  },
  padding: {
    name: "Padding",
    sizes: [1, 1, 3, 4, 3, 3, 1, 1, 1, 1],
    ask: "Weight w[0,0] meets the frame of zeros in the first row and column. What does dw[0,0] get from there?",
  },
  channels: {
    name: "Two channels",
    sizes: [2, 2, 3, 3, 2, 2, 1, 1, 0, 0],
    ask: "Four kernels, w[o,c]. Which channel of dy and which of x make dw[1,0]? Which kernels make dx of channel 0?",
  },
  point: {
    name: "Kernel 1 × 1",
    sizes: [2, 2, 2, 3, 1, 1, 1, 1, 0, 0],
    ask: "A product of matrices at every pixel. What is left of the flip? (Turn the kernel of section 6 in your mind.)",
  },
  apart: {
    name: "A test that passes wrong code",
    sizes: [1, 1, 4, 6, 2, 2, 2, 2, 0, 0],
    wrong: "dx-assigned",
    look: "dx",
    ask: "Windows that do not overlap, and a col2im that assigns where it should add: no cell is wrong here. Which check in section 7 notices all the same? Then set the stride to 1.",
  },
};

const state = {
  sizes: [], numbers: { x: [], w: [], b: [], dy: [] },
  at: { array: "y", k: 0 }, window: 0, walk: "y", predict: false, wrong: "", look: "dx", eps: 1, theme: "auto",
};

/** Small numbers without a pattern, -3 to 4 but never 0: the same for the same place, so that a link needs no luck. */
const pattern = (seed) => {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    const k = (s >>> 16) % 7;
    return k < 3 ? k - 3 : k - 2;
  };
};

/** How many numbers x, w, b and dy have at the sizes that the engine took. */
const counts = (g) => ({ x: g.C * g.H * g.W, w: g.F * g.C * g.KH * g.KW, b: g.F, dy: g.F * g.HO * g.WO });

/** A reader's number, or null: minus signs and decimal commas of all kinds are understood. */
const parseNumber = (text) => {
  const plain = text.trim().replace(/[−–]/g, "-").replace(",", ".");
  const value = Number(plain);
  return plain !== "" && Number.isFinite(value) && Math.abs(value) <= LARGEST ? value : null;
};

const toAddress = () => {
  const s = state.sizes;
  const parts = {
    channels: `${s[0]}x${s[1]}`, size: `${s[2]}x${s[3]}`, kernel: `${s[4]}x${s[5]}`, stride: `${s[6]}x${s[7]}`,
    padding: `${s[8]}x${s[9]}`,
  };
  for (const array of GIVEN) parts[array] = state.numbers[array].join(",");
  Object.assign(parts, { at: `${state.at.array}.${state.at.k}`, window: state.window, walk: state.walk, look: state.look });
  if (state.predict) parts.predict = 1;
  if (state.wrong) parts.wrong = state.wrong;
  if (state.eps !== 1) parts.eps = state.eps;
  if (state.theme !== "auto") parts.theme = state.theme;
  return "#" + Object.entries(parts).map(([key, value]) => `${key}=${value}`).join("&");
};

/** What an address asks for, and what in it was not understood. */
const fromAddress = (address) => {
  const asked = new Map(address.replace(/^#/, "").split("&").map((part) => part.split("=")));
  const wishes = { numbers: {}, complaints: [] };
  const pairs = ["channels", "size", "kernel", "stride", "padding"].map((key) => asked.get(key));
  if (pairs.some((pair) => pair !== undefined)) {
    const sizes = pairs.flatMap((pair) => (/^\d{1,3}x\d{1,3}$/.test(pair ?? "") ? pair.split("x").map(Number) : [NaN, NaN]));
    if (sizes.every(Number.isFinite)) wishes.sizes = sizes;
    else wishes.complaints.push("the address: expected channels, size, kernel, stride and padding, each as 3x3");
  }
  for (const array of GIVEN) {
    if (!asked.has(array)) continue;
    const numbers = asked.get(array).split(",").map((text) => parseNumber(text));
    if (numbers.includes(null)) wishes.complaints.push(`the address: ${array} has something in it that is no number up to ${LARGEST}`);
    else wishes.numbers[array] = numbers;
  }
  const among = (key, known) => {
    if (known.includes(asked.get(key))) wishes[key] = asked.get(key);
    else if (asked.has(key)) wishes.complaints.push(`the address: ${key} = ${asked.get(key).slice(0, 30)}, expected one of ${known.join(", ")}`);
  };
  among("walk", WALKS);
  among("look", GRADIENTS);
  among("theme", ["auto", "light", "dark"]);
  among("wrong", engine.wrongs.map((wrong) => wrong.name));
  among("eps", ["1", "0.1", "0.001", "0.000001"]);
  const [array, k] = (asked.get("at") ?? "").split(".");
  if (SHAPES[array]) wishes.at = { array, k: Number(k) };
  if (/^\d+$/.test(asked.get("window") ?? "")) wishes.window = Number(asked.get("window"));
  wishes.predict = asked.get("predict") === "1";
  return wishes;
};
