"""A client of the Galaxy sandbox that says exactly what a test wants to be on the wire."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from sandbox.kingdee import signing
from sandbox.server import Sandbox, start

AUTH = "Kingdee.BOS.WebApi.ServicesStub.AuthService"
FORMS = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService"
DATA_CENTRES = "Kingdee.BOS.ServiceFacade.ServicesStub.Account.AccountService.GetDataCenterList"


class Galaxy:
    """A sandbox, and one client that is logged in."""

    def __init__(self, data: Path | None = None, **settings: Any) -> None:
        self.sandbox: Sandbox = start("kingdee/galaxy", data=data, **settings)
        self.http = self.client()
        self.login()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self.sandbox.url}/k3cloud/", timeout=30)

    def close(self) -> None:
        self.http.close()
        self.sandbox.stop()

    @property
    def acct_id(self) -> str:
        return str(self.sandbox.info["client"])

    @property
    def app_id(self) -> str:
        return str(self.sandbox.info["options"]["app_id"])

    def control(self, method: str, path: str, **body: Any) -> Any:
        answer = self.http.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def arm(self, *schedule: dict[str, Any]) -> None:
        self.control("POST", "faults", schedule=list(schedule))

    # -- the wire ----------------------------------------------------------------------------------------------------

    def post(self, method: str, body: Any, *, service: str = FORMS, **options: Any) -> httpx.Response:
        return self.http.post(f"{service}.{method}.common.kdsvc", json=body, **options)

    def login(self) -> Any:
        body = {"parameters": [self.acct_id, self.sandbox.user, self.sandbox.password, 2052]}
        answer = self.post("ValidateUser", body, service=AUTH).json()
        assert answer["LoginResultType"] == 1, answer
        return answer

    def call(self, method: str, form: str, **data: Any) -> Any:
        answer = self.post(method, {"formid": form, "data": data})
        return json.loads(answer.text, parse_float=Decimal)

    def query(self, form: str, keys: str, where: Any = "", order: str = "", **more: Any) -> Any:
        data = {"FormId": form, "FieldKeys": keys, "FilterString": where, "OrderString": order, **more}
        return json.loads(self.post("ExecuteBillQuery", {"data": data}).text, parse_float=Decimal)

    def execute(self, form: str, number: str, **data: Any) -> Any:
        return self.post("ExecuteOperation", {"formid": form, "opNumber": number, "data": data}).json()

    def signed(self, path: str, *, user: str = "", secret: str = "", lcid: str = "2052") -> dict[str, str]:
        """Headers as the official SDK makes them."""
        user, secret = user or self.sandbox.user, secret or self.sandbox.password
        client, key = signing.api_key(self.app_id)
        data = f"{self.acct_id},{user},{lcid},0"
        target = path.replace("/", "%2F")
        return {
            "X-Api-ClientID": client, "X-Api-Auth-Version": "2.0", "x-api-timestamp": "1700000000",
            "x-api-nonce": "1700000000", "x-api-signheaders": "x-api-timestamp,x-api-nonce",
            "X-Api-Signature": signing.seal(
                f"POST\n{target}\n\nx-api-nonce:1700000000\nx-api-timestamp:1700000000\n", key
            ),
            "X-Kd-Appkey": self.app_id, "X-Kd-Appdata": signing.base64.b64encode(data.encode()).decode(),
            "X-Kd-Signature": signing.seal(self.app_id + data, secret),
        }  # fmt: skip

    # -- documents ---------------------------------------------------------------------------------------------------

    def customer(self, company: str) -> str:
        """A customer of an organisation, of the currency of its company."""
        currency = self.sandbox.info["companies"][company]["currency"]
        where = f"FUseOrgId.FNumber='{company}' and FTRADINGCURRID.FCODE='{currency}' and FISCREDITCHECK='0'"
        rows = self.query("BD_Customer", "FNumber", where, "FNumber", Limit=1)
        rows = rows or self.query("BD_Customer", "FNumber", f"FUseOrgId.FNumber='{company}'", "FNumber", Limit=1)
        return str(rows[0][0])

    def order(self, company: str = "CN01", *, number: str = "", **header: Any) -> dict[str, Any]:
        """The Model of an order of two lines."""
        line = {
            "FUnitID": {"FNumber": "PCS"}, "FQty": 2, "FTaxPrice": 113, "FEntryTaxRate": 13,
            "FDeliveryDate": "2026-12-01",
        }  # fmt: skip
        products = [row[0] for row in self.query("BD_MATERIAL", "FNumber", "", "FNumber", Limit=2)]
        model: dict[str, Any] = {
            "FBillTypeID": {"FNumber": "XSDD01_SYS"}, "FSaleOrgId": {"FNumber": company},
            "FCustId": {"FNumber": self.customer(company)},
            "FSaleOrderFinance": {"FSettleCurrId": {"FNumber": "PRE001"}, "FIsIncludedTax": True},
            "FSaleOrderEntry": [{"FMaterialId": {"FNumber": product}, **line} for product in products],
        }  # fmt: skip
        return model | ({"FBillNo": number} if number else {}) | header

    def save(self, model: dict[str, Any], form: str = "SAL_SaleOrder", **more: Any) -> dict[str, Any]:
        result: dict[str, Any] = self.call("Save", form, Model=model, **more)["Result"]
        return result

    def saved(self, model: dict[str, Any], form: str = "SAL_SaleOrder", **more: Any) -> str:
        result = self.save(model, form, **more)
        assert result["ResponseStatus"]["IsSuccess"] is True, result
        return str(result["Id"])

    def status(self, order: str) -> str:
        return str(self.query("SAL_SaleOrder", "FDocumentStatus", f"FID={order}")[0][0])


def problem(answer: Any) -> tuple[str, int]:
    """Text and MsgCode of a refusal, in whichever of its shapes."""
    while isinstance(answer, list):
        answer = answer[0]
    status = answer["Result"]["ResponseStatus"] if "Result" in answer else answer["ResponseStatus"]
    assert status["IsSuccess"] is False, answer
    return status["Errors"][0]["Message"], status["MsgCode"]
