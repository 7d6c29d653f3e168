"""Mermaid itself, as GitHub draws its charts: in a browser, from npm (`make node-modules`)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from browser import CHROMIUM, Browser
from local_github.act import ROOT

MERMAID = ROOT / "build/npm/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"
CAN_DRAW = CHROMIUM is not None and MERMAID.is_file()

_PAGE = f"""<!doctype html><meta charset="utf-8"><title>charts</title>
<body style="margin: 0; background: #fff"><script src="{MERMAID.as_uri()}"></script>
<script>
mermaid.initialize({{startOnLoad: false, securityLevel: "strict"}});
window.answers = [];
async function draw(text) {{
  try {{
    const drawn = await mermaid.render("chart" + answers.length, text);
    document.body.innerHTML = drawn.svg;
    const texts = [...document.querySelectorAll("svg text")].map(t => t.textContent);
    answers.push({{error: null, texts, elements: [...new Set(
      [...document.querySelectorAll("svg *")].map(e => e.tagName.toLowerCase()))]}});
  }} catch (error) {{ answers.push({{error: String(error), texts: [], elements: []}}); }}
}}
</script>"""


class Mermaid:
    """A page that draws one chart after the other."""

    def __init__(self, folder: Path):
        self.page = folder / "mermaid.html"
        self.page.write_text(_PAGE, encoding="utf-8")
        self.browser = Browser()
        self._drawn = 0

    def __enter__(self) -> Mermaid:
        self.browser.__enter__()
        self.browser.open(self.page, 900, scripts=True)
        return self

    def __exit__(self, *raised: object) -> None:
        self.browser.__exit__(*raised)

    def draw(self, text: str) -> dict[str, Any]:
        """error: Mermaid's own words, or None; texts, elements: of what was drawn."""
        self.browser.value(f"void draw({json.dumps(text)})")
        for _ in range(200):
            answer = self.browser.value(f"answers[{self._drawn}] || null")
            if answer is not None:
                self._drawn += 1
                return dict(answer)
            time.sleep(0.02)
        raise AssertionError("Mermaid drew nothing")
