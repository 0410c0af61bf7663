"use strict";
// The maps: a dot shows its glyph, an alphabet can be looked at alone. Everything else works without a script.
{
  const look = document.getElementById("look");
  const words = look.querySelector("p");
  const image = look.querySelector(".glyph");
  const [columns, rows] = [Number(look.dataset.columns), Number(look.dataset.rows)];
  const maps = [...document.querySelectorAll("#map svg")];
  const share = (at, count) => (100 * at) / (Math.max(count, 2) - 1);

  // The words of a dot: its title, which would cover the map if the browser showed it too.
  for (const dot of document.querySelectorAll("#map .dot")) {
    const title = dot.querySelector("title");
    dot.dataset.words = title.textContent;
    title.remove();
  }

  const show = (dot) => {
    const glyph = Number(dot.dataset.glyph);
    image.style.backgroundPosition = `${share(glyph % columns, columns)}% ${share(Math.floor(glyph / columns), rows)}%`;
    words.textContent = dot.dataset.words;
    look.classList.add("chosen");
    for (const on of document.querySelectorAll("#map .dot.on")) on.classList.remove("on");
    for (const same of document.querySelectorAll(`#map .dot[data-glyph="${glyph}"]`)) {
      same.classList.add("on");
      // On top of its neighbours.
      same.parentNode.insertBefore(same, same.parentNode.querySelector(".key"));
    }
  };

  const middle = (dot) => {
    const box = dot.getBBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };

  // The nearest dot in a direction: ahead, and not further to the side than ahead.
  const next = (map, from, [dx, dy]) => {
    const [x, y] = middle(from);
    let best = null;
    let least = Infinity;
    for (const dot of map.querySelectorAll(map.classList.contains("alone") ? ".dot.member" : ".dot")) {
      const [ox, oy] = middle(dot);
      const ahead = (ox - x) * dx + (oy - y) * dy;
      const aside = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
      if (dot !== from && ahead > 0 && aside <= ahead && ahead + aside < least) [best, least] = [dot, ahead + aside];
    }
    return best;
  };

  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  for (const map of maps) {
    map.setAttribute("tabindex", "0");
    map.setAttribute("role", "application");
    // A dot that is brought to the top arrives under a pointer that has not moved: that chooses nothing.
    let last = "";
    map.addEventListener("pointerover", (event) => {
      const here = `${event.clientX} ${event.clientY}`;
      if (here !== last && event.target.classList.contains("dot")) show(event.target);
      last = here;
    });
    map.addEventListener("click", (event) => {
      if (event.target.classList.contains("dot")) show(event.target);
    });
    map.addEventListener("keydown", (event) => {
      const direction = directions[event.key];
      if (!direction || event.target !== map) return;
      event.preventDefault();
      const from = map.querySelector(".dot.on");
      const dot = from ? next(map, from, direction) : map.querySelector(".dot");
      if (dot) show(dot);
    });
    for (const key of map.querySelectorAll(".key")) {
      key.setAttribute("tabindex", "0");
      key.setAttribute("role", "button");
      key.setAttribute("aria-pressed", "false");
      const toggle = () => {
        const pressed = key.getAttribute("aria-pressed") !== "true";
        for (const other of map.querySelectorAll(".key")) other.setAttribute("aria-pressed", String(pressed && other === key));
        map.classList.toggle("alone", pressed);
        for (const dot of map.querySelectorAll(".dot")) {
          dot.classList.toggle("member", pressed && dot.dataset.alphabet === key.dataset.alphabet);
        }
      };
      key.addEventListener("click", toggle);
      key.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle();
      });
    }
  }
}
