// Tables of cells.
const $ = id => document.getElementById(id);
const range = n => Array.from({ length: n }, (_, i) => i);
const show = v => Number.isInteger(v) ? String(v) : String(+v.toPrecision(6));

// One table for each plane; cell(k) gives [text, classes].
function planes(box, name, title, count, rows, columns, heads, cell) {
  const parts = range(count).map(plane => {
    const caption = count > 1 || title.includes("[") ? `${title.replace("[]", `[${plane}]`)}` : title;
    const head = `<tr><td class="corner" hidden></td><th></th>${range(columns).map(q => `<th scope="col">${heads.columns(q)}</th>`).join("")}</tr>`;
    const body = range(rows).map(r => `<tr><th scope="row">${heads.rows(r)}</th>${range(columns).map(q => {
      const k = (plane * rows + r) * columns + q, [text, classes] = cell(k, r, q);
      return `<td tabindex="${r + q ? -1 : 0}" data-a="${name}" data-k="${k}" class="${classes}">${text}</td>`;
    }).join("")}</tr>`).join("");
    return `<div class="scroll"><table data-t="${name}"><caption>${caption}</caption><thead>${head.replace('<td class="corner" hidden></td>', "")}</thead><tbody>${body}</tbody></table></div>`;
  });
  $(box).innerHTML = parts.join("");
}
const plain = { rows: r => r, columns: q => q };

// Tables of the reader's own numbers.
function editor(name, title, count, rows, columns, values) {
  return range(count).map(plane => `<div class="scroll"><table><caption>${title.replace("[]", `[${plane}]`)}</caption><tbody>${range(rows).map(r =>
    `<tr>${range(columns).map(q => {
      const k = (plane * rows + r) * columns + q;
      return `<td data-a="${{ k: "w" }[name] ?? name}" data-k="${k}"><input inputmode="decimal" autocomplete="off" data-edit="${name}" data-k="${k}" value="${values[k]}" aria-label="${title.replace("[]", `[${plane}]`)} row ${r} column ${q}"></td>`;
    }).join("")}</tr>`).join("")}</tbody></table></div>`).join("");
}
