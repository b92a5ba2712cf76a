"""A headless Chromium that opens pages from disk, and what it saw."""

import base64
import io
import json
import pathlib
import shutil
import time

import numpy as np

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def missing() -> str:
    """Why there is no browser; empty if there is one."""
    try:
        import PIL  # noqa: F401
        import selenium  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed"
    programs = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(programs)} not found" if programs else ""


class Browser:
    """One window; `size` and `is_phone` choose what it looks like to a page."""

    def __init__(self, size: tuple[int, int] = (1000, 700), is_phone: bool = False):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in _FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.resize(size, is_phone)

    def resize(self, size: tuple[int, int], is_phone: bool = False) -> None:
        width, height = size
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        self.tell("Emulation.setDeviceMetricsOverride", **shape)
        self.tell("Emulation.setTouchEmulationEnabled", enabled=is_phone)

    def tell(self, command: str, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def run(self, script: str, *arguments):
        """What a script returns; it may use `viewer`, the one of the page."""
        return self.driver.execute_script(f"const {{viewer}} = window.viewer; {script}", *arguments)

    def open(self, path: pathlib.Path) -> None:
        self.driver.get(path.as_uri())
        self.wait("return Boolean(window.viewer)")

    def wait(self, condition: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not self.driver.execute_script(condition):
            assert time.monotonic() < end, f"{condition} was not so within {seconds} s"
            time.sleep(0.02)

    def picture(self) -> np.ndarray:
        """uint8 `[height, width, 3]` of the canvas alone, drawn now."""
        from PIL import Image

        url = self.run("return window.viewer.pictureOf().toDataURL()")
        image = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
        return np.asarray(image.convert("RGB")).astype(int)

    def mouse(self, x: float, y: float) -> None:
        """A click at a place of the canvas."""
        x, y = x + self.run("return viewer.stage.canvas.getBoundingClientRect().left"), y
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        time.sleep(0.4)  # two clicks within this time would be a double one

    def tap(self, x: float, y: float) -> None:
        self.tell("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.tell("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        time.sleep(0.4)

    def press(self, key: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def complaints(self) -> list[str]:
        """What the console was told."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that were asked for, but for those within the page itself."""
        messages = [
            json.loads(one["message"])["message"] for one in self.driver.get_log("performance")
        ]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]

    def close(self) -> None:
        self.driver.quit()
