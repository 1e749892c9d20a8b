"""The report as a test reads it: written by the command, its references and its words."""

from collections import Counter
from html.parser import HTMLParser

from app.cli import main


class Page(HTMLParser):
    """Collects what a page refers to, and the identifiers of its elements."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.outside = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if tag == "a" else []
        loads = [attributes.get(key) or "" for key in ("src", "srcset", "action", "data")]
        loads += [attributes.get("href", "")] if tag == "link" else []
        self.outside += [value for value in loads if value and not value.startswith("data:")]


class Words(Page):
    """Collects the text of a page as well, and counts its elements."""

    def __init__(self, text):
        self.parts, self.kinds = [], Counter()
        super().__init__(text)
        self.words = "".join(self.parts)

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        self.kinds[tag] += 1

    def handle_data(self, data):
        self.parts.append(data)


def report(tmp_path, *arguments):
    out = tmp_path / "report.html"
    assert main(["report", "--out", str(out), *arguments]) == 0
    return out.read_text()
