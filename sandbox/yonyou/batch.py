"""Batch actions: `code` 200 whatever came of them, the truth in sucessCount (the vendor's spelling) and failCount."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.office.trade import Office, TradeError
from sandbox.yonyou.envelope import RefusalError
from sandbox.yonyou.wire import Row


def run(office: Office, rows: Iterable[Row], act: Callable[[Row], Row]) -> Row:
    """Each row by itself: one that fails leaves no trace, the others stand."""
    infos: list[Row] = []
    messages: list[Any] = []
    for row in rows:
        try:
            with office.attempt():
                infos.append(act(row))
        except (RefusalError, TradeError) as problem:
            messages.append(problem.message if isinstance(problem, RefusalError) else in_chinese(problem))
    return answer(infos, messages)


def answer(infos: list[Row], messages: list[Any]) -> Row:
    return {
        "count": len(infos) + len(messages), "sucessCount": len(infos), "failCount": len(messages),
        "messages": messages, "infos": infos,
    }  # fmt: skip


_WORDS = {
    "customer-blocked": "客户已停用或已冻结", "no-account": "客户未分配到该组织", "unknown-currency": "币种不存在",
    "unknown-terms": "收款协议不存在", "no-lines": "表体不能为空", "cancelled": "单据已取消",
    "product-blocked": "物料已停用", "line-exists": "行号重复", "bad-quantity": "数量必须大于零",
    "below-delivered": "数量不能小于已发货数量", "bad-price": "单价不能小于零", "no-price": "未取到价格",
    "has-follow-on": "单据存在下游单据，不能执行该操作", "fixed-field": "字段不允许修改", "bad-term": "合同期间不正确",
    "over-applied": "核销金额超过余额", "already-reversed": "单据已红冲", "double-account": "客户已分配到该组织",
    "unknown-company": "组织不存在", "no-name": "客户名称不能为空!",
}  # fmt: skip


def in_chinese(problem: TradeError) -> str:
    """The book's refusal in the product's words; the facts stay as the book gives them."""
    return f"{_WORDS.get(problem.code, '服务端逻辑异常')}（{problem}）"
