"""The page in headless Chromium: a photo is dropped, its reading is on the screen."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests import browser
from tests.fake_server import CORNERS, PHOTO, PNG, TEXT, blank, encode, live_server

pytestmark = pytest.mark.skipif(not browser.is_installed(), reason=browser.MISSING)

# a file as the mouse lets go of it over the page
DROP = """
const [name, type, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], name, {type}));
const event = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
document.querySelector('#drop').dispatchEvent(event);
"""
CARD = """
const named = (one) => one.querySelector('.name').textContent === arguments[0];
const card = [...document.querySelectorAll('.card')].find(named);
if (!card || ['waiting', 'reading', 'busy'].includes(card.dataset.state)) return null;
const shown = (selector) => {
  const element = card.querySelector(selector);
  return element && !element.hidden ? element : null;
};
const points = (selector) => [...card.querySelectorAll(selector)].map((shape) => shape.getAttribute('points'));
return {
  state: card.dataset.state,
  reading: shown('.reading')?.innerText.replaceAll('\\n', '') ?? '',
  red: [...card.querySelectorAll('.red')].map((wheel) => wheel.textContent).join(''),
  status: card.querySelector('.status').innerText,
  sure: shown('.confidence output') && shown('.confidence') ? card.querySelector('output').textContent : '',
  alternatives: [...card.querySelectorAll('.alternatives li')].map((item) => item.innerText),
  others: shown('.others') ? [...card.querySelectorAll('.others li')].map((item) => item.innerText) : [],
  plausible: shown('.plausible')?.innerText ?? '',
  crop: shown('.crop')?.naturalWidth ?? 0,
  photo: card.querySelector('.photo').naturalWidth,
  windows: points('.window'),
  digits: points('.digit'),
};
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with live_server(tmp_path_factory.mktemp("page") / "models") as found:
        yield found


@pytest.fixture(scope="module")
def window():
    with browser.browser() as found:
        yield found


@pytest.fixture
def page(server, window):
    window.open(server.url)
    window.run("localStorage.clear()")
    window.open(server.url)
    window.messages()
    return window


def drop(page, name, content, kind="image/png"):
    page.run(DROP, name, kind, base64.b64encode(content).decode())
    return page.wait_for(CARD, name)


def test_a_dropped_photo_is_read(page):
    card = drop(page, "meter.png", PNG)
    assert card["state"] == "read"
    assert card["reading"] == TEXT and card["red"] == "678"
    assert card["sure"].endswith("%") and 0 < int(card["sure"].removesuffix("%")) <= 100
    assert card["status"] == "Counter: wheels"
    assert len(card["digits"]) == 8
    (corners,) = (
        [[float(value) for value in point.split(",")] for point in shape.split()] for shape in card["windows"]
    )
    assert np.abs(np.array(corners) - CORNERS).max() < 3
    page.wait_for("return document.querySelector('.crop').naturalWidth === 256")
    # nothing was loaded from elsewhere, and nothing failed
    assert page.messages() == []
    hosts = "return performance.getEntriesByType('resource').map((entry) => new URL(entry.name, location).host)"
    assert set(page.run(hosts)) <= {page.run("return location.host"), ""}


SEVERAL = """
const real = window.fetch;
window.fetch = async (...given) => {
  const found = await (await real(...given)).json();
  const other = {...found.readings[0], text: '00456,7', confidence: 0.876, corners: [[1, 2], [9, 2], [9, 4], [1, 4]]};
  return new Response(JSON.stringify({...found, several: true, readings: [found.readings[0], other]}));
};
"""


def test_every_counter_on_a_photo_is_shown(page):
    assert drop(page, "one.png", PNG)["others"] == []
    page.run(SEVERAL)
    card = drop(page, "two.png", PNG)
    assert card["reading"] == TEXT and len(card["windows"]) == 2 and card["windows"][1] == "1,2 9,2 9,4 1,4"
    assert card["others"] == ["00456,7 Counter: wheels, 87%"]
    assert page.messages() == []


def test_several_photos_and_those_without_a_reading(page, tmp_path):
    paths = []
    for name, content in (("a.png", PNG), ("b.png", encode(blank(200, 300))), ("c.png", b"no photo"), ("d.png", PNG)):
        (tmp_path / name).write_bytes(content)
        paths.append(tmp_path / name)
    page.give_files("#choose", *paths)
    cards = {path.name: page.wait_for(CARD, path.name) for path in paths}
    assert cards["a.png"]["reading"] == cards["d.png"]["reading"] == TEXT
    assert cards["b.png"]["status"] == "No meter found on this photo." and cards["b.png"]["reading"] == ""
    assert cards["c.png"]["state"] == "failed" and "Not a JPEG" in cards["c.png"]["status"]


def test_the_last_reading(page):
    page.run("document.querySelector('#previous').value = '12300'")
    assert drop(page, "more.png", PNG)["plausible"] == "Plausible: 5,678 more than last time."
    page.run("document.querySelector('#max-increase').value = '5'")
    assert drop(page, "much.png", PNG)["plausible"] == "Not plausible: 5,678 more than last time."
    page.run("document.querySelector('#previous').value = 'many'")
    card = drop(page, "wrong.png", PNG)
    assert card["state"] == "failed" and "previous: expected a number" in card["status"]


def test_russian(page):
    page.run("document.querySelector('[data-language=ru]').click()")
    card = drop(page, "счётчик.png", PNG)
    assert card["reading"] == TEXT and card["status"] == "Счётчик: барабаны"
    assert page.run("return document.querySelector('h1').innerText") == "Показания счётчика"
    assert page.run("return document.documentElement.lang") == "ru"
    # it is remembered, and what stands there changes with it
    page.run("document.querySelector('[data-language=en]').click()")
    assert page.run(CARD, "счётчик.png")["status"] == "Counter: wheels"
    page.run("document.querySelector('[data-language=ru]').click()")
    page.open(page.run("return location.href"))
    assert page.run("return document.querySelector('h1').innerText") == "Показания счётчика"


def test_numbers_are_written_as_the_language_does(page):
    shares = "return [percent(0.0321, 1), percent(0.9999, 0), percent(1, 0), percent(0.29, 2)]"
    assert page.run(shares) == ["3.2%", "99%", "100%", "29.00%"]
    page.run("document.querySelector('[data-language=ru]').click()")
    assert page.run(shares) == ["3,2\u00a0%", "99\u00a0%", "100\u00a0%", "29,00\u00a0%"]


LUMINANCE = """
const luminance = (colour) => {
  const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const style = (selector) => getComputedStyle(document.querySelector(selector));
const card = style('.card').backgroundColor;
return {
  choose: contrast(style('.choose').color, style('.choose').backgroundColor),
  take: contrast(style('.take').color, style('.take').backgroundColor),
  digit: contrast(style('.wheel').color, style('.wheel').backgroundColor),
  red: contrast(style('.red').color, style('.red').backgroundColor),
  name: contrast(style('.name').color, card),
  copy: contrast(style('.copy').color, style('.copy').backgroundColor),
  wheel: Math.max(contrast(style('.wheel').backgroundColor, card), contrast(style('.wheel').borderTopColor, card)),
};
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_contrast(page, scheme, touch):
    page.emulate(scheme, touch)
    try:
        assert page.run("return matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
        drop(page, "meter.png", PNG)
        found = page.run(LUMINANCE)
    finally:
        page.emulate()
    # text as AA wants it, and shapes
    assert found.pop("wheel") >= 3
    assert min(found.values()) >= 4.5, found


def test_the_newest_card_stands_first(page):
    for name in ("a.png", "b.png", "c.png"):
        drop(page, name, PNG)
    names = "return [...document.querySelectorAll('.card .name')].map((element) => element.textContent)"
    assert page.run(names) == ["c.png", "b.png", "a.png"]


def test_a_reading_can_be_copied(page):
    drop(page, "meter.png", PNG)
    assert page.run("return document.querySelector('.copy').innerText") == "Copy"
    page.run("document.addEventListener('copy', () => { window.copied = getSelection().toString(); })")
    page.click(".copy")
    page.wait_for("return document.querySelector('.copy').innerText === 'Copied'")
    assert page.run("return window.copied") == TEXT
    drop(page, "none.png", encode(blank(200, 300)))
    assert page.run("return document.querySelector('.card .copying').hidden")


def test_both_languages_say_the_same_things(page):
    keys = page.run("return [Object.keys(TEXTS.en), Object.keys(TEXTS.ru)]")
    assert keys[0] == keys[1] and len(keys[0]) > 30
    used = page.run("return [...document.querySelectorAll('[data-text]')].map((element) => element.dataset.text)")
    assert set(used) <= set(keys[0])


def test_a_tiff_that_browsers_cannot_show(page):
    drop(page, "scan.tiff", encode(PHOTO, "TIFF"), "image/tiff")
    page.wait_for("return document.querySelector('.photo').src.startsWith('data:image/jpeg')")
    page.wait_for("return document.querySelector('.photo').naturalWidth === 400")
    assert page.run(CARD, "scan.tiff")["windows"] == []


def test_heic_that_browsers_cannot_show(page):
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(PHOTO)).save(file, quality=95)
    assert drop(page, "photo.HEIC", file.getvalue(), "")["reading"] == TEXT
    page.wait_for("return document.querySelector('.photo').src.startsWith('data:image/jpeg')")
    assert "image/heic" in page.run("return document.querySelector('#choose').accept")


def test_on_phones_the_camera_comes_first(page):
    left = "return ['.take', '.choose'].map((name) => document.querySelector(name).getBoundingClientRect().x)"
    take, choose = page.run(left)
    assert choose < take
    page.set_size(500, 740)
    page.emulate(touch=True)
    try:
        places = "return ['.take', '.choose'].map((name) => document.querySelector(name).getBoundingClientRect())"
        take, choose = page.run(places)
        assert (take["y"], take["x"]) < (choose["y"], choose["x"])
    finally:
        page.emulate()


def test_a_phone(page):
    page.set_size(360, 740)
    drop(page, "meter.png", PNG)
    assert page.run("return document.documentElement.scrollWidth") <= 360
    widths = page.run(
        "return ['.picture', '.reading'].map((name) => document.querySelector(name).getBoundingClientRect().width)"
    )
    assert min(widths) > 250
    assert page.run("return document.querySelector('#take').getAttribute('capture')") == "environment"


def test_a_token_is_asked_for(tmp_path, window):
    with live_server(tmp_path / "models", METER_TOKEN="s3cret") as server:
        window.open(server.url)
        assert window.run("return document.querySelector('#token-row').hidden")
        card = drop(window, "meter.png", PNG)
        assert card["state"] == "failed" and card["status"] == "Enter the token above and try again."
        window.run("document.querySelector('#token').value = 's3cret'; document.querySelector('.again').click()")
        assert window.wait_for(CARD, "meter.png")["reading"] == TEXT
