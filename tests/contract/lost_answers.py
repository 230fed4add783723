"""What becomes of an order whose answer never came, for products that create one by a single POST."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import ConnectorError, OutcomeUnknownError
from tests.contract.erp import SandboxErp


class LostAnswers:
    """Tests of the class that inherits them; its module has a fixture `wire`, an order that the ERP takes.

    `path` is the end of the address that the order is posted to.
    """

    path = ""

    @pytest.mark.parametrize(
        ("fault", "booked"),
        [
            ({"fault": "dropped_before_commit"}, 0),
            ({"fault": "dropped_after_commit"}, 1),
            ({"fault": "half_answer"}, 1),
            ({"fault": "internal_error", "when": "before"}, 0),
            ({"fault": "internal_error", "when": "after"}, 1),
            ({"fault": "unavailable"}, 0),
        ],
    )
    def test_a_lost_answer_is_unknown_and_nothing_is_sent_again(
        self, erp: SandboxErp, wire: dict[str, Any], key: str, fault: dict[str, Any], booked: int
    ) -> None:
        erp.connector.push("orders", wire, f"{key}-0", deadline_s=10)  # a session is open
        erp.arm({**fault, "match": {"method": "POST", "path": f"{self.path}$"}})
        with pytest.raises(OutcomeUnknownError):
            erp.connector.push("orders", wire, key, deadline_s=10)
        assert len(erp.fired()) == 1
        erp.control("DELETE", "faults")
        assert len(erp.orders(key)) == len(erp.connector.find("orders", key)) == booked

    def test_a_late_commit_ends_by_the_deadline(self, erp: SandboxErp, wire: dict[str, Any], key: str) -> None:
        erp.arm({"fault": "late_commit", "seconds": 0.3, "hold": True, "match": {"method": "POST", "times": 1}})
        with pytest.raises(OutcomeUnknownError):
            erp.connector.push("orders", wire, key, deadline_s=1)

    def test_a_search_that_fails_is_no_answer(self, erp: SandboxErp, key: str) -> None:
        erp.arm({"fault": "lookup_fails"})
        with pytest.raises(ConnectorError):
            erp.connector.find("orders", key)
