"""A made-up company group and half a year of its business, the same for the same seed and day."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

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
from sandbox.office.money import ZERO, rounded, tax_split
from sandbox.office.terms import TERMS, instalments

COMPANIES = [
    Company("CN01", "砺泉自动化（苏州）", "CNY", "Asia/Shanghai", "CN", 1, "CN01"),
    Company("US01", "Liquan Automation Inc.", "USD", "America/Chicago", "US", 1, "US01"),
]
RATES = {
    ("USD", "CNY"): "7.1200",
    ("EUR", "CNY"): "7.8400",
    ("JPY", "CNY"): "0.0478",
    ("EUR", "USD"): "1.1020",
    ("JPY", "USD"): "0.0067",
}
CREDIT_LIMITS = {"CNY": 5_000_000, "USD": 800_000, "EUR": 700_000, "JPY": 90_000_000}

_CUSTOMERS = """
K1001|星垣轴承（无锡）有限公司||ZH|CN|JS|无锡|214028|新华路 18 号|CN01 CNY EOM3
K1002|堇川食品机械股份有限公司||ZH|CN|ZJ|宁波|315100|鄞县大道 2001 号|CN01 CNY N30
K1003|北屿船舶设备（大连）有限公司||ZH|CN|LN|大连|116600|铁山东路 7 号|CN01 CNY P361
K1004|玖禾包装科技有限公司||ZH|CN|GD|佛山|528200|桂澜北路 36 号|CN01 CNY N45
K1005|岚亭暖通工程（成都）有限公司||ZH|CN|SC|成都|610041|天府大道北段 1480 号|CN01 CNY T3
K1006|𬭎远阀门制造有限公司||ZH|CN|ZJ|温州|325024|滨海五路 99 号|CN01 CNY N30
K1007|海榕电子（厦门）有限公司||ZH|CN|FJ|厦门|361006|火炬路 56 号|CN01 CNY NT00
K1008|拓枫新能源科技（合肥）有限公司||ZH|CN|AH|合肥|230088|望江西路 800 号|CN01 CNY N60
K1009|陇西粮油工业集团||ZH|CN|GS|兰州|730030|雁滩路 3355 号|CN01 CNY N45
K1010|青篱贸易行||ZH|CN|SH|上海|200040|南京西路 1266 号|CN01 CNY NT00
K1011|汀兰乳业（呼和浩特）有限公司||ZH|CN|NM|呼和浩特|010110|金山大道 8 号|CN01 CNY N30
K1012|琥珀岛化工（青岛）有限公司||ZH|CN|SD|青岛|266555|前湾港路 579 号|CN01 CNY EOM3
K1013|白鷺精機株式会社|Shirasagi Seiki K.K.|JA|JP|23|名古屋市|450-0002|名駅 4-7-1|CN01 JPY T3
K1014|Tannhöhe Fördertechnik GmbH|& Söhne|DE|DE|08|Ulm|89073|Hirschstraße 12|CN01 EUR N30
K1015|Harrow Creek Milling Co.||EN|US|KS|Wichita|67202|410 E Douglas Ave|US01 USD N30
K1016|O'Dell & Sons Pumps, LLC||EN|US|TX|Houston|77002|1200 Smith St|US01 USD D210
K1017|Bluestem "Prairie" Dairy Cooperative||EN|US|IA|Des Moines|50309|666 Walnut St|US01 USD N45
K1018|Cedar & Pine Packaging Inc.||EN|US|OR|Portland|97204|111 SW 5th Ave|US01 USD N30
K1019|Niágara Bebidas, S. de R.L.||ES|MX|NL|Monterrey|64000|Av. Constitución 444|US01 USD N60
K1020|Fjordlys Maritim AS||EN|NO|03|Oslo|0150|Strandgata 5|US01 EUR N30
K1021|Kestrel Ridge Wind Partners, L.P.||EN|US|CO|Denver|80202|1670 Broadway|US01 USD T3
K1022|Sagebrush Instruments Corp.||EN|US|NV|Reno|89501|50 W Liberty St|US01 USD D210;CN01 USD N45
K1023|Aomine Trading Co., Ltd.||EN|JP|13|Tokyo|100-0005|1-8-2 Marunouchi|US01 JPY N30
K1024|Maple Harbor Foods Ltd.||EN|CA|ON|Toronto|M5H 2N2|100 King St W|US01 USD N30;CN01 USD N30
"""

_PRODUCTS = """
LQ-1010|离心泵 IH50|Centrifugal pump IH50|PCS|13|4860.00
LQ-1020|齿轮泵 KCB-83|Gear pump KCB-83|PCS|13|3275.50
LQ-1100|伺服电机 1.5 kW|Servo motor 1.5 kW|PCS|13|2190.00
LQ-1110|伺服驱动器|Servo drive|PCS|13|3480.00
LQ-1200|可编程控制器|Programmable controller|PCS|13|6120.00
LQ-1210|触摸屏 10 寸|Touch panel 10 in|PCS|13|2650.00
LQ-1300|压力变送器|Pressure transmitter|PCS|13|735.80
LQ-1310|温度传感器|Temperature sensor|PCS|13|118.25
LQ-1320|流量计 DN80|Flow meter DN80|PCS|13|5290.00
LQ-1400|不锈钢球阀 DN50|Stainless ball valve DN50|PCS|13|412.00
LQ-1410|密封圈套装|Seal ring set|PCS|13|36.75
LQ-1500|传送带|Conveyor belt|M|13|268.40
LQ-1600|食品级润滑脂|Food-grade grease|KG|9|58.90
LQ-1610|滤芯|Filter cartridge|PCS|13|89.90
LQ-1700|农产品分选机备件|Produce sorter spare|PCS|9|1460.00
LQ-2000|安装调试|Installation and start-up|HUR|6|520.00
LQ-2010|年度维保服务|Yearly maintenance|EA|6|18600.00
LQ-2020|操作培训|Operator training|HUR|6|480.00
LQ-2100|技术资料（免税）|Technical documents (tax free)|EA|0|350.00
LQ-2200|包装木箱|Wooden crate|PCS|13|145.00
"""
_FACTORS = {"CNY": "1", "USD": "0.1404", "EUR": "0.1276", "JPY": "20.90"}


def make(seed: int, today: date) -> DataSet:
    """Orders of the half year before `today`; what falls due later is paid as the clock goes on."""
    random_ = random.Random(seed)
    customers = list(_customers(random_))
    products = list(_products())
    data = DataSet("seed", COMPANIES, customers, products, terms=set(TERMS), last_day=today)
    first = today - timedelta(days=200)
    data.rates = {pair: [(first, Decimal(rate))] for pair, rate in RATES.items()}
    days = sorted(random_.randrange(2, 190) for _ in range(40))
    for n, age in enumerate(reversed(days), 1):
        _business(random_, data, n, today - timedelta(days=age))
    return data


def _customers(random_: random.Random) -> Iterator[PartnerData]:
    for n, text in enumerate(_CUSTOMERS.strip().splitlines()):
        key, name, second, language, country, region, city, post, street, areas = text.split("|")
        accounts = [
            (code, f"1{key[1:]}", currency, terms)
            for code, currency, terms in (area.split() for area in areas.split(";"))
        ]
        limit = Decimal(CREDIT_LIMITS[accounts[0][2]])
        yield PartnerData(
            key, key, name, second, language, country, region, city, post, street,
            phone=_phone(random_, country), email=f"ap@{key.lower()}.example.com",
            tax_type="CN5" if country == "CN" else "US01" if country == "US" else "",
            tax_number=_tax_number(random_, country),
            credit_limit=limit / 100 if n % 12 == 9 else limit, accounts=accounts,
        )  # fmt: skip


def _phone(random_: random.Random, country: str) -> str:
    if country == "CN":
        return f"1{random_.choice('3578')}{random_.randrange(10**8, 10**9)}"
    return f"555-01{random_.randrange(10, 99)}"


def _tax_number(random_: random.Random, country: str) -> str:
    if country == "US":
        return f"{random_.randrange(10, 99)}-{random_.randrange(10**6, 10**7)}"
    return _credit_code(random_) if country == "CN" else ""


def _credit_code(random_: random.Random) -> str:
    """An 18-character unified social credit code with its check character (GB 32100)."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = "91" + f"{random_.randrange(110000, 660000)}" + "".join(random_.choice(alphabet) for _ in range(9))
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + alphabet[-total % 31]


def _products() -> Iterator[ProductData]:
    for text in _PRODUCTS.strip().splitlines():
        code, zh, en, unit, tax, price = text.split("|")
        prices = [
            (company, rounded(Decimal(price) * Decimal(_FACTORS[currency]), currency), currency)
            for company, currencies in (("CN01", "CNY USD EUR JPY"), ("US01", "USD EUR JPY"))
            for currency in currencies.split()
        ]
        yield ProductData(code, {"ZH": zh, "EN": en}, unit, Decimal(tax), code[3:5] + "00", prices)


def _business(random_: random.Random, data: DataSet, n: int, day: date) -> None:
    """One order and what followed: of every eight one is on credit hold, one cancelled, one waits for delivery."""
    customer = random_.choice(data.partners)
    company, _, currency, terms = random_.choice(customer.accounts)
    order = OrderData(
        (company, f"{n:04}"),
        company,
        customer.key,
        day,
        currency,
        terms,
        f"H{n:04}",
        f"PO-{day:%y%m}-{n:03}",
        day + timedelta(days=7),
    )
    for number in range(10, 10 * random_.randrange(2, 6), 10):
        order.lines.append(_order_line(random_, data, company, currency, number))
    data.orders.append(order)
    fate = n % 8
    if fate == 0:
        order.held_from = day
    elif fate == 4:
        order.cancelled = day + timedelta(days=1)
    elif fate != 6:
        shipped = day + timedelta(days=random_.randrange(2, 5))
        if shipped < data.last_day:
            _ship_and_bill(random_, data, order, n, shipped)


def _order_line(random_: random.Random, data: DataSet, company: str, currency: str, number: int) -> OrderLineData:
    product = random_.choice(data.products)
    price = next(price for code, price, unit in product.prices if (code, unit) == (company, currency))
    quantity = Decimal(random_.randrange(1, 40))
    if product.unit in ("KG", "M"):
        quantity += Decimal(random_.randrange(1000)) / 1000
    return OrderLineData(
        number, product.code, quantity, product.unit, price, False, product.tax_rate if company == "CN01" else ZERO
    )


def _ship_and_bill(random_: random.Random, data: DataSet, order: OrderData, n: int, shipped: date) -> None:
    delivery = f"{order.company}/D{n:04}"
    data.deliveries.append(
        DeliveryData(delivery, shipped, False, [(order.key, line.number, line.quantity) for line in order.lines])
    )
    day = shipped + timedelta(days=1)
    if day > data.last_day:
        return
    invoice = _invoice(data, order, f"I{n:04}", day, delivery)
    data.invoices.append(invoice)
    if n % 10 == 3:
        data.invoices.append(_credit_memo(invoice, n, day + timedelta(days=9)))
    elif n % 10 == 7:
        data.invoices.append(_reversal(invoice, n, day + timedelta(days=2)))
        return
    for instalment in invoice.instalments:
        _payment(random_, data, invoice, instalment, n)


def _invoice(data: DataSet, order: OrderData, number: str, day: date, delivery: str) -> InvoiceData:
    rates = data.rates.get((order.currency, next(c.currency for c in COMPANIES if c.code == order.company)))
    lines = []
    for line in order.lines:
        net, tax = tax_split(line.quantity, line.price, line.tax_rate, line.includes_tax, order.currency)
        lines.append(
            InvoiceLineData(line.product, line.quantity, line.unit, net, tax, order.key, line.number, delivery)
        )
    net, tax = sum((line.net for line in lines), ZERO), sum((line.tax for line in lines), ZERO)
    parts = [
        InstalmentData(
            str(at), "retention" if due.retention else "trade", None if due.retention else day, due.on, due.amount
        )
        for at, due in enumerate(instalments(order.terms, day, net + tax, order.currency), 1)
    ]
    return InvoiceData(
        (order.company, number), "invoice", order.company, order.partner, day, day, day, order.currency,
        rates[0][1] if rates else Decimal(1),
        net, tax, order.terms, source_number=f"{order.company[:2]}{number}", customer_po=order.customer_po,
        lines=lines, instalments=parts,
    )  # fmt: skip


def _credit_memo(invoice: InvoiceData, n: int, day: date) -> InvoiceData:
    """A price reduction of a tenth on the first line."""
    first = invoice.lines[0]
    net, tax = rounded(first.net / 10, invoice.currency), rounded(first.tax / 10, invoice.currency)
    line = InvoiceLineData(first.product, ZERO, first.unit, -net, -tax, first.order, first.order_line)
    item = InstalmentData("1", "trade", day, invoice.instalments[0].due, -net - tax)
    return InvoiceData(
        (invoice.company, f"C{n:04}"), "credit_memo", invoice.company, invoice.partner, day, day, day,
        invoice.currency, invoice.rate,
        -net, -tax, "NT00", invoice.key, f"{invoice.company[:2]}C{n:04}", lines=[line], instalments=[item],
    )  # fmt: skip


def _reversal(invoice: InvoiceData, n: int, day: date) -> InvoiceData:
    return InvoiceData(
        (invoice.company, f"R{n:04}"), "reversal", invoice.company, invoice.partner, day, day, day, invoice.currency,
        invoice.rate,
        -invoice.net, -invoice.tax, invoice.terms, invoice.key, f"{invoice.company[:2]}R{n:04}",
    )  # fmt: skip


def _payment(random_: random.Random, data: DataSet, invoice: InvoiceData, item: InstalmentData, n: int) -> None:
    """Paid around the due date; one in six in part, one in nine with a little too much, one in seven not yet."""
    kind = random_.random()
    if item.due is None or kind < 1 / 7:
        return
    day = max(item.due + timedelta(days=random_.randrange(-3, 12)), invoice.posted)
    amount = rounded(item.amount / 2, invoice.currency) if kind < 2 / 7 else item.amount
    extra = rounded(Decimal(50), invoice.currency) if kind > 8 / 9 else ZERO
    terms, discount = TERMS[invoice.terms], ZERO
    if terms.discount_days and kind > 0.5:
        day = invoice.posted + timedelta(days=terms.discount_days - 2)
        discount = rounded(amount * terms.discount_percent / 100, invoice.currency)
    key = (invoice.company, f"P{n:04}-{item.number}")
    paid = amount - discount
    data.payments.append(PaymentData(
        key, "receipt", invoice.company, invoice.partner, day, day, day, invoice.currency, invoice.rate, paid + extra,
        f"{invoice.company[:2]}P{n:04}-{item.number}",
    ))  # fmt: skip
    source, settled = ("payment", key), (day, None)
    data.applications.append(ApplicationData(
        f"A{n:04}-{item.number}", "payment", invoice.company, *settled, source, paid, invoice.key, item.number, paid
    ))  # fmt: skip
    if discount:
        data.applications.append(ApplicationData(
            f"A{n:04}-{item.number}D", "discount", invoice.company, *settled, source, ZERO, invoice.key, item.number,
            discount
        ))  # fmt: skip
