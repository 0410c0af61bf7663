//! The few pieces of HTML that the page is made of.

use crate::run::plots::{escape, themed};

/// A table; the first cell of each row is its heading.
pub(super) fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))).collect();
    let row = |cells: &Vec<String>| {
        let (first, others) = cells.split_first().map_or(("", &[][..]), |(first, others)| (first, others));
        let others: String = others.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        format!("<tr><th scope=\"row\">{}</th>{others}</tr>\n", escape(first))
    };
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table><caption><span>{caption}</span></caption>\
         <thead><tr>{head}</tr></thead><tbody>\n{}</tbody></table></div>\n",
        rows.iter().map(row).collect::<String>(),
        caption = escape(caption),
    )
}

/// A picture in the page's colours, and below it what it shows.
pub(super) fn figure(name: &str, svg: &str, caption: &str) -> String {
    let label = format!("<svg id=\"plot-{name}\" role=\"img\" aria-label=\"{}\"", escape(caption));
    format!(
        "<figure>{}<figcaption>{}</figcaption></figure>\n",
        themed(svg).replacen("<svg", &label, 1),
        escape(caption)
    )
}

/// A part of the page, with the name that the contents link to.
pub(super) fn section(id: &str, title: &str, body: &str) -> String {
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{title}</h2>\n{body}</section>\n"
    )
}

/// What only some readers want to see.
pub(super) fn details(title: &str, body: &str) -> String {
    format!("<details><summary>{}</summary>{body}</details>\n", escape(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_text() {
        let evil = "<img src=x onerror=alert(1)>\"";
        let pieces = [
            table(evil, &[evil], &[vec![evil.into(), evil.into()]]),
            figure("loss", "<svg width=\"1\"></svg>", evil),
            details(evil, ""),
        ];
        assert!(pieces.iter().all(|piece| !piece.contains("<img") && !piece.contains("\"\"")), "{pieces:?}");
    }
}
