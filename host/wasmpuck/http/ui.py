"""The pages for people, in one place for those who answer with them.

They are server-rendered and need no script; their markup is made by `http.markup` only, so that no text can act. What
may appear on a page is bounded by the policy in `PAGE_HEADERS`, which browsers enforce. Each page is in the language
of the request in progress (`http.visit`).
"""

from __future__ import annotations

from wasmpuck.http.html import PAGE_HEADERS, page
from wasmpuck.http.pages.handlers import Pages, page_response, pages_of, robots
from wasmpuck.http.pages.listing import Paging, listing_page
from wasmpuck.http.pages.report import report_page
from wasmpuck.http.pages.statistics import statistics_page
from wasmpuck.http.pages.words import validity_in_words

__all__ = [
    "PAGE_HEADERS",
    "Pages",
    "Paging",
    "listing_page",
    "page",
    "page_response",
    "pages_of",
    "report_page",
    "robots",
    "statistics_page",
    "validity_in_words",
]
