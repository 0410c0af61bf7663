"""Opens docs/convolution.html in headless Chromium: python lesson_page.py PAGE SETTINGS.json [FOLDER FOR SCREENSHOTS]

Each setting names an address and what the engine computed for it: every panel and every difference must show these numbers.
Some are set by the page's own controls as well. Then every control is used once, by pointer and by keyboard, at two widths,
light and dark.
"""

import json
import sys
from pathlib import Path

from browser import Watched, chromium

PANELS = ["padded", "columns", "y", "db", "dw", "dcolumns", "dx", "overlaps", "dilated", "turned", "gathered"]
READ = """name => [...new Map([...document.querySelectorAll(`table:not(.patch) td[data-a="${name}"]`)]
    .map(td => [td.dataset.k, td.textContent])).values()].map(Number)"""
LOOK = """name => [...document.querySelectorAll(`table:not(.patch) td[data-a="${name}"]`)].map(td => {
    td.focus(); return Number(document.querySelector("[data-difference]").textContent); })"""


def near(a, b):
    """Integers exactly; others to the six digits that are shown."""
    return len(a) == len(b) and all(x == y or (y % 1 and abs(x - y) <= 1e-5 * max(1, abs(y))) for x, y in zip(a, b))


def compare(page, setting, how):
    for name in PANELS:
        shown = page.evaluate(READ, name)
        assert near(shown, setting["panels"][name]), (how, setting["address"], name, shown, setting["panels"][name])
    for name in ["dx", "dw", "db"]:
        shown = page.evaluate(LOOK, name)
        assert near(shown, setting["differences"][name]), (how, setting["address"], name, shown)
    rows = page.locator("#checks tbody tr td:nth-child(2)").all_inner_texts()
    assert [text == "yes" for text in rows] == setting["noticed"], (how, setting["address"], rows)


def by_hand(page, setting):
    """Sets everything with the page's controls, the kernel last so that it fits on the way."""
    for name in ["kh", "kw"]:
        page.locator(f'[data-size="{name}"]').fill("1")
        page.locator(f'[data-size="{name}"]').press("Tab")
    for name in ["ph", "pw", "h", "w", "kh", "kw", "c", "f", "sh", "sw"]:
        page.locator(f'[data-size="{name}"]').fill(str(setting["sizes"][name]))
        page.locator(f'[data-size="{name}"]').press("Tab")
        assert page.locator("#error").inner_text() == "", page.locator("#error").inner_text()
    for name in ["x", "k", "b", "dy"]:
        for k, number in enumerate(setting["numbers"][name]):
            page.locator(f'[data-edit="{name}"][data-k="{k}"]').fill(str(int(number)))
    page.locator("h1").click()
    page.locator(f'#wrongs input[value="{setting["wrong"]}"]').check()


def controls(page, path):
    page.goto(path)
    count = int(page.locator("#position").get_attribute("max"))
    page.locator("#start").click()
    assert page.locator("td.future").count() > 10 and page.locator("#back").is_disabled()
    assert page.evaluate(READ, "padded")[0] == 1
    for _ in range(count):
        page.locator("#step").click()
    assert page.locator("td.future").count() == 0 and page.locator("#phase").inner_text() == "All done"
    page.locator("#back").click()
    assert page.locator("td.future").count() == 1, "the last gathered pixel"
    page.locator("#start").click()
    page.locator("#play").click()
    page.locator("#back:enabled").wait_for()
    page.locator("#play").click()
    stood = page.locator("#position").input_value()
    page.wait_for_timeout(700)
    assert page.locator("#position").input_value() == stood != "0", "paused"
    page.locator("#end").click()
    page.locator("#position").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#position").input_value() == str(count - 1)
    assert f"step={count - 1}" in page.url
    page.reload()
    assert page.locator("#position").input_value() == str(count - 1), "the address holds the step"
    page.locator("#end").click()

    # Predict first: wrong, then right.
    page.locator("#predict").check()
    cell = page.locator('table td[data-a="dx"][data-k="5"]')
    assert cell.inner_text() == "?"
    cell.click()
    assert "What is dx[0,1,1]?" in page.locator("#commit").inner_text()
    page.locator("#guess").fill("seven")
    page.keyboard.press("Enter")
    assert "expected a number" in page.locator("#sum").inner_text() and cell.inner_text() == "?"
    page.locator("#guess").fill("7")
    page.keyboard.press("Enter")
    assert page.locator("#sum").inner_text().startswith("Not 7. dx[0,1,1] = 0 + 4 + 1 + 3 = 8; difference")
    assert cell.inner_text() == "8"
    page.locator('table td[data-a="y"][data-k="0"]').focus()
    page.keyboard.press("Enter")
    page.locator("#guess").fill("8")
    page.locator("#commit button").click()
    assert page.locator("#sum").inner_text().startswith("Right. y[0,0,0] = 1 + 1·1")
    page.locator("#reveal").click()
    assert page.locator("td.covered").count() == 0

    # Arrow keys; what is linked lights up.
    page.locator('table td[data-a="dx"][data-k="0"]').focus()
    for key, k in [("ArrowRight", 1), ("ArrowDown", 5), ("ArrowLeft", 4), ("ArrowUp", 0), ("End", 3), ("Home", 0)]:
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.dataset.k") == str(k), key
    page.locator('table td[data-a="dx"][data-k="5"]').hover()
    lit = page.locator('table:not(.patch) td.from[data-a="columns"]').evaluate_all("all => all.map(td => td.dataset.k)")
    assert sorted(map(int, lit)) == [3, 6, 13, 16], lit

    # A mistake: crossed cells, and the checks say who notices.
    page.locator('#wrongs input[value="dx-flipped"]').check()
    assert page.locator("#verdict").inner_text() == "dx is wrong now." and page.locator("td.wrong").count() > 3
    page.locator('table td[data-a="dx"][data-k="1"]').hover()
    assert "they disagree" in page.locator("#sum").inner_text()
    page.locator('#wrongs input[value="dx-first"]').check()
    assert "it hides" in page.locator("#verdict").inner_text()
    page.locator('#wrongs input[value=""]').check()

    # Numbers, sizes and presets; what makes no sense is said and changes nothing.
    before = page.evaluate(READ, "dx")
    page.locator('[data-edit="x"][data-k="0"]').fill("many")
    page.locator("h1").click()
    assert page.locator("#error").inner_text() == "many: expected a number"
    page.locator('[data-size="kh"]').fill("9")
    page.keyboard.press("Tab")
    assert "does not fit" in page.locator("#error").inner_text() and page.evaluate(READ, "dx") == before
    page.locator('[data-size="sh"]').fill("0")
    page.keyboard.press("Tab")
    assert "expected 1 to 12" in page.locator("#error").inner_text()
    for preset in page.locator("#preset option").all_inner_texts()[1:]:
        page.locator("#preset").select_option(preset)
        assert page.locator("#error").inner_text() == "", preset
        assert page.evaluate(READ, "dx") == page.evaluate(READ, "gathered"), preset
    page.locator("#random").click()
    assert page.locator("#error").inner_text() == ""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != colour
    unlabelled = page.evaluate("""[...document.querySelectorAll("input, select, button")].filter(one => one.offsetParent &&
        !(one.labels?.length || one.ariaLabel || one.textContent.trim())).length""")
    assert unlabelled == 0, unlabelled
    assert page.evaluate("[...document.querySelectorAll('table')].every(table => table.caption)"), "a table without a caption"


def main():
    path = Path(sys.argv[1]).resolve().as_uri()
    settings = json.loads(Path(sys.argv[2]).read_text())
    screenshots = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with chromium() as browser:
        watched = Watched(browser, 1280)
        for n, setting in enumerate(settings):
            watched.page.goto("about:blank")
            watched.page.goto(path + setting["address"])
            compare(watched.page, setting, "by address")
            if n % 6 == 0:
                watched.page.goto("about:blank")
                watched.page.goto(path)
                by_hand(watched.page, setting)
                compare(watched.page, setting, "by hand")
        watched.requests = [url for url in watched.requests if url != "about:blank"]
        watched.close()
        print(f"{len(settings)} settings agree")
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                watched = Watched(browser, width, scheme)
                controls(watched.page, path)
                assert watched.page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
                if screenshots:
                    watched.page.screenshot(path=screenshots / f"page-{width}-{scheme}.png", full_page=True)
                watched.close()
                print(f"{width} pixels, {scheme}: every control")


main()
