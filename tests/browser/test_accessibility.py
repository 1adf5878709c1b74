"""What people meet who see, read or point differently: names, contrast, narrow screens, dark rooms."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from browser.chromium import Chromium
from browser.conftest import Keys

CONTROLS = frozenset({"link", "button", "textbox", "searchbox", "combobox", "DisclosureTriangle", "checkbox"})
LANDMARKS = {"banner": 1, "main": 1, "contentinfo": 1}

CONTRASTS = """
const parse = text => {
  const parts = text.match(/[\\d.]+/g).map(Number);
  return {rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1};
};
const luminance = rgb => rgb.map(v => v / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ratio = (a, b) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
const behind = element => {
  for (let each = element; each; each = each.parentElement) {
    const {rgb, alpha} = parse(getComputedStyle(each).backgroundColor);
    if (alpha === 1) return rgb;
    if (alpha > 0) throw new Error("a translucent background");
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement, style = getComputedStyle(element);
  if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("title, script")) continue;
  const svg = element.ownerSVGElement;
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  const ink = parse(svg ? style.fill : style.color);
  found.push([ratio(ink.rgb, behind(svg || element)), large ? 3 : 4.5, element.outerHTML.slice(0, 120)]);
}
for (const field of document.querySelectorAll("input:not([type=hidden]):not([type=file]), textarea")) {
  const style = getComputedStyle(field);
  found.push([ratio(parse(style.borderTopColor).rgb, behind(field.parentElement)), 3, "the edge of " + field.id]);
  found.push([ratio(parse(getComputedStyle(field, "::placeholder").color).rgb, behind(field)), 4.5, field.id]);
}
for (const bar of document.querySelectorAll("rect, .swatch")) {
  const style = getComputedStyle(bar), inside = bar.ownerSVGElement;
  const colour = inside ? style.fill : style.backgroundColor;
  found.push([ratio(parse(colour).rgb, behind(inside || bar.parentElement)), 3, bar.outerHTML.slice(0, 120)]);
}
return found;
"""


WIDER = """
const [width] = arguments, widest = document.documentElement.scrollWidth;
if (widest <= width) return [];
return [`${widest} pixels`].concat([...document.body.querySelectorAll("*")]
  .filter(each => each.getBoundingClientRect().right > width + 1).map(each => each.outerHTML.slice(0, 200)));
"""
"""What sticks out of the window, if the page can be scrolled sideways."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everything_has_contrast(browser: Chromium, keys: Keys, dark: bool) -> None:
    """Text has 4.5 to 1 against what is behind it; large text, edges and bars 3 to 1 (WCAG 2.2 §1.4.3, §1.4.11)."""
    browser.emulate(dark=dark)
    for target in [*keys.targets, "/nowhere"]:
        browser.driver.get(keys.url + target)
        measured = browser.driver.execute_script(CONTRASTS)
        assert len(measured) > 10
        assert [each for each in measured if each[0] < each[1]] == [], target


def test_dark_mode_is_dark(browser: Chromium, keys: Keys) -> None:
    """The page follows the system's colour scheme, but a code that cameras read stays black on white."""
    brightness = {}
    for dark in (False, True):
        browser.emulate(dark=dark)
        browser.driver.get(f"{keys.url}/key/{keys.alice.fingerprint}")
        style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        colour = browser.driver.execute_script(style, "body", "backgroundColor")
        brightness[dark] = sum(int(part) for part in colour.strip("rgb()").split(","))
        assert browser.driver.execute_script(style, ".qr", "backgroundColor") == "rgb(255, 255, 255)"
    assert brightness[True] < 150 < 600 < brightness[False]


@pytest.mark.parametrize("width", [320, 380, 768, 1200])
def test_no_page_is_wider_than_its_window(browser: Chromium, keys: Keys, width: int) -> None:
    """Down to 320 pixels nothing has to be scrolled sideways (WCAG 2.2 §1.4.10), hostile user ids included."""
    browser.emulate(width=width)
    for target in keys.targets:
        for language in ("en", "de"):
            browser.driver.get(f"{keys.url}{target}{'&' if '?' in target else '?'}lang={language}")
            assert browser.driver.execute_script(WIDER, width) == [], (target, language)


def test_text_can_be_twice_as_large(browser: Chromium, keys: Keys) -> None:
    """With letters of twice the size, nothing is cut off sideways (WCAG 2.2 §1.4.4)."""
    browser.emulate(width=1200)
    for target in keys.targets:
        browser.driver.get(keys.url + target)
        browser.driver.execute_script("document.documentElement.style.fontSize = '200%'")
        assert browser.driver.execute_script(WIDER, 1200) == [], target


@pytest.mark.parametrize("width", [380, 1200])
def test_the_accessibility_tree_is_whole(browser: Chromium, keys: Keys, width: int) -> None:
    """Every control, table and picture has a name, each landmark is there, tables are tables at any width."""
    browser.emulate(width=width)
    for target in [*keys.targets, "/nowhere"]:
        browser.driver.get(keys.url + target)
        nodes = browser.nodes()
        roles = Counter(node["role"] for node in nodes)
        assert [node for node in nodes if node["role"] in CONTROLS and not node["name"].strip()] == [], target
        assert [node for node in nodes if node["role"] in ("image", "table") and not node["name"].strip()] == [], target
        assert {role: roles[role] for role in LANDMARKS} == LANDMARKS, target
        assert sum(node["role"] == "heading" and node["properties"]["level"] == 1 for node in nodes) == 1, target
        names = [node["name"] for node in nodes if node["role"] == "navigation"]
        assert len(set(names)) == len(names) >= 2
        tables = browser.driver.execute_script(
            "return [...document.querySelectorAll('table')].filter(each => each.checkVisibility()).length"
        )
        assert roles["table"] == tables, target
        assert (roles["columnheader"] > 0) == (tables > 0), target
        root = next(node for node in nodes if node["role"] == "RootWebArea")
        assert root["name"].endswith("OpenPGP keyserver")


def test_links_of_the_same_name_lead_to_the_same_place(browser: Chromium, keys: Keys) -> None:
    """Whoever hears links without what is around them can tell them apart (WCAG 2.2 §2.4.4)."""
    for target in keys.targets:
        browser.driver.get(keys.url + target)
        script = """return [...document.querySelectorAll("main a")].map(
            each => [each.getAttribute("aria-label") || each.textContent, each.href])"""
        places: dict[str, str] = {}
        for name, place in browser.driver.execute_script(script):
            assert places.setdefault(name, place) == place, (target, name)


def test_what_is_pressed_is_large_enough(browser: Chromium, keys: Keys) -> None:
    """Buttons, fields and entries of navigation are 24 pixels high at least (WCAG 2.2 §2.5.8)."""
    browser.emulate(width=380)
    for target in keys.targets:
        browser.driver.get(keys.url + target)
        script = """return [...document.querySelectorAll("button, .button, nav a, input:not([type=hidden]), summary")]
            .filter(each => each.checkVisibility()).map(each => each.getBoundingClientRect().height)"""
        heights: list[Any] = browser.driver.execute_script(script)
        assert heights
        assert min(heights) >= 24, target


def test_the_console_is_quiet(browser: Chromium, keys: Keys) -> None:
    """No page makes the browser complain: no error, nothing that the policy had to stop, no missing file."""
    for language in ("en", "de", "fr"):
        for target in keys.targets:
            browser.driver.get(f"{keys.url}{target}{'&' if '?' in target else '?'}lang={language}")
            assert browser.complaints() == [], target


def test_the_policy_stops_what_pages_do_not_need(browser: Chromium, keys: Keys) -> None:
    """Were markup to slip in, its scripts and styles would not run, nor would anything load from elsewhere."""
    browser.driver.get(keys.url)
    browser.driver.execute_script(
        """window.stopped = [];
        document.addEventListener("securitypolicyviolation", event => stopped.push(event.effectiveDirective));
        const script = document.createElement("script"); script.append("window.ran = true");
        try { document.body.append(script); } catch {}
        const style = document.createElement("style"); style.append("body { display: none }");
        document.body.append(style);
        const image = document.createElement("img"); image.src = "http://127.0.0.1:9/x"; document.body.append(image);
        """
    )
    stopped = browser.driver.execute_async_script("setTimeout(() => arguments[0](window.stopped), 300)")
    assert browser.driver.execute_script("return window.ran === undefined")
    assert {"style-src-elem", "img-src"} <= set(stopped)
    assert any(directive.startswith(("script-src", "require-trusted-types")) for directive in stopped)
    assert browser.driver.execute_script("return getComputedStyle(document.body).display") != "none"
    browser.complaints()


def test_paper_has_no_buttons(browser: Chromium, keys: Keys) -> None:
    """Printed, a key's page is the key alone."""
    browser.driver.get(f"{keys.url}/key/{keys.alice.fingerprint}")
    browser.call("Emulation.setEmulatedMedia", media="print")
    shown = browser.driver.execute_script(
        "return [...document.querySelectorAll('button, nav')].filter(each => each.checkVisibility()).length"
    )
    browser.call("Emulation.setEmulatedMedia", media="")
    assert shown == 0
