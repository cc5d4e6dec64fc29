"""The store of Great Expectations' results, whose values are safe in a page of HTML.

The library writes unexpected values into its Data Docs as they are: an id of the dump
``<script>…`` would run in the operator's browser. The pages are rendered from this
store, so everything of a result that came from the database is escaped here.
``gx/great_expectations.yml`` names the class.
"""

from __future__ import annotations

from typing import Any

from great_expectations.data_context.store import ValidationResultsStore

from harness.escaping import html_values


class EscapedResultsStore(ValidationResultsStore):  # type: ignore[misc]  # untyped
    """Keeps results as JSON, in which values are escaped for HTML."""

    def serialize(self, value: Any) -> Any:
        """Write a suite's results as JSON."""
        document = value.to_json_dict()
        for result in document["results"]:
            for found in ("result", "exception_info"):
                result[found] = html_values(result.get(found))
        return self._expectationSuiteValidationResultSchema.dumps(
            document, indent=2, sort_keys=True
        )
