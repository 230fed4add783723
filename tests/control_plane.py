"""A sandbox's control plane as tests use it: what an ERP user, or fate, would do, and what the sandbox's book says."""

from __future__ import annotations

from typing import Any

import httpx

from sandbox.server import Sandbox


class Controlled:
    sandbox: Sandbox

    def control(self, method: str, path: str, **body: Any) -> Any:
        answer = httpx.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def arm(self, *schedule: dict[str, Any]) -> None:
        self.control("POST", "faults", schedule=list(schedule))

    def fired(self) -> list[str]:
        return [hit["fault"] for hit in self.control("GET", "faults")["fired"]]

    def book(self, obj: str) -> list[Any]:
        return list(self.control("GET", f"book?object={obj}")["documents"])
