"""The page in a real browser: what is seen, clicked, hidden, measured."""

import numpy as np
import pytest

import browser
import viewer_scenes
from ban_tf.config import NONE
from ban_tf.view import palette
from ban_tf.view.viewer import page, scene

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "there is one"),
]
CLOUD = viewer_scenes.boxes()
FOUND = viewer_scenes.predicted(CLOUD)
ROWS = scene.shown_rows(CLOUD, page.MAX_POINTS)
CENTERS = np.array([*viewer_scenes.BOXES.T, [viewer_scenes.HEIGHT_M] * 2]).T


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    samples, attention = viewer_scenes.attention(CLOUD)
    path = tmp_path_factory.mktemp("page") / "room.html"
    text = page.page(CLOUD, viewer_scenes.LABELS, FOUND, [attention], samples)
    page.write(path, text)
    return path


@pytest.fixture(scope="module")
def window():
    window = browser.Browser()
    yield window
    window.close()


@pytest.fixture
def room(window, path):
    window.resize((1000, 700))
    window.open(path)
    yield window
    assert window.complaints() == []


def place_of(room, xyz):
    """Where a place, metres from the corner of the floor, is on the canvas."""
    document = "viewer.scene.about"
    return room.run(
        f"const at = arguments[0].map((v, k) => v - {document}.origin[k] - viewer.scene.middle[k]);"
        "const place = viewer.overlay.place(0); place.set(...at);"
        "const {x, y} = viewer.stage.project(place); return [x, y]",
        np.add(xyz, (500_000, 4_000_000, 120)).tolist(),
    )


def test_the_page_shows_points_and_asks_for_nothing(room, path):
    assert room.requests() == [path.as_uri()]
    picture = room.picture()
    background = picture[0, 0]
    drawn = (np.abs(picture - background).sum(axis=2) > 30).mean()
    assert 0.05 < drawn < 0.9
    assert room.driver.title == CLOUD.name


def test_the_points_arrive_as_they_are(room):
    xyz = np.array(room.run("return Array.from(viewer.scene.xyz)")).reshape(-1, 3)
    xyz += room.run("return viewer.scene.middle")
    wanted = CLOUD.xyz[ROWS] - CLOUD.xyz.min(axis=0)
    np.testing.assert_allclose(xyz, wanted, atol=0.0004)
    for name, labels in (("semantic", FOUND.semantic), ("instance", FOUND.instance)):
        kept = room.run(f"return Array.from(viewer.scene.predicted.{name})")
        np.testing.assert_array_equal(kept, labels[ROWS])
    colors = np.array(room.run("return Array.from(viewer.scene.rgb)")).reshape(-1, 3)
    np.testing.assert_array_equal(colors, CLOUD.rgb[ROWS])


def test_every_mode_and_switch_changes_the_picture(room):
    seen = [room.picture()]
    for key in "2345678tfrde]":
        room.press(key)
        seen.append(room.picture())
        # Predicted and true instances differ in their numbers, so no two pictures are the same.
        assert np.abs(seen[-1] - seen[-2]).sum() > 1000, key


def test_classes_have_their_colours(room):
    room.press("2")
    room.press("e")  # without shading colours are as they are
    x, y = place_of(room, CENTERS[0])
    box = viewer_scenes.LABELS.class_names.index("</script><b>box")
    (color,) = palette.class_colors(np.array([box]), viewer_scenes.LABELS)
    assert room.picture()[round(y), round(x)].tolist() == (255 * color).round().tolist()


@pytest.mark.parametrize("number", [0, 1])
def test_a_click_names_the_instance(room, number):
    room.mouse(*place_of(room, CENTERS[number]))
    card = room.driver.find_element("id", "card").text
    name = ("</script><b>box", "lamp")[number]
    assert card.startswith(f"{name} · instance {number}")
    size = f"{np.count_nonzero(FOUND.instance == number):,}"
    assert size in card
    assert ("75 %", "50 %")[number] in card
    assert "0.80 \N{MULTIPLICATION SIGN} 0.80 \N{MULTIPLICATION SIGN} 1.00 m" in card


def test_a_click_on_what_has_no_instance_says_so(room):
    floor = CLOUD.xyz[CLOUD.instance == NONE] - (500_000, 4_000_000, 120)
    nearest = np.abs(floor[:, :2] - (2.0, 1.5)).sum(axis=1).argmin()
    room.mouse(*place_of(room, floor[nearest]))
    assert room.driver.find_element("id", "card").text.startswith("no instance")


def test_a_hidden_class_is_gone_and_cannot_be_clicked(room):
    x, y = place_of(room, CENTERS[0])
    before = room.picture()
    room.run("document.querySelector('[data-class=\"1\"] button').click()")
    assert np.abs(room.picture() - before)[round(y), round(x)].sum() > 0
    point = room.run("return window.viewer.pick(...arguments[0])", [x, y])
    assert point == NONE or FOUND.semantic[ROWS[point]] != 1
    room.press("a")
    np.testing.assert_array_equal(room.picture(), before)


def test_the_measured_length_is_that_of_the_points(room):
    room.press("m")
    for center in CENTERS:
        room.mouse(*place_of(room, center))
    ends = room.run("return viewer.state.measured")
    assert len(ends) == 2
    xyz = CLOUD.xyz[ROWS[ends]]
    length = np.linalg.norm(xyz[0] - xyz[1])
    assert length == pytest.approx(np.linalg.norm(CENTERS[0] - CENTERS[1]), abs=0.15)
    assert room.driver.find_element("id", "length").text == f"{length:.3f} m"


def test_the_row_of_a_clicked_point_is_that_of_the_attention(room):
    samples, attention = viewer_scenes.attention(CLOUD)
    room.press("8")
    member = 100
    room.run("viewer.select(arguments[0]); viewer.ask()", int(samples[0, member]))
    value = np.array(room.run("return Array.from(viewer.state.row.value)"))[samples[0]]
    products = attention.query[0, member] @ attention.key[0].T
    weight = np.exp(products - products.max())
    weight /= weight.sum()
    wanted = np.minimum(weight / np.quantile(weight, 0.98, method="lower"), 1)
    np.testing.assert_allclose(value, wanted, atol=0.1)  # queries and keys are bytes there


def test_a_tap_and_a_drag_of_a_finger_work_on_a_phone(window, path):
    window.resize((390, 760), is_phone=True)
    window.open(path)
    window.tap(*place_of(window, CENTERS[1]))
    assert window.driver.find_element("id", "card").text.startswith("lamp · instance 1")
    before = window.run("return viewer.stage.camera.position.toArray()")
    for kind, x in (("touchStart", 150), ("touchMove", 190), ("touchMove", 230)):
        window.tell("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": 150}])
    window.tell("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert window.run("return viewer.stage.camera.position.toArray()") != before
    width = window.run("return document.documentElement.scrollWidth")
    assert width == 390
    assert window.complaints() == []
