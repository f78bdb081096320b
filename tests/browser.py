"""A headless Chromium, driven through ChromeDriver's HTTP interface, for the page.

python -m tests.browser http://127.0.0.1:8080 resources/page.png    takes README's picture of the page
"""

import base64
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MISSING = "headless Chromium is not installed: apt-get install chromium chromium-driver"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-sync",
] + ["--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--disable-quic"]


def is_installed():
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


class Browser:
    """One window of it."""

    def __init__(self, driver, language, width, height):
        self.driver = driver
        with tempfile.TemporaryDirectory() as profile:
            options = {
                "binary": shutil.which("chromium"),
                "args": [
                    *_ARGUMENTS,
                    f"--user-data-dir={profile}",
                    f"--window-size={width},{height}",
                    f"--accept-lang={language}",
                ],
                "prefs": {"intl.accept_languages": language},
            }
        wanted = {
            "capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        }
        self.session = f"/session/{self.call('POST', '/session', wanted)['sessionId']}"

    def call(self, method, path, content=None):
        body = json.dumps(content or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.driver + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=240) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()[:500]) from error

    def open(self, url):
        self.call("POST", f"{self.session}/url", {"url": url})

    def run(self, script, *arguments):
        """What a piece of JavaScript returns."""
        return self.call("POST", f"{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def give_files(self, selector, *paths):
        """Chooses files in an input, as a person would."""
        found = self.call("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        text = "\n".join(str(path) for path in paths)
        self.call("POST", f"{self.session}/element/{found[_ELEMENT]}/value", {"text": text})

    def set_size(self, width, height):
        command = {"cmd": "Emulation.setDeviceMetricsOverride"}
        command["params"] = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("POST", f"{self.session}/goog/cdp/execute", command)

    def emulate(self, scheme="light", touch=False):
        """Pretends that the user prefers light or dark colours, and has fingers for a mouse."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        for command, parameters in (
            ("setEmulatedMedia", {"features": features}),
            ("setTouchEmulationEnabled", {"enabled": touch}),
        ):
            content = {"cmd": f"Emulation.{command}", "params": parameters}
            self.call("POST", f"{self.session}/goog/cdp/execute", content)

    def click(self, selector):
        """Clicks as a person would."""
        found = self.call("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        self.call("POST", f"{self.session}/element/{found[_ELEMENT]}/click")

    def wait_for(self, script, *arguments, seconds=120):
        end = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            assert time.monotonic() < end, f"in vain: {script}"
            time.sleep(0.1)
        return value

    def messages(self):
        """What the page wrote to its console, refused loads among it."""
        return [entry["message"] for entry in self.call("POST", f"{self.session}/se/log", {"type": "browser"})]

    def screenshot(self, path):
        Path(path).write_bytes(base64.b64decode(self.call("GET", f"{self.session}/screenshot")))

    def close(self):
        self.call("DELETE", self.session)


@contextmanager
def browser(language="en", width=1100, height=900):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [shutil.which("chromedriver"), f"--port={port}", "--log-level=SEVERE"]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not _listens(port):
            assert time.monotonic() < end and driver.poll() is None, "ChromeDriver does not start"
            time.sleep(0.1)
        window = Browser(f"http://127.0.0.1:{port}", language, width, height)
        try:
            yield window
        finally:
            window.close()
    finally:
        driver.terminate()
        driver.wait(30)


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(argv=None):
    """Photographs the page after it has read two example photos."""
    url, target = argv if argv is not None else sys.argv[1:]
    examples = ROOT / "resources" / "examples"
    with browser() as window:
        window.set_size(1000, 1460)
        window.open(url)
        window.give_files("#choose", examples / "turned_on_its_side.jpg", examples / "upside_down.jpg")
        window.wait_for("return document.querySelectorAll('.card[data-state=read]').length === 2")
        time.sleep(1)
        window.screenshot(target)


if __name__ == "__main__":
    main()
