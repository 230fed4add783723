"""Clients that others wrote, unchanged, against the Galaxy sandbox: Kingdee's official SDK, kingdee-mcp over stdio."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from k3cloud_webapi_sdk.main import K3CloudApiSdk
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.contract.galaxy_help import Galaxy

pytestmark = pytest.mark.contract
ORDER = "SAL_SaleOrder"
Ask = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
def galaxy() -> Iterator[Galaxy]:
    running = Galaxy()
    yield running
    running.close()


# --- Kingdee's own SDK: signed headers -------------------------------------------------------------------------------


@pytest.fixture
def sdk(galaxy: Galaxy) -> K3CloudApiSdk:
    client = K3CloudApiSdk(f"{galaxy.sandbox.url}/k3cloud/")
    secret, user = galaxy.sandbox.password, galaxy.sandbox.user
    client.InitConfig(galaxy.acct_id, user, galaxy.app_id, secret, client.ServerUrl)
    return client


def ok(text: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(text)["Result"]
    assert result["ResponseStatus"]["IsSuccess"] is True, text
    return result


def test_the_sdk_takes_an_order_through_its_life(galaxy: Galaxy, sdk: K3CloudApiSdk) -> None:
    saved = ok(sdk.Save(ORDER, {"Model": galaxy.order(number="CT7-SDK", FNote="由 SDK 保存")}))
    assert saved["Number"] == "CT7-SDK"
    ids = {"Ids": str(saved["Id"])}
    for verb in (sdk.Submit, sdk.Audit, sdk.UnAudit):
        assert ok(verb(ORDER, ids))["ResponseStatus"]["SuccessEntitys"][0]["Number"] == "CT7-SDK"
    ok(sdk.Save(ORDER, {"Model": {"FID": saved["Id"], "FNote": "改"}, "IsDeleteEntry": "false"}))
    viewed = json.loads(sdk.View(ORDER, {"Number": "CT7-SDK"}))["Result"]["Result"]
    assert (viewed["Note"], viewed["DocumentStatus"], len(viewed["SaleOrderEntry"])) == ("改", "D", 2)
    ok(sdk.ExcuteOperation(ORDER, "Cancel", ids))
    query = {"FormId": ORDER, "FieldKeys": "FBillNo,FCancelStatus", "FilterString": "FNote='改'", "Limit": 10}
    assert json.loads(sdk.ExecuteBillQuery(query)) == [["CT7-SDK", "B"]]
    assert json.loads(sdk.BillQuery(query)) == [{"FBillNo": "CT7-SDK", "FCancelStatus": "B"}]
    ok(sdk.ExcuteOperation(ORDER, "UnCancel", ids))
    ok(sdk.Delete(ORDER, ids))
    assert json.loads(sdk.ExecuteBillQuery(query)) == []


def test_the_sdk_polls_reads_metadata_and_allocates(galaxy: Galaxy, sdk: K3CloudApiSdk) -> None:
    models = [galaxy.order(number="CT7-POLL1"), galaxy.order(number="CT7-POLL2")]
    done = ok(sdk.BatchSaveQuery(ORDER, {"Model": models}))
    assert [one["Number"] for one in done["ResponseStatus"]["SuccessEntitys"]] == ["CT7-POLL1", "CT7-POLL2"]
    info = ok(sdk.QueryBusinessInfo({"FormId": ORDER}))["NeedReturnData"]
    assert "FSaleOrderEntry" in {entity["Key"] for entity in info["Entrys"]}
    assert json.loads(sdk.GetDataCenters())[0]["Id"] == galaxy.acct_id
    where = "FCreateOrgId.FNumber='CN01'"
    pk = json.loads(sdk.ExecuteBillQuery({"FormId": "BD_Customer", "FieldKeys": "FCUSTID", "FilterString": where}))[0][
        0
    ]
    organisations = json.loads(sdk.ExecuteBillQuery({"FormId": "ORG_Organizations", "FieldKeys": "FOrgID,FNumber"}))
    abroad = next(str(number) for number, name in organisations if name == "US01")
    ok(sdk.Allocate("BD_Customer", {"PkIds": str(pk), "TOrgIds": abroad}))
    ok(sdk.CancelAllocate("BD_Customer", {"PkIds": str(pk), "TOrgIds": abroad}))


def test_the_sdk_sees_no_lost_session_and_hears_of_wrong_credentials(galaxy: Galaxy, sdk: K3CloudApiSdk) -> None:
    query = {"FormId": "BD_Currency", "FieldKeys": "FNumber", "OrderString": "FNumber", "Limit": 1}
    first = sdk.ExecuteBillQuery(query)
    galaxy.arm({"fault": "expired_session", "match": {"times": 1}})
    assert sdk.ExecuteBillQuery(query) == first
    galaxy.arm({"fault": "refused_200", "match": {"times": 1}})
    with pytest.raises(RuntimeError, match="服务器忙"):
        sdk.ExecuteBillQuery(query)
    galaxy.control("DELETE", "faults")
    galaxy.login()
    other = K3CloudApiSdk(sdk.ServerUrl)
    other.InitConfig(galaxy.acct_id, galaxy.sandbox.user, galaxy.app_id, "0" * 32, sdk.ServerUrl)
    assert json.loads(other.ExecuteBillQuery(query))[0][0]["Result"]["ResponseStatus"]["MsgCode"] == 1
    other.InitConfig("nowhere", galaxy.sandbox.user, galaxy.app_id, galaxy.sandbox.password, sdk.ServerUrl)
    with pytest.raises(RuntimeError, match="Fail to verify thirty passport"):
        other.ExecuteBillQuery(query)


# --- kingdee-mcp: a login with password, forms and texts -------------------------------------------------------------


def with_mcp(galaxy: Galaxy, folder: Path, work: Callable[[Ask], Coroutine[Any, Any, None]]) -> None:
    """Run `work` with a function that calls one of the server's tools and reads its answer."""

    async def run() -> None:
        environment = {
            "KINGDEE_SERVER_URL": f"{galaxy.sandbox.url}/k3cloud/", "KINGDEE_ACCT_ID": galaxy.acct_id,
            "KINGDEE_USERNAME": galaxy.sandbox.user, "KINGDEE_PASSWORD": galaxy.sandbox.password,
            "MCP_USAGE_LOG_DIR": str(folder), "KINGDEE_METADATA_CACHE_DIR": str(folder), "PYTHONIOENCODING": "utf-8",
        }  # fmt: skip
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "kingdee_mcp.server"], env=environment, cwd=folder
        )
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()

            async def ask(tool: str, **parameters: Any) -> Any:
                answer = await session.call_tool(tool, {"params": parameters})
                assert not answer.isError, answer
                return json.loads(answer.content[0].text, parse_float=Decimal)

            await work(ask)

    asyncio.run(run())


def test_kingdee_mcp_reads_and_writes_at_a_sales_desk(galaxy: Galaxy, tmp_path: Path) -> None:
    async def work(ask: Ask) -> None:
        await read_at_a_sales_desk(ask)
        await write_at_a_sales_desk(galaxy, ask)

    with_mcp(galaxy, tmp_path, work)


async def read_at_a_sales_desk(ask: Ask) -> None:
    orders = await ask(
        "kingdee_query_sale_orders", form_id=ORDER, field_keys="FID,FBillNo,FCustId.FName,FBillAllAmount",
        filter_string="FDocumentStatus='C'", limit=5,
    )  # fmt: skip
    assert orders["count"] == 5 and orders["has_more"] is True
    receivables = await ask("kingdee_query_receipts", limit=3)
    assert receivables["count"] == 3 and len(receivables["data"][0]) == 14
    assert (await ask("kingdee_query_materials", field_keys="FMaterialId,FNumber,FBaseUnitId.FName"))["count"] == 20
    customers = await ask("kingdee_query_partners", partner_type="BD_Customer", field_keys="FNumber,FName")
    assert customers["count"] == 20
    assert (await ask("kingdee_query_sales_outstock", form_id="SAL_OUTSTOCK"))["count"] > 0
    currencies = await ask("kingdee_query_bills", form_id="BD_Currency", field_keys="FNumber,FName")
    assert currencies["count"] == 20 and "notice" in currencies  # it has learnt that there is no FID
    viewed = await ask("kingdee_view_bill", form_id=ORDER, bill_id=str(orders["data"][0][0]))
    assert viewed["Result"]["Result"]["BillNo"] == orders["data"][0][1]


async def write_at_a_sales_desk(galaxy: Galaxy, ask: Ask) -> None:
    model = galaxy.order(number="CT7-MCP")
    unknown = await ask("kingdee_save_bill", form_id=ORDER, model={**model, "FNoSuchThing": 1, "FBillNo": "CT7-X"})
    assert unknown["success"] is True and "FNoSuchThing" in json.dumps(unknown["unknown_fields"])
    saved = await ask("kingdee_save_bill", form_id=ORDER, model=model)
    assert saved["success"] is True
    again = await ask("kingdee_save_bill", form_id=ORDER, model=model)
    assert again["success"] is False and "已经被使用" in json.dumps(again, ensure_ascii=False)
    [[order]] = galaxy.query(ORDER, "FID", "FBillNo='CT7-MCP'")[:1]
    galaxy.arm({"fault": "expired_session", "match": {"times": 1}})  # it logs in again, and says it once more
    for verb in ("submit", "audit", "unaudit", "submit", "audit"):
        done = await ask(f"kingdee_{verb}_bills", form_id=ORDER, bill_ids=[str(order)])
        assert done["success"] is True, done
    galaxy.control("DELETE", "faults")
    galaxy.login()
    assert galaxy.status(str(order)) == "C"
    closed = await ask("kingdee_close_bill", form_id=ORDER, bill_nos=["CT7-MCP"])
    assert closed["success"] is True and closed["action"] == "BillClose"
    await ask("kingdee_unclose_bill", form_id=ORDER, bill_nos=["CT7-MCP"])
    pushed = await ask("kingdee_push_bill", form_id=ORDER, target_form_id="SAL_OUTSTOCK", source_bill_nos=["CT7-MCP"])
    assert pushed["success"] is True and pushed["target_bill_nos"][0].startswith("XSCKD")
