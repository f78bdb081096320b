"""Takes docs/training.md's pictures of TensorBoard: the table of a tuning's trials, how rate and figures hang together.

python -m resources.screenshots --logdir logs/stage2/hparam_tuning

Needs Chromium (Debian: apt install chromium) and a finished tuning. Writes tensorboard_hp.jpg and
tensorboard_hp_plot.jpg beside this script.
"""

import argparse
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from deploy.recognition.errors import UserError
from retinanet import cli

RESOURCES = Path(__file__).resolve().parent
PATIENCE_SECONDS = 240


class Page(NamedTuple):
    """A view of TensorBoard's HParams plugin: what is clicked to come there, and the picture's size in pixels."""

    clicks: tuple[str, ...]
    size: tuple[int, int]


PAGES = {
    "tensorboard_hp.jpg": Page(("TABLE VIEW",), (1400, 480)),
    # the first of the three axes is the learning rate's
    "tensorboard_hp_plot.jpg": Page(("PARALLEL COORDINATES VIEW", "Logarithmic"), (1400, 1300)),
}

# All nodes, through shadow roots, whose own text is the given one; TensorBoard is made of nested components.
FIND = """
const find = wanted => { const found = []; const walk = node => {
  const own = [...node.childNodes].filter(c => c.nodeType === 3).map(c => c.textContent).join('').trim();
  if (own.toUpperCase() === wanted.toUpperCase()) found.push(node);
  if (node.shadowRoot) walk(node.shadowRoot);
  node.childNodes.forEach(walk); };
  walk(document); return found; };
"""


class Browser:
    """Headless Chromium, spoken to over its debugging pipe."""

    def __init__(self, program: str, url: str):
        if shutil.which(program) is None:
            raise UserError(f"{program}: no such program; install Chromium (Debian: apt install chromium)")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "about:blank"]
        # Chromium expects the pipe at the file descriptors 3 and 4.
        shell = ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", *command]
        self.process = subprocess.Popen(shell, pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL)
        for descriptor in (to_browser, from_browser):
            os.close(descriptor)
        self._received, self._number, self._session = b"", 0, None
        target = self.call("Target.createTarget", url=url)["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def close(self) -> None:
        """Ends the browser."""
        self.process.terminate()
        self.process.wait()

    def call(self, method: str, **parameters) -> dict:
        """Returns what a method of Chromium's DevTools protocol gives."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._received:
                part = os.read(self._read, 1 << 20)
                if not part:
                    raise UserError("Chromium ended; does it run by itself here?")
                self._received += part
            answer, _, self._received = self._received.partition(b"\0")
            answer = json.loads(answer)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def click(self, text: str) -> None:
        """Clicks on the first element that shows this text, when it is there.

        Raises:
            UserError: it does not come.
        """
        script = f"(() => {{ {FIND} const first = find('{text}')[0]; if (first) first.click(); return !!first; }})()"
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.call("Runtime.evaluate", expression=script)["result"]["value"]:
            if time.monotonic() > end:
                raise UserError(f"after {PATIENCE_SECONDS} s TensorBoard still does not show {text!r}: is it a tuning?")
            time.sleep(1)

    def picture(self, size: tuple[int, int]) -> bytes:
        """Returns what the page shows at this width and height, as a JPEG file."""
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        # components draw themselves anew after a change of size, and slowly on a busy machine
        time.sleep(5)
        return base64.b64decode(self.call("Page.captureScreenshot", format="jpeg", quality=90)["data"])


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logdir", required=True, type=cli.existing_path, metavar="DIR", help="of a finished tuning")
    parser.add_argument("--output", type=Path, default=RESOURCES, metavar="DIR", help="default: resources")
    parser.add_argument("--chromium", default="chromium", metavar="PROGRAM", help="default: chromium")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Takes the pictures."""
    args = parse_args(argv)
    with ExitStack() as stack:
        port = _free_port()
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(args.logdir), "--port", str(port)]
        board = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        stack.callback(board.wait)
        stack.callback(board.terminate)
        _wait_for_port(port)
        browser = Browser(args.chromium, f"http://localhost:{port}/#hparams")
        stack.callback(browser.close)
        for name, page in PAGES.items():
            for text in page.clicks:
                browser.click(text)
            (args.output / name).write_bytes(browser.picture(page.size))
            print(args.output / name)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with socket.socket() as connection:
            if connection.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.5)
    raise UserError(f"TensorBoard did not start within {PATIENCE_SECONDS} s")


if __name__ == "__main__":
    cli.run(main)
