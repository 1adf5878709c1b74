"""Debian's chromium, driven by selenium, with the tools of its developers' protocol that tests of pages need."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

__all__ = ["Chromium"]

_ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--lang=en",
    "--force-prefers-reduced-motion",  # what is scrolled smoothly is not where a click aims
    # Names lead nowhere, so that a page cannot reach anything but this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class Chromium:
    """One browser. `emulate` sets what the next page meets; `driver` is selenium's."""

    def __init__(self, profile: Path) -> None:
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # chromium's own sandbox refuses to start as root
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service("/usr/bin/chromedriver", log_output=os.devnull)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(60)

    def close(self) -> None:
        """Ends the browser."""
        self.driver.quit()

    def call(self, command: str, **parameters: Any) -> Any:
        """One command of the developers' protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def emulate(self, *, width: int = 1200, dark: bool = False, scripts: bool = True, language: str = "en") -> None:
        """A window of `width` CSS pixels, a colour scheme, a language, with or without scripts."""
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        mobile = width < 800
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Network.enable")
        self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})

    def complaints(self) -> list[str]:
        """What the console has said since the last call."""
        entries: list[dict[str, str]] = self.driver.execute("getLog", {"type": "browser"})["value"]
        return [entry["message"] for entry in entries]

    def nodes(self) -> list[dict[str, Any]]:
        """The accessibility tree as a flat list, without what assistive technology never meets.

        Each node: role, name, and its properties by name.
        """
        self.call("Accessibility.enable")
        found = []
        for node in self.call("Accessibility.getFullAXTree")["nodes"]:
            if not node.get("ignored"):
                properties = {each["name"]: each["value"].get("value") for each in node.get("properties", ())}
                found.append(
                    {
                        "role": node.get("role", {}).get("value", ""),
                        "name": node.get("name", {}).get("value", ""),
                        "properties": properties,
                    }
                )
        return found

    def photograph(self, path: Path) -> None:
        """The whole page as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {**size, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))
