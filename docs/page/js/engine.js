// The engine: its WebAssembly module, which holds the numbers of one convolution and computes all the others.

/** The arrays of the module, in its order (`Array` in docs/page/src/session.rs). */
const ARRAYS = ["x", "w", "b", "dy", "padded", "columns", "y", "db", "dw", "dcolumns", "dx", "overlaps", "dilated", "turned",
  "dx-so-far", "dw-so-far", "db-so-far", "dx-claimed", "dw-claimed", "db-claimed", "dx-difference", "dw-difference",
  "db-difference", "noticed", "sizes"];
const GRADIENTS = ["dx", "dw", "db"];

const loadEngine = async () => {
  const packed = Uint8Array.from(atob(document.getElementById("module").textContent.trim()), (c) => c.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const { instance } = await WebAssembly.instantiate(await new Response(unpacked).arrayBuffer());
  const module = instance.exports;

  const text = () =>
    new TextDecoder().decode(new Uint8Array(module.memory.buffer, module.text_pointer(), module.text_length()));
  // Names until there is none of the next number.
  const names = (name) => {
    const all = [];
    while (name(all.length)) all.push(text());
    return all;
  };
  const numbers = (array) => {
    const id = ARRAYS.indexOf(array);
    return [...new Float64Array(module.memory.buffer, module.pointer(id), module.length(id))];
  };
  return {
    /** All numbers of an array, as they are now. */
    numbers,
    put: (array, k, value) => module.put(ARRAYS.indexOf(array), k, value),
    /** Takes new sizes; returns what is wrong with them, if anything is. */
    resize: (sizes) => (module.resize(...sizes) ? "" : text()),
    run: (until, wrong, eps) => module.run(until, wrong, eps),
    /** L with number k of x, w or b moved by a shift. */
    loss: (gradient, k, shift) => module.loss(GRADIENTS.indexOf(gradient), k, shift),
    claim: (wrong, gradient, k) => module.claim(wrong, GRADIENTS.indexOf(gradient), k),
    /** What a check notices about a wrong backward pass (-1: about the right one), or null. */
    check: (check, wrong) => {
      if (!module.check(check, wrong)) return null;
      const [gradient, cell, expected, got] = numbers("noticed");
      return { gradient: GRADIENTS[gradient], cell, expected, got };
    },
    wrongs: names(module.wrong_name).map((line) => {
      const [name, gradient, what] = line.split("\t");
      return { name, gradient, what };
    }),
    checks: names(module.check_name),
  };
};
