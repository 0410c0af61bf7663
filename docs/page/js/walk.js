// Step, back, play; predict first.

/** The cells of a walk in their order: outputs and columns window by window. */
const orderOf = (walk) => {
  const size = values(walk).length;
  const positions = g.HO * g.WO;
  if (!["output", "column"].includes(SHAPES[walk])) return count(size);
  return count(positions).flatMap((at) => count(size / positions).map((rank) => rank * positions + at));
};

/** Goes so many cells on along the walk; tells whether there was one. */
const step = (by) => {
  const order = orderOf(state.walk);
  const at = state.at.array === state.walk ? order.indexOf(state.at.k) : by > 0 ? -1 : order.length;
  const next = at + by;
  if (next < 0 || next >= order.length) return false;
  choose(state.walk, order[next]);
  showProgress();
  return true;
};

const showProgress = () => {
  const order = orderOf(state.walk);
  const at = state.at.array === state.walk ? order.indexOf(state.at.k) : -1;
  $("progress").textContent = at < 0 ? `${order.length} cells` : `${at + 1} of ${order.length}`;
  $("back").disabled = at === 0;
  $("step").disabled = at === order.length - 1;
};

let timer = null;
const pause = () => {
  clearInterval(timer);
  timer = null;
  $("play").textContent = "Play";
};
const play = () => {
  if (timer !== null) return pause();
  $("play").textContent = "Pause";
  if (!step(1)) choose(state.walk, orderOf(state.walk)[0]);
  showProgress();
  timer = setInterval(() => step(1) || pause(), 1200);
};

/** Begins a walk at its first cell. */
const startWalk = (walk) => {
  pause();
  state.walk = walk;
  revealed.clear();
  showChoices();
  choose(walk, orderOf(walk)[0]);
  compute();
  showProgress();
};

/** What a reader may have thought who came to this number. */
const thought = (array, k, guess) => {
  if (guess === 0 && values(array)[k] !== 0) return "";
  if (isGradient(array)) {
    const found = engine.wrongs.filter((wrong, index) => wrong.gradient === array && same(engine.claim(index, array, k), guess));
    return found.length ? ` It is what comes out where ${found[0].what} (${found[0].name}).` : "";
  }
  if (array !== "y") return "";
  const mine = productsAt(g, products, array, k);
  const bias = values("b")[mine[0].o];
  if (same(guess, values("y")[k] - bias)) return " It is the sum without the bias.";
  const flipped = mine.reduce((sum, p) => {
    const w = values("w")[PLACES.weight(g, { ...p, u: g.KH - 1 - p.u, v: g.KW - 1 - p.v })];
    return sum + w * values("padded")[PLACES.padded(g, p)];
  }, bias);
  return same(guess, flipped) ? " It is what comes out with the kernel turned by 180 degrees; here it is laid on as it stands." : "";
};

const score = { right: 0, of: 0 };
const commit = (event) => {
  event.preventDefault();
  const { array, k } = state.at;
  if (!covered(array, k)) return step(1);
  const guess = parseNumber($("guess-number").value);
  if (guess === null) {
    $("guess-said").textContent = "Expected a number.";
    return;
  }
  const value = values(array)[k];
  const right = same(guess, value);
  const why = right ? "" : thought(array, k, guess);
  score.of += 1;
  score.right += right ? 1 : 0;
  reveal();
  $("guess-said").textContent = (right ? `Right: ${shown(value)}.` : `You said ${shown(guess)}; it is ${shown(value)}.${why}`) +
    ` (${score.right} of ${score.of} right)`;
  $("step").focus();
};
const reveal = () => {
  revealed.add(state.at.k);
  hinted = true;
  paint();
  look(state.at);
  showTrust();
};

const buildWalk = () => {
  $("step").addEventListener("click", () => {
    pause();
    step(1);
    // In predict-first mode the next number can be typed at once.
    if (covered(state.at.array, state.at.k)) $("guess-number").focus();
  });
  $("back").addEventListener("click", () => {
    pause();
    step(-1);
  });
  $("play").addEventListener("click", play);
  $("walk").addEventListener("change", () => {
    startWalk($("walk").value);
    document.querySelector(`button[data-walk=${state.walk}]`).closest("section").scrollIntoView();
  });
  for (const button of document.querySelectorAll("button[data-walk]")) {
    button.addEventListener("click", () => startWalk(button.dataset.walk));
  }
  $("predict").addEventListener("change", () => {
    state.predict = $("predict").checked;
    Object.assign(score, { right: 0, of: 0 });
    startWalk(state.walk === "dy" && state.predict ? "y" : state.walk);
  });
  $("guess").addEventListener("submit", commit);
  $("hint").addEventListener("click", () => {
    hinted = true;
    look(state.at);
  });
  $("give-up").addEventListener("click", () => {
    score.of += 1;
    reveal();
    $("step").focus();
  });
};
