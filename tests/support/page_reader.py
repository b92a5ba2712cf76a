"""Reads the page of the viewer back, independently of what writes it."""

import base64
import html.parser
import json
import zlib

import numpy as np


class Reader(html.parser.HTMLParser):
    """Scripts of a page by their `id`, and its tags."""

    def __init__(self, text: str):
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.title = ""
        self._is_open = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._is_open = True

    def handle_endtag(self, tag):
        self._is_open = False

    def handle_data(self, data):
        if not self._is_open:
            return
        tag, attributes = self.tags[-1]
        if tag == "script":
            name = attributes.get("id") or attributes["type"]
            self.scripts[name] = self.scripts.get(name, "") + data
        elif tag == "title":
            self.title += data


def read(text: str) -> tuple[dict, dict[str, np.ndarray]]:
    """The document of a page and its columns `[N, D]`, read independently of the writer."""
    scripts = Reader(text).scripts
    document = json.loads(scripts["document"])
    raw = zlib.decompress(base64.b64decode(scripts["points"]))
    found, at = {}, 0
    for column in document["columns"]:
        parts = []
        for _ in range(column["components"]):
            size = column["width"] * column["rows"]
            planes = np.frombuffer(raw[at : at + size], np.uint8).reshape(column["width"], -1)
            values = sum(int(256**k) * plane.astype(np.int64) for k, plane in enumerate(planes))
            if column["is_delta"]:
                steps = np.where(values % 2, -(values + 1) // 2, values // 2)
                values = np.cumsum(steps) % 256 ** column["width"]
            parts.append(values)
            at += size
        found[column["name"]] = np.stack(parts, axis=1)
    assert at == len(raw)
    return document, found
