"""The generated reference page."""

from __future__ import annotations

from wasmpuck.config import GRANTS, BreakerSettings, FailureClasses, reference
from wasmpuck.config.fields import settings_of
from wasmpuck.config.loading import SECTIONS
from wasmpuck.config.plugins import PluginDefaults, PluginSecuritySettings, PluginTable


def test_every_key_is_on_the_page_with_its_sentence() -> None:
    """The page has a row for each key of each table."""
    page = reference()
    for cls in (
        *SECTIONS.values(),
        PluginDefaults,
        PluginSecuritySettings,
        PluginTable,
        FailureClasses,
        BreakerSettings,
    ):
        for each in settings_of(cls):
            row = next(
                line for line in page.splitlines() if line.startswith(f"| `{each.key}` |") and each.sentence in line
            )
            assert row.count(" | ") == 3
    for grant in GRANTS:
        assert f"`{grant}`" in page


def test_every_table_is_a_table() -> None:
    """Each heading is followed by one Markdown table whose rows have four columns."""
    for section in reference().split("\n## ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        assert rows[0] == "| Key | Takes | Default | Meaning |"
        assert rows[1] == "|---|---|---|---|"
        assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
