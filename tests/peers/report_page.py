"""Opens a run's report.html in headless Chromium: python report_page.py RUN [FOLDER FOR SCREENSHOTS]

At 1280 and 390 pixels, light and dark: nothing on the console, no request but for the file itself, no scrolling sideways,
every plot there and of some size, a pointer on a dot and the arrow keys show its glyph, an alphabet can be looked at alone.
"""

import sys
from pathlib import Path

from browser import Watched, chromium


def check(browser, run, width, scheme, screenshots):
    watched = Watched(browser, width, scheme)
    page = watched.page
    page.goto((run / "report.html").resolve().as_uri())
    if screenshots:
        page.screenshot(path=screenshots / f"{width}-{scheme}.png", full_page=True)

    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    plots = [path.stem for path in run.glob("*.svg")]
    assert len(plots) >= 15, plots
    for plot in plots:
        box = page.locator(f"#plot-{plot}").bounding_box()
        assert box and box["width"] > 150 and box["height"] > 100, (plot, box)
    # Words can be read: none is smaller than 10 pixels on the screen.
    smallest = page.evaluate("""() => Math.min(...[...document.querySelectorAll("figure svg")].map(svg => {
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return scale * Math.min(...[...svg.querySelectorAll("text")].map(t => parseFloat(getComputedStyle(t).fontSize)));
    }))""")
    assert smallest >= 10, smallest

    words = page.locator("#look p")
    for name in ("map-pca", "map-t-sne"):
        # The last dots lie on top.
        dot = page.locator(f"#plot-{name} .dot").last
        dot.scroll_into_view_if_needed()
        dot.hover()
        shown = words.inner_text()
        assert "drawer" in shown and shown == dot.get_attribute("data-words"), shown
        ink = page.evaluate("""async () => {
            const glyph = document.querySelector("#look .glyph"), style = getComputedStyle(glyph);
            const image = new Image();
            image.src = style.backgroundImage.slice(5, -2);
            await image.decode();
            const { columns, rows } = document.querySelector("#look").dataset;
            const [x, y] = style.backgroundPosition.split(" ").map(parseFloat);
            const [w, h] = [image.width / columns, image.height / rows];
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [w, h];
            const context = canvas.getContext("2d");
            context.drawImage(image, -x / 100 * (image.width - w), -y / 100 * (image.height - h));
            return [...context.getImageData(0, 0, w, h).data].filter((v, i) => i % 4 === 0 && v < 128).length / (w * h);
        }""")
        assert 0.005 < ink < 0.5, f"the glyph has {ink} of ink"
        page.locator(f"#plot-{name}").focus()
        moved = set()
        for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
            page.keyboard.press(key)
            moved.add(words.inner_text())
        assert len(moved) > 1, moved
        assert page.locator(f"#plot-{name} .dot.on").count() == 1
        key = page.locator(f"#plot-{name} .key").first
        key.focus()
        page.keyboard.press("Enter")
        assert key.get_attribute("aria-pressed") == "true"
        members = page.locator(f"#plot-{name} .dot.member").count()
        assert 0 < members < page.locator(f"#plot-{name} .dot").count()
        page.keyboard.press("Space")
        assert key.get_attribute("aria-pressed") == "false"
    page.locator("summary").last.click()
    assert page.locator("pre").is_visible()
    print(f"{width} pixels, {scheme}: {len(plots)} plots, words of {smallest:.1f} pixels and more")
    watched.close()


def main():
    run = Path(sys.argv[1])
    screenshots = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with chromium() as browser:
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                check(browser, run, width, scheme, screenshots)


main()
