"""Opens every page of the built book in headless Chromium: python book_pages.py BOOK [FOLDER FOR SCREENSHOTS]

No word on the console, no request but for files, formulas and figures visible, no scrolling sideways at 1280 and 390 pixels;
answers unfold, and the theme can be changed.
"""

import sys
from pathlib import Path

from browser import Watched, chromium

VISIBLE = """selector => [...document.querySelectorAll(selector)].filter(one => !one.closest("details")).map(one => {
    const box = one.getBoundingClientRect(); return box.width * box.height; })"""


def check(browser, path, width, screenshots):
    watched = Watched(browser, width)
    page = watched.page
    page.goto(path.resolve().as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path.name} scrolls sideways"
    maths, figures = page.evaluate(VISIBLE, "main math"), page.evaluate(VISIBLE, "main figure svg")
    assert all(area > 20 for area in maths), (path.name, maths)
    assert all(area > 5000 for area in figures), (path.name, figures)
    images = page.evaluate("[...document.querySelectorAll('main img')].map(image => image.naturalWidth)")
    assert all(images), (path.name, images)
    answers = page.locator("main details")
    for k in range(answers.count()):
        answers.nth(k).locator("summary").click()
        assert answers.nth(k).evaluate("one => one.open && one.scrollHeight > 40"), path.name
    if screenshots:
        page.screenshot(path=screenshots / f"{path.stem}-{width}.png", full_page=True)
    if path.name == "index.html":
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        before = page.evaluate(ground)
        page.locator("#mdbook-theme-toggle, #theme-toggle").first.click()
        page.get_by_role("menuitem", name="Navy").click()
        assert page.evaluate(ground) != before, "the theme stays"
    watched.close()
    print(f"{path.name}, {width} pixels: {len(maths)} formulas, {len(figures)} figures")


def main():
    book = Path(sys.argv[1])
    screenshots = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    pages = sorted(path for path in book.glob("*.html") if path.name not in ("404.html", "toc.html", "convolution.html"))
    assert len(pages) >= 16, pages
    with chromium() as browser:
        for path in pages:
            for width in (1280, 390):
                check(browser, path, width, screenshots)


main()
