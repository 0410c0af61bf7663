"""Opens docs/convolution.html in headless Chromium: python drive.py PAGE EXPECTED.json [FOLDER FOR SCREENSHOTS]

EXPECTED.json holds settings and what the native engine says of them. Each is set by the address or by the controls; every
number of every panel is read from its table and compared, exactly. Then every control, at two widths, light and dark.
"""

import json
import random
import re
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSERS = ["/usr/bin/chromium", "/usr/bin/google-chrome"]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
PAIRS = {"channels": "cf", "size": "hw", "kernel": ("kh", "kw"), "stride": ("sh", "sw"), "padding": ("ph", "pw")}
GIVEN = ["x", "w", "b", "dy"]

# What each panel has to show, whole. The padded image shows x where x is, and "padded" around it.
PANELS = {
    "forward-tables": ["x", "padded", "w", "b", "y"],
    "columns-tables": ["w", "columns", "b", "y"],
    "upstream-tables": ["dy", "db", "db-so-far"],
    "weight-tables": ["dy", "columns", "dw", "dw-so-far"],
    "dcolumns-tables": ["dy", "w", "dcolumns"],
    "scatter-tables": ["stamp", "dx-so-far", "dx", "overlaps"],
    "gather-tables": ["dilated", "turned", "dx"],
}

READ = """panel => [...document.querySelectorAll(`#${panel} td[data-array]`)].map(td => {
    const input = td.querySelector("input");
    return [td.dataset.array, Number(td.dataset.k), td.dataset.value, input ? input.value : td.textContent];
})"""
# The sum and the difference of each of some cells, as the pointer comes and goes.
POINT = """cells => cells.map(cell => {
    const td = document.querySelector(`td[data-array="${cell[0]}"][data-k="${cell[1]}"]`);
    td.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
    const links = [...document.querySelectorAll("#dcolumns-tables td.link[data-array=dcolumns]")].map(td => Number(td.dataset.value));
    const said = ["numbers", "symbols", "difference"].map(id => document.getElementById(id).textContent);
    td.dispatchEvent(new PointerEvent("pointerout", { bubbles: true, pointerType: "mouse" }));
    return [...said, links];
})"""


def number(text):
    return float(text.replace("−", "-").replace("·10^", "e"))


def close(a, b):
    return abs(a - b) <= 1e-6 * max(1, abs(a), abs(b))


def evaluate(terms):
    """The value of "1 + (−1)·2 + 3·0"."""
    assert re.fullmatch(r"[\d.()+·− ]+", terms), terms
    total = 0
    for term in terms.split(" + "):
        product = 1
        for factor in term.split("·"):
            product *= number(factor.strip("()"))
        total += product
    return total


def address(setting):
    parts = [f"{key}={setting[key][0]}x{setting[key][1]}" for key in PAIRS]
    parts += [f"{array}={','.join(f'{value:g}' for value in setting['arrays'][array])}" for array in GIVEN]
    parts += [f"window={setting['window']}", "at=dx.0", "walk=dx"]
    if setting["wrong"]:
        parts.append(f"wrong={setting['wrong']}")
    return "#" + "&".join(parts)


def set_by_controls(page, setting):
    """The kernel first to 1 x 1, which fits everything, and last to its size."""
    def size(key, values):
        for name, value in zip(PAIRS[key], values):
            page.locator(f"#size-{name}").fill(str(value))
            page.locator(f"#size-{name}").press("Tab")
    size("kernel", (1, 1))
    size("stride", (3, 3))
    size("padding", (0, 0))
    for key in ("channels", "size", "padding", "kernel", "stride"):
        size(key, setting[key])
    for array in GIVEN:
        panel = "upstream-tables" if array == "dy" else "forward-tables"
        for k, value in enumerate(setting["arrays"][array]):
            page.locator(f'#{panel} td[data-array="{array}"][data-k="{k}"] input').fill(f"{value:g}")
    page.locator("#wrong").select_option(setting["wrong"])
    page.locator(f'#columns-tables td[data-array="columns"][data-k="{setting["window"]}"]').click()


def compare_cells(page, panel, arrays, expected):
    """All numbers of some arrays in a panel; returns how many cells were read."""
    seen = {array: set() for array in arrays}
    cells = page.evaluate(READ, panel)
    for array, k, value, text in cells:
        assert array in seen, f"{panel}: {array} was not expected there"
        right = expected[array][k]
        seen[array].add(k)
        if array == "stamp" and value == "":
            assert right == 0 and text == "", (panel, array, k)
            continue
        assert float(value) == right, f"{panel}: {array} {k} is {value}, expected {right}"
        assert close(number(text), right), f"{panel}: {array} {k} shows {text}, expected {right}"
        assert right != int(right) or number(text) == right
    for array, there in seen.items():
        if array == "padded":
            # The rest of it is x.
            assert len(there) == len(expected["padded"]) - len(expected["x"])
        else:
            assert len(there) == len(expected[array]), f"{panel}: {len(there)} of {len(expected[array])} of {array}"
    return len(cells)


def compare_sums(page, setting, rng):
    """What is written about cells that the pointer is on."""
    arrays = setting["arrays"]
    cells = [[array, k] for array in ("y", "dw", "db", "dcolumns", "dx", "dx-so-far", "dw-so-far", "db-so-far", "x", "w", "b")
             for k in range(len(arrays[array]))]
    cells = rng.sample(cells, min(30, len(cells)))
    for (array, k), (numbers, symbols, difference, links) in zip(cells, page.evaluate(POINT, cells)):
        sums = "d" + array if array in ("x", "w", "b") else array
        terms, result = re.fullmatch(r".*?\] ?[a-z ]*= ([^=\]]*) = ([^=]+)", numbers).groups()
        right = arrays[sums][k]
        assert evaluate(terms) == right and number(result) == right, (array, k, numbers, right)
        assert len(symbols.split(" = ")[1].split(" + ")) == len(terms.split(" + ")), symbols
        if sums.endswith("so-far") or sums not in ("dx", "dw", "db"):
            assert difference == "", difference
        else:
            said = re.fullmatch(r"difference: \(L\(.*\) − L\(.*\)\) / 2 = \((.*) − (.*)\) / 2 = ([^;]+)(; .*)?", difference)
            more, less, quotient = (number(text.strip("()")) for text in said.groups()[:3])
            claimed = arrays[f"{sums}-claimed"][k]
            assert quotient == arrays[f"{sums}-difference"][k] == (more - less) / 2 == right, difference
            assert (said.group(4) is None) == close(claimed, right), difference
            assert claimed == right or close(number(said.group(4).split()[-1]), claimed), difference
        if array == "dx":
            assert sum(links) == right, f"the cells lit up for dx {k} add up to {sum(links)}"
        if array == "y":
            assert len(links) == len(arrays["w"]) // setting["channels"][1]


def compare_checks(page, setting):
    rows = page.locator("#checks tr").all_inner_texts()
    assert len(rows) == len(setting["checks"]) == 7
    for row, noticed in zip(rows, setting["checks"]):
        if noticed is None:
            assert row.endswith("lets it through" if setting["wrong"] else "agrees"), row
            continue
        gradient, got, expected = re.search(r"notices: .*?(d[xwb]).* is (\S+), expected (\S+)$", row).groups()
        assert gradient == noticed["gradient"], row
        assert close(number(got), noticed["got"]) and close(number(expected), noticed["expected"]), (row, noticed)
    if setting["zoo"] is None:
        return
    page.locator("#zoo summary").click()
    page.wait_for_selector("#zoo-table tbody tr")
    table = page.locator("#zoo-table tbody tr").evaluate_all(
        "rows => rows.map(row => [row.dataset.wrong, [...row.querySelectorAll('td')].map(td => td.textContent === 'noticed')])")
    assert dict(table) == setting["zoo"]
    page.locator("#zoo summary").click()
    page.wait_for_selector("#zoo-table tbody tr", state="detached")


def watched(browser, width=1280, scheme="light"):
    """A page, and what it complains of and asks for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))

    def quiet():
        assert not complaints, complaints
        assert all(url.startswith(("data:", "file:")) and url.split("#")[0] in (requests[0].split("#")[0], "data:,") for url in requests), requests
    return page, quiet


def settings_agree(browser, path, settings):
    page, quiet = watched(browser)
    rng = random.Random(3)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    for at, setting in enumerate(settings):
        if at % 10 == 0:
            set_by_controls(page, setting)
        else:
            page.goto(path.as_uri() + address(setting))
        assert page.locator("#notice").is_hidden(), page.locator("#notice").inner_text()
        cells = sum(compare_cells(page, panel, arrays, setting["arrays"]) for panel, arrays in PANELS.items())
        for look in ("dx", "dw", "db"):
            page.locator(f"input[name=look][value={look}]").check()
            cells += compare_cells(page, "claims-tables", [f"{look}-claimed", f"{look}-difference"], setting["arrays"])
        assert number(page.locator("#loss").inner_text()) == setting["loss"]
        compare_sums(page, setting, rng)
        compare_checks(page, setting)
        # What the address says now is all that there is to say.
        if at % 10 == 0:
            before = page.evaluate(READ, "gather-tables")
            again, hush = watched(browser)
            again.goto(page.url)
            again.wait_for_selector("html[data-ready]")
            assert again.evaluate(READ, "gather-tables") == before and again.url == page.url
            hush()
            again.context.close()
        sizes = ", ".join(f"{key} {setting[key][0]}x{setting[key][1]}" for key in PAIRS)
        print(f"{sizes}, {setting['wrong'] or 'no mistake'}: {cells} cells, agrees", flush=True)
    quiet()
    page.context.close()


def controls_work(browser, path, width, scheme, screenshots):
    page, quiet = watched(browser, width, scheme)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    text = lambda selector: page.locator(selector).inner_text()
    cell = lambda array, k, panel="": page.locator(f'{panel} td[data-array="{array}"][data-k="{k}"]').first
    chosen = lambda: page.locator("#sum").get_attribute("data-cell")

    # Nothing leads out of the page sideways, whatever is set.
    def fits():
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    for preset in page.locator("[data-preset]").all():
        preset.click()
        assert text("#ask")
        fits()
    page.locator("[data-preset=start]").click()

    # Light and dark, by the system and by hand.
    background = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")
    by_system = background()
    page.locator("#theme").select_option("light" if scheme == "dark" else "dark")
    assert background() != by_system and "theme=" in page.url
    page.locator("#theme").select_option(scheme)
    assert background() == by_system
    page.locator("#theme").select_option("auto")
    # Words stand out from what is behind them: 4.5 to 1.
    faint = page.evaluate("""() => {
        const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const rgb = colour => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
        const light = colour => rgb(colour).slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const paper = getComputedStyle(document.querySelector("section")).backgroundColor;
        return [...document.querySelectorAll("section *, aside *")].filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
            .filter(e => !e.matches(":disabled, option")).filter(e => {
                const [a, b] = [light(getComputedStyle(e).color), light(paper)].sort((a, b) => b - a);
                return (a + 0.05) / (b + 0.05) < 4.5;
            }).map(e => e.outerHTML.slice(0, 80));
    }""")
    assert not faint, faint[:5]

    # Step, back, play.
    assert chosen() == "y.0" and text("#progress") == "1 of 6" and page.locator("#back").is_disabled()
    page.locator("#step").click()
    assert chosen() == "y.1" and text("#window") == "(0,1)"
    page.locator("#back").click()
    assert chosen() == "y.0"
    page.locator("#play").click()
    page.wait_for_selector('#sum[data-cell="y.2"]')
    page.locator("#play").click()
    assert text("#play") == "Play"
    for button, walk in (("y", "y"), ("db", "db"), ("dw", "dw"), ("dcolumns", "dcolumns"), ("dy", "dy"), ("dx", "dx")):
        page.locator(f"button[data-walk={button}]").click()
        assert chosen() == f"{walk}.0" and page.locator("#walk").input_value() == walk
    page.locator("#walk").select_option("dw")
    assert chosen() == "dw.0"

    # By pointer and by keyboard: a cell is looked at, and chosen.
    target = cell("dx", 6, "#gather-tables")
    if width > 500:
        target.hover()
        assert text("#numbers").startswith("dx[1,1] = ") and chosen() == "dx.6"
        page.mouse.move(2, 2)
        assert chosen() == "dw.0", "the pointer only looks"
    target.click()
    assert chosen() == "dx.6" and "at=dx.6" in page.url
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert chosen() == "dx.12" and page.evaluate("document.activeElement.dataset.k") == "12"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert chosen() == "dx.6"
    page.locator("#step").click()
    assert chosen() == "dx.7" and page.locator("#walk").input_value() == "dx", "a walk goes on from the chosen cell"
    page.locator("#back").click()
    page.keyboard.press("Shift+Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "the focus is not seen"
    # From the body on, every table is one stop of the Tab key.
    page.evaluate("document.activeElement.blur()")
    stops = page.locator("main table.grid").evaluate_all("tables => tables.map(t => t.querySelectorAll('[tabindex=\"0\"]').length)")
    assert stops and set(stops) == {1}, stops

    # Editing: a number, and what is none.
    field = cell("x", 6).locator("input")
    field.click()
    page.keyboard.type("−7,5")
    assert cell("x", 6).get_attribute("data-value") == "-7.5" and ",-7.5," in page.url
    page.keyboard.press("ArrowRight")
    page.keyboard.type("much")
    assert "expected a number" in text("#notice") and cell("x", 7).get_attribute("data-value") == "0"
    page.keyboard.press("ArrowRight")
    assert page.locator("#notice").is_hidden() and cell("x", 7).locator("input").input_value() == "0"

    # Sizes that do not fit are refused, and all stays.
    page.locator("#size-kh").fill("5")
    page.locator("#size-h").fill("2")
    page.locator("#size-h").press("Tab")
    assert text("#notice") == "a kernel of 5 x 3 does not fit an image of 2 x 7 (padding included)"
    assert page.locator("#size-h").input_value() == "6"
    page.locator("#size-sh").fill("9")
    page.locator("#size-sh").press("Tab")
    assert text("#notice") == "stride down: 9, expected 1 to 4"
    page.locator("[data-preset=start]").click()
    assert page.locator("#notice").is_hidden()
    before = page.evaluate(READ, "forward-tables")
    page.locator("#shuffle").click()
    assert page.evaluate(READ, "forward-tables") != before
    page.locator("[data-preset=start]").click()

    predict_first(page, text, cell, chosen)
    fits()

    # Section 7.
    page.locator("#wrong").select_option("dx-flipped")
    assert page.locator("#claims-tables td.off").count() > 0 and "numbers of dx are wrong" in text("#wrong-said")
    page.locator("#eps").select_option("0.001")
    cell("dx", 6, "#gather-tables").click()
    assert "0.001" in text("#difference") and "dx-flipped says" in text("#difference")
    page.locator("#zoo summary").click()
    page.wait_for_selector("#zoo-table tbody tr")
    assert page.locator("#zoo-table tbody tr").count() >= 25
    assert "29 of 29" in text("#zoo-table tfoot")
    fits()
    page.locator("#zoo-table button", has_text="dw-flipped").click()
    assert "wrong=dw-flipped" in page.url and page.locator("input[name=look][value=dw]").is_checked()
    page.locator("#zoo summary").click()
    page.locator("#wrong").select_option("")
    for gradient in ("db", "dw", "dx"):
        page.locator(f"input[name=look][value={gradient}]").check()
        assert cell(f"{gradient}-claimed", 0).is_visible()
    page.locator("#eps").select_option("1")

    # For ears: every table has a caption and heads, every field a name.
    bare = page.evaluate("""() => [...document.querySelectorAll("table")].filter(t => t.checkVisibility() &&
        (!t.caption?.textContent || (!t.closest(".patch") && !t.querySelector("th[scope=col]")))).length""")
    assert bare == 0
    nameless = page.evaluate("""() => [...document.querySelectorAll("input, select, button")].filter(e =>
        !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim())).map(e => e.outerHTML)""")
    assert not nameless, nameless
    assert page.locator("#sum").get_attribute("aria-live") == "polite"
    for link in page.locator("nav a").all():
        link.click()
        assert page.evaluate("document.activeElement.id") == link.get_attribute("href")[1:] + "-title"
        assert "size=6x5" in page.url, "a link within the page loses the reader's choices"

    # An address that is not understood is said so, and the page stands.
    for wrong, said in (("size=0x3&channels=1x1&kernel=1x1&stride=1x1&padding=0x0", "rows: 0, expected 1 to 10"), ("size=axb", "each as 3x3"),
                        ("channels=1x1&size=2x2&kernel=1x1&stride=1x1&padding=0x0&x=1,2", "x has 2 numbers, expected 4"),
                        ("wrong=dx-best", "wrong = dx-best, expected one of"), ("x=1,b", "no number"), ("at=dx.999&window=99&walk=%", "walk = %")):
        page.goto("about:blank")
        page.goto(path.as_uri() + "#" + wrong)
        page.wait_for_selector("html[data-ready]")
        assert said in text("#notice"), (wrong, text("#notice"))
        assert cell("dx", 0).get_attribute("data-value") != "", wrong
    if screenshots:
        page.goto("about:blank")
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        page.screenshot(path=screenshots / f"{width}-{scheme}.png", full_page=True)
    quiet()
    print(f"{width} pixels, {scheme}: behaves", flush=True)
    page.context.close()


def predict_first(page, text, cell, chosen):
    """Covered until a number is said; wrong numbers are answered."""
    page.locator("#predict").check()
    page.locator("#walk").select_option("dx")
    assert page.locator("#play").is_disabled()
    here = page.locator('td[data-array="dx"], td[data-array="dx-so-far"], td[data-array="dx-claimed"], td[data-array="dx-difference"]')
    assert set(here.all_inner_texts()) == {"?"} and set(here.evaluate_all("cells => cells.map(td => td.dataset.value)")) == {""}
    assert text("#numbers") == "dx[0,0] = ?" and text("#symbols") == "" == text("#difference")
    assert page.locator("td.link").count() == 0, "what lights up would say too much"
    page.locator("#hint").click()
    assert page.locator("td.link").count() > 0 and "w[0,1]·dy[0,0]" in text("#symbols") and text("#numbers") == "dx[0,0] = ?"
    page.locator("#guess-number").fill("many")
    page.locator("#guess button[type=submit]").click()
    assert text("#guess-said") == "Expected a number."
    # The turned kernel would give 3.
    page.locator("#guess-number").fill("3")
    page.keyboard.press("Enter")
    said = text("#guess-said")
    assert said.startswith("You said 3; it is 0.") and "dx-flipped" in said and "(0 of 1 right)" in said, said
    assert cell("dx", 0).inner_text() == "0" and cell("dx", 1).inner_text() == "?"
    # On to the next, and its number at once.
    page.keyboard.press("Enter")
    assert chosen() == "dx.1" and page.evaluate("document.activeElement.id") == "guess-number"
    page.keyboard.type("-2")
    page.keyboard.press("Enter")
    assert text("#guess-said") == "Right: −2. (1 of 2 right)"
    page.locator("#step").click()
    page.locator("#give-up").click()
    assert cell("dx", 2).inner_text() == "0" and page.locator("#guess").is_hidden()
    # y, with the bias forgotten.
    page.locator("#walk").select_option("y")
    page.locator("#guess-number").fill("2")
    page.keyboard.press("Enter")
    assert "without the bias" in text("#guess-said")
    assert "predict=1" in page.url
    page.locator("#predict").uncheck()
    assert page.locator("td.covered").count() == 0


def main():
    path, expected = Path(sys.argv[1]).resolve(), json.loads(Path(sys.argv[2]).read_text())
    screenshots = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    executable = next(path for path in BROWSERS if Path(path).exists())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        settings_agree(browser, path, expected)
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                controls_work(browser, path, width, scheme, screenshots)
        browser.close()


main()
