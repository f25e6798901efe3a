"""RSS 2.0, RSS 1.0 and Atom, read as they come: no tree is built, so that no document takes more than its entries."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from investbot.adapters.intelligence.terms import MOST_ITEMS
from investbot.domain.errors import DataError

_DEEPEST, _MOST_ELEMENTS, _LONGEST = 32, 50_000, 2_000
_ENTRIES = {"item", "entry"}
_ROOTS = {"rss", "feed", "rdf"}
_FIELDS = {
    "title": "title",
    "description": "summary",
    "summary": "summary",
    "content": "summary",
    "pubdate": "published",
    "published": "published",
    "updated": "updated",
    "date": "published",
    "guid": "name",
    "id": "name",
    "link": "link",
}
"""Element, in lower case and without its namespace -> what it tells of an entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed as it tells it."""

    title: str
    summary: str
    published: str
    name: str


def parse(body: bytes) -> list[Entry]:
    """Read the first entries of a feed; DataError for what is none, has entities of its own, or has no end."""
    reader = _Reader()
    parser = DefusedXMLParser(target=reader, forbid_dtd=True)
    try:
        parser.feed(body)
        parser.close()
    except DefusedXmlException:
        raise DataError("The feed declares a document type, which none needs.") from None
    except (ParseError, ValueError, LookupError):
        raise DataError("The answer is no feed.") from None
    return reader.entries


class _Reader:
    """Is told of every start, text and end in a document, and keeps the entries."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._path: list[str] = []
        self._seen = 0
        self._entry: dict[str, str] | None = None
        self._text: list[str] | None = None
        self._length = 0

    def start(self, tag: str, _attributes: object) -> None:
        """Note an element that begins."""
        name = _local(tag)
        if not self._path and name not in _ROOTS:
            raise DataError("The answer is no feed.")
        self._path.append(name)
        self._seen += 1
        if len(self._path) > _DEEPEST or self._seen > _MOST_ELEMENTS:
            raise DataError("The feed is nested too deep or has too many elements.")
        if name in _ENTRIES and self._entry is None:
            self._entry = {}
            self._text = None
        elif self._entry is not None and self._path[-2] in _ENTRIES:
            self._text, self._length = [], 0

    def data(self, text: str) -> None:
        """Keep text of an entry, up to a bound."""
        if self._text is not None and self._length < _LONGEST:
            self._text.append(text[: _LONGEST - self._length])
            self._length += len(text)

    def end(self, _tag: str) -> None:
        """Note an element that ends."""
        name = self._path.pop()
        if self._entry is None:
            return
        if name in _ENTRIES:
            self._keep(self._entry)
            self._entry = None
        elif self._text is not None and self._path[-1] in _ENTRIES:
            field = _FIELDS.get(name)
            if field is not None:
                self._entry.setdefault(field, "".join(self._text).strip())
            self._text = None

    def _keep(self, told: dict[str, str]) -> None:
        if len(self.entries) < MOST_ITEMS:
            title = told.get("title", "")
            published = told.get("published") or told.get("updated", "")
            name = told.get("name") or told.get("link") or title
            self.entries.append(Entry(title, told.get("summary", ""), published, name))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2].lower()
