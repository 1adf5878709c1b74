"""What people do with the pages in a real browser: search, look, copy, submit; by mouse, keyboard, without scripts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys as Stroke
from selenium.webdriver.support.ui import WebDriverWait

from browser.chromium import Chromium
from browser.conftest import Keys
from e2e.certificates import armored, generate
from wasmpuck.http.pages.words import grouped


def arrive(browser: Chromium, heading: str) -> None:
    """Waits for the page with this heading: a click returns before its page is there."""
    path = f"//h1[normalize-space()={heading!r}]"
    WebDriverWait(browser.driver, 30).until(lambda driver: driver.find_elements(By.XPATH, path), heading)


def press(browser: Chromium, *strokes: str) -> None:
    for stroke in strokes:
        ActionChains(browser.driver).send_keys(stroke).perform()


def search(browser: Chromium, keys: Keys, text: str) -> None:
    browser.driver.get(keys.url)
    field = browser.driver.find_element(By.ID, "search")
    field.send_keys(text)
    field.submit()


def submit_text(browser: Chromium, keys: Keys, text: str) -> None:
    browser.driver.get(f"{keys.url}/submit")
    field = browser.driver.find_element(By.ID, "keytext")
    field.click()
    browser.call("Input.insertText", text=text)
    field.submit()


def test_search_then_key_then_copy(browser: Chromium, keys: Keys) -> None:
    """A search leads to a listing, the listing to the key, and its button puts the fingerprint into the clipboard."""
    search(browser, keys, "alice@browser.example")
    arrive(browser, "1 key for alice@browser.example")
    browser.driver.find_element(By.CSS_SELECTOR, ".key h2 a").click()
    arrive(browser, "Alice Lovelace <alice@browser.example>")
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    button = browser.driver.find_element(By.CSS_SELECTOR, "[data-copy=fingerprint]")
    assert button.is_displayed()
    button.click()
    status = browser.driver.find_element(By.CSS_SELECTOR, "p[role=status]")
    WebDriverWait(browser.driver, 10).until(lambda _: status.get_attribute("textContent") == "Copied.")
    copied = browser.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], arguments[0])")
    assert copied == grouped(str(keys.alice.fingerprint))
    assert browser.complaints() == []


def test_copying_works_without_a_clipboard_interface(browser: Chromium, keys: Keys) -> None:
    """On a server without TLS there is no such interface, and the selection is copied instead."""
    browser.driver.get(f"{keys.url}/key/{keys.alice.fingerprint}")
    browser.driver.execute_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    browser.driver.find_element(By.CSS_SELECTOR, "[data-copy=command-gpg]").click()
    selected = browser.driver.execute_script("return String(getSelection())")
    assert str(keys.alice.fingerprint).upper() in selected
    status = browser.driver.find_element(By.CSS_SELECTOR, "p[role=status]")
    WebDriverWait(browser.driver, 10).until(lambda _: status.get_attribute("textContent"))


def test_pages_of_results(browser: Chromium, keys: Keys) -> None:
    """Onwards to the last page and back, each key once."""
    browser.driver.get(f"{keys.url}/pks/lookup?op=index&search=many@browser.example&limit=2")
    seen: list[str] = []
    while True:
        seen += [each.text for each in browser.driver.find_elements(By.CSS_SELECTOR, ".key h2")]
        onwards = browser.driver.find_elements(By.CSS_SELECTOR, "[rel=next]")
        if not onwards:
            break
        onwards[0].click()
    assert sorted(seen) == [f"Number {number} <many@browser.example>" for number in range(5)]
    arrive(browser, "Keys 5 to 5 for many@browser.example")
    browser.driver.find_element(By.CSS_SELECTOR, "[rel=prev]").click()
    arrive(browser, "Keys 3 to 4 for many@browser.example")


def test_paste_a_key(browser: Chromium, keys: Keys) -> None:
    """Pasted armor is taken, and the report leads to the key's page."""
    made = generate("Pasted <pasted@browser.example>").extract_certificate()
    submit_text(browser, keys, armored(made))
    arrive(browser, "Submitted")
    assert "new" in browser.driver.find_element(By.CSS_SELECTOR, "td").text
    browser.driver.find_element(By.CSS_SELECTOR, "tbody a").click()
    arrive(browser, "Pasted <pasted@browser.example>")
    assert browser.complaints() == []


def test_choose_a_file(browser: Chromium, keys: Keys, tmp_path: Path) -> None:
    """A binary file is taken as well as an armored one."""
    made = generate("File <file@browser.example>").extract_certificate()
    for name, data in (("key.pgp", bytes(made)), ("key.asc", armored(made).encode())):
        path = tmp_path / name
        path.write_bytes(data)
        browser.driver.get(f"{keys.url}/submit")
        field = browser.driver.find_element(By.ID, "keyfile")
        field.send_keys(str(path))
        browser.driver.find_element(By.CSS_SELECTOR, "form[enctype] button").click()
        arrive(browser, "Submitted")
        assert str(made.fingerprint) in browser.driver.page_source


def test_the_reasons_of_a_refusal_are_shown(browser: Chromium, keys: Keys) -> None:
    """One key of two is refused by an admission rule: both are in the report, the reason as text."""
    good = generate("Good <good@browser.example>").extract_certificate()
    staff = generate("Staff <boss@staff.example>").extract_certificate()
    submit_text(browser, keys, armored(good, staff))
    arrive(browser, "Submitted")
    said = browser.driver.find_element(By.TAG_NAME, "main").text
    for part in ("1 key is on this server.", "1 key was refused.", "Keys of staff.example are <managed> elsewhere."):
        assert part in said
    submit_text(browser, keys, "this is no key")
    WebDriverWait(browser.driver, 30).until(lambda driver: driver.current_url.endswith("/pks/add"))
    assert "OpenPGP" in browser.driver.find_element(By.CSS_SELECTOR, ".note.bad").text


def test_switch_the_language(browser: Chromium, keys: Keys) -> None:
    """The language of the browser greets; a link changes it, and the choice holds from page to page."""
    browser.emulate(language="fr-CA, fr;q=0.9")
    browser.driver.get(f"{keys.url}/key/{keys.alice.fingerprint}")
    assert browser.driver.find_element(By.TAG_NAME, "html").get_attribute("lang") == "fr"
    browser.driver.find_element(By.LINK_TEXT, "Deutsch").click()
    WebDriverWait(browser.driver, 30).until(lambda driver: "lang=de" in driver.current_url)
    assert "Unterschlüssel" in browser.driver.find_element(By.TAG_NAME, "main").text
    browser.driver.find_element(By.CSS_SELECTOR, ".brand").click()
    arrive(browser, "Schlüssel finden")
    field = browser.driver.find_element(By.ID, "search")
    field.send_keys("alice@browser.example")
    field.submit()
    arrive(browser, "1 Schlüssel zu alice@browser.example")
    assert parse_qs(urlsplit(browser.driver.current_url).query)["lang"] == ["de"]


def test_everything_works_without_scripts(browser: Chromium, keys: Keys, tmp_path: Path) -> None:
    """Search, key and submission; what only a script could do is not offered."""
    browser.emulate(scripts=False)
    search(browser, keys, "alice@browser.example")
    browser.driver.find_element(By.CSS_SELECTOR, ".key h2 a").click()
    arrive(browser, "Alice Lovelace <alice@browser.example>")
    assert not any(each.is_displayed() for each in browser.driver.find_elements(By.CSS_SELECTOR, "[data-copy]"))
    path = tmp_path / "key.asc"
    path.write_text(armored(generate("Plain <plain@browser.example>").extract_certificate()))
    browser.driver.get(f"{keys.url}/submit")
    browser.driver.find_element(By.ID, "keyfile").send_keys(str(path))
    browser.driver.find_element(By.CSS_SELECTOR, "form[enctype] button").click()
    arrive(browser, "Submitted")


def test_the_keyboard_is_enough(browser: Chromium, keys: Keys) -> None:
    """The first stop skips the navigation; from there a search, the key and its copy button are reached by Tab."""
    browser.driver.get(keys.url)
    press(browser, Stroke.TAB)
    skip = browser.driver.switch_to.active_element
    assert skip.get_attribute("class") == "skip"
    assert skip.rect["y"] >= 0, "the link is seen when it has the focus"
    press(browser, Stroke.ENTER, Stroke.TAB)
    assert browser.driver.switch_to.active_element.get_attribute("id") == "search"
    press(browser, "alice@browser.example", Stroke.ENTER)
    WebDriverWait(browser.driver, 10).until(lambda driver: "1 key for" in driver.title)
    for _ in range(30):
        press(browser, Stroke.TAB)
        if "/key/" in (browser.driver.switch_to.active_element.get_attribute("href") or ""):
            break
    press(browser, Stroke.ENTER)
    WebDriverWait(browser.driver, 10).until(lambda driver: "Alice Lovelace" in driver.title)
    for _ in range(30):
        press(browser, Stroke.TAB)
        if browser.driver.switch_to.active_element.get_attribute("data-copy"):
            break
    focused = browser.driver.switch_to.active_element
    assert focused.get_attribute("data-copy") == "fingerprint"
    assert focused.value_of_css_property("outline-style") == "solid"
    assert focused.value_of_css_property("outline-width") == "3px"


def test_every_stop_of_the_keyboard_is_seen(browser: Chromium, keys: Keys) -> None:
    """Whatever takes the focus shows it, and nothing that can be clicked is passed over."""
    browser.driver.get(f"{keys.url}/key/{keys.alice.fingerprint}")
    wanted = browser.driver.execute_script(
        "return document.querySelectorAll('a[href], button:not([hidden]), input:not([type=hidden]), summary').length"
    )
    seen = set()
    for _ in range(wanted):
        press(browser, Stroke.TAB)
        focused = browser.driver.switch_to.active_element
        assert focused.value_of_css_property("outline-style") == "solid", focused.get_attribute("outerHTML")
        seen.add(focused.id)
    assert len(seen) == wanted


def test_a_hostile_user_id_does_nothing(browser: Chromium, keys: Keys) -> None:
    """Its script is text, its direction ends with it, and it stays within the page."""
    browser.driver.get(f"{keys.url}/key/{keys.hostile.fingerprint}")
    assert "<script>alert(1)</script>" in browser.driver.find_element(By.TAG_NAME, "main").text
    assert len(browser.driver.find_elements(By.TAG_NAME, "script")) == 1
    isolated = browser.driver.execute_script(
        "return [...document.querySelectorAll('bdi')].map(each => getComputedStyle(each).unicodeBidi)"
    )
    assert set(isolated) == {"isolate"}
    assert browser.complaints() == []
