"""The small book that recordings are taken from: a few documents of each kind, and each awkward one once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from sandbox.office.agreements import NewTerm
from sandbox.office.company import Company
from sandbox.office.dataset import (
    ApplicationData,
    DataSet,
    DeliveryData,
    InstalmentData,
    InvoiceData,
    InvoiceLineData,
    OrderData,
    OrderLineData,
    PartnerData,
    PaymentData,
    ProductData,
)
from sandbox.office.office import Office
from sandbox.office.terms import TERMS

TODAY = date(2026, 6, 30)
CN, US = "CN01", "US01"
COMPANIES = [
    Company(CN, "砺泉自动化（苏州）", "CNY", "Asia/Shanghai", "CN", 1, CN),
    Company(US, "Liquan Automation Inc.", "USD", "America/Chicago", "US", 1, US),
]
USD_RATE = Decimal("7.1234")
PUMP, GREASE, CARE = "LQ-1010", "LQ-1600", "LQ-2010"
MILL, FARM = "K1001", "K1022"
MILL_NAME = "星垣轴承（无锡）有限公司"
Key = tuple[str, str]

CHANGES: dict[str, list[tuple[str, str, dict[str, object]]]] = {
    "sap/s4": [
        ("customers", FARM, {"BusinessPartnerIsBlocked": True, "IsMarkedForArchiving": True}),
        ("customers", FARM, {"DeliveryIsBlocked": "01", "BillingIsBlockedForCustomer": "01"}),
        ("products", CARE, {"CrossPlantStatus": "01"}),
        ("orders", "H2", {"DeliveryBlockReason": "01"}),
        ("open_items", "CN01I1", {"DunningLevel": "1", "DunningBlockingReason": "A"}),
    ],
    "oracle/fusion": [
        ("products", CARE, {"blocked": True}),
        ("contracts", "", {"SourceKey": "CT7-S000001"}),
    ],
    "yonyou/yonbip": [
        ("customers", FARM, {"contactName": "Ann Example"}),
        ("products", CARE, {"blocked": True}),
        ("contracts", "", {"out_sys_id": "CT7-S000001"}),
    ],
    "kingdee/galaxy": [
        ("products", CARE, {"blocked": True}),
    ],
}
"""By product, fields that an ERP user sets: object, number of ours (empty: the first one), values."""


def small() -> DataSet:
    """Named as the made-up data, to which sandboxes add contracts."""
    data = DataSet("seed", COMPANIES, _partners(), _products(), terms=set(TERMS), last_day=TODAY)
    data.rates = {("USD", "CNY"): [(_day(1, 1), USD_RATE)]}
    data.orders = _orders()
    data.deliveries = [
        DeliveryData("CN01/D1", _day(5, 6), False, [((CN, "1"), 10, Decimal(6))]),
        DeliveryData("CN01/D2", _day(5, 8), True, [((CN, "1"), 10, Decimal(1))]),
    ]
    data.invoices = _invoices()
    data.payments = _payments()
    data.applications = _applications()
    return data


def renew(office: Office) -> None:
    """The newest contract goes on for a year."""
    old = list(office.contracts.values())[-1]
    terms = [
        NewTerm(line.product, line.quantity, line.net, line.end + timedelta(days=1), line.end + timedelta(days=365))
        for line in old.lines
    ]
    office.agreements.create(old.customer, old.company, terms, signed=TODAY, terms=old.terms).renews = old


def _day(month: int, day: int) -> date:
    return date(2026, month, day)


def _partners() -> list[PartnerData]:
    return [
        PartnerData(
            MILL, MILL, MILL_NAME, "", "ZH", "CN", "JS", "无锡", "214028", "新华路 18 号",
            "13800000001", "ap@mill.example.com", "CN5", "91320500MA1XYZ0001", Decimal(5_000_000),
            [(CN, "11001", "CNY", "N30")],
        ),
        PartnerData(
            FARM, FARM, "O'Dell & Sons \"Prairie\" Dairy, LLC", "", "EN", "US", "KS", "Wichita", "67202",
            "410 E Douglas Ave", "555-0142", "ap@farm.example.com", "US01", "12-3456789", Decimal(800_000),
            [(US, "11022", "USD", "D210"), (CN, "11022", "USD", "N45")],
        ),
    ]  # fmt: skip


def _products() -> list[ProductData]:
    def product(code: str, zh: str, en: str, unit: str, tax: int, cny: str, usd: str = "") -> ProductData:
        prices = [(CN, Decimal(cny), "CNY"), *((company, Decimal(usd), "USD") for company in (CN, US) if usd)]
        return ProductData(code, {"ZH": zh, "EN": en}, unit, Decimal(tax), code[3:5] + "00", prices)

    return [
        product(PUMP, "离心泵 IH50", "Centrifugal pump IH50", "PCS", 13, "4860.00"),
        product(GREASE, "食品级润滑脂", "Food-grade grease", "KG", 13, "58.90"),
        product(CARE, "年度维保服务", "Yearly maintenance", "EA", 6, "18600.00", "2611.44"),
    ]


def _orders() -> list[OrderData]:
    goods = {product.code: product for product in _products()}

    def order(number: str, partner: str, on: date, currency: str, code: str, quantity: str, price: str) -> OrderData:
        later, product = on + timedelta(days=14), goods[code]
        line = OrderLineData(10, code, Decimal(quantity), product.unit, Decimal(price), False, product.tax_rate)
        head = ((CN, number), CN, partner, on, currency, "N30", f"H{number}", f"PO-{number}", later)
        return OrderData(*head, lines=[line])

    return [
        order("1", MILL, _day(5, 4), "CNY", PUMP, "10", "4860.00"),
        replace(order("2", MILL, _day(6, 1), "CNY", GREASE, "1", "58.90"), held_from=_day(6, 1)),
        replace(order("3", FARM, _day(6, 2), "USD", CARE, "3", "2611.44"), cancelled=_day(6, 3)),
    ]


def _invoices() -> list[InvoiceData]:
    pump = InvoiceLineData(PUMP, Decimal(6), "PCS", Decimal("29160.00"), Decimal("3790.80"), (CN, "1"), 10, "CN01/D1")
    spare = InvoiceLineData(PUMP, Decimal(1), "PCS", Decimal("4380.20"), Decimal("569.43"))
    back = InvoiceLineData(PUMP, Decimal(-1), "PCS", Decimal("-4860.00"), Decimal("-631.80"), (CN, "1"), 10)
    care = InvoiceLineData(CARE, Decimal("0.5"), "EA", Decimal("307.48"), Decimal(0))

    def invoice(
        number: str, kind: str, partner: str, on: date, lines: list[InvoiceLineData],
        *parts: tuple[str, date | None, str], net: str = "0", currency: str = "CNY", terms: str = "N30",
        reference: str = "", text: str = "",
    ) -> InvoiceData:  # fmt: skip
        goods = sum((line.net for line in lines), Decimal(net))
        tax = sum((line.tax for line in lines), Decimal(0))
        rate = USD_RATE if currency == "USD" else Decimal(1)
        items = [
            InstalmentData(str(at), name, on if due else None, due, Decimal(amount))
            for at, (name, due, amount) in enumerate(parts, 1)
        ]
        return InvoiceData(
            (CN, number), kind, CN, partner, on, on + timedelta(days=1), on + timedelta(days=1), currency,
            rate, goods, tax, terms, (CN, reference) if reference else None, f"{CN}{number}", text=text,
            lines=lines, instalments=items,
        )  # fmt: skip

    return [
        invoice("I1", "invoice", MILL, _day(5, 6), [pump], ("trade", _day(6, 5), "32950.80")),
        invoice("I2", "invoice", MILL, _day(5, 12), [spare], ("trade", _day(5, 12), "4454.67"),
                ("retention", None, "494.96"), terms="P361"),
        invoice("I3", "invoice", FARM, _day(5, 25), [care], ("trade", _day(7, 9), "307.48"), currency="USD",
                terms="N45"),
        invoice("R3", "reversal", FARM, _day(6, 3), [], net="-307.48", currency="USD", terms="N45", reference="I3"),
        invoice("C1", "credit_memo", MILL, _day(5, 9), [back], ("trade", _day(6, 5), "-5491.80"), terms="NT00",
                reference="I1"),
        invoice("O1", "opening", MILL, _day(4, 1), [], ("trade", _day(5, 1), "888.88"), net="888.88", text="期初余额"),
    ]  # fmt: skip


def _payments() -> list[PaymentData]:
    def money(number: str, kind: str, on: date, amount: str, **more: date) -> PaymentData:
        return PaymentData(
            (CN, number), kind, CN, MILL, on, on, on, "CNY", Decimal(1), Decimal(amount), f"{CN}{number}", **more
        )

    return [
        money("P1", "receipt", _day(6, 4), "20000.05"),
        money("B1", "bill", _day(6, 8), "494.96", maturity=_day(12, 8), returned=_day(6, 18)),
    ]


def _applications() -> list[ApplicationData]:
    def applied(
        key: str, kind: str, on: date, source: tuple[str, Key] | None, item: str, amount: str, part: str = "1",
        undone: date | None = None,
    ) -> ApplicationData:  # fmt: skip
        taken = Decimal(0) if kind in ("discount", "write_off") else Decimal(amount)
        return ApplicationData(key, kind, CN, on, undone, source, taken, (CN, item), part, Decimal(amount))

    return [
        applied("A1", "payment", _day(6, 4), ("payment", (CN, "P1")), "I1", "20000.05"),
        applied("A2", "credit", _day(6, 5), ("credit_memo", (CN, "C1")), "I1", "5491.80"),
        applied("A3", "discount", _day(6, 4), ("payment", (CN, "P1")), "I1", "13.65"),
        applied("A4", "payment", _day(6, 8), ("payment", (CN, "B1")), "I2", "494.96", part="2", undone=_day(6, 18)),
        applied("A5", "write_off", _day(6, 20), None, "O1", "8.88"),
    ]
