"""Receivables transactions: receivablesInvoices with instalments and lines, receivablesCreditMemos.

A reversal is the credit memo (of a credit memo: the debit memo) that takes the whole document back. Documents that do
not count, and requests for an advance, are Incomplete: they have no instalments yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from sandbox.office.money import ZERO
from sandbox.office.trade import Instalment, Invoice, InvoiceLine
from sandbox.oracle.adf.errors import invalid
from sandbox.oracle.adf.model import Column, Finder, Resource, Row, View
from sandbox.oracle.fusion import units
from sandbox.oracle.fusion.catalogue import Rows, child, finder_variables, resource, row_columns
from sandbox.oracle.fusion.ids import big, serial_of
from sandbox.oracle.fusion.invoice_entry import InvoiceEntry
from sandbox.oracle.fusion.order_values import fulfilments, order_number
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import Tenant
from sandbox.oracle.fusion.transactions import (
    FLEX,
    FLEX_NAMES,
    accounted,
    balance_of,
    closed_on,
    days_late,
    installments_of,
    is_complete,
    is_credit,
    number_of,
    sequence_of,
    source_reference,
    type_of,
)


class Receivables:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office
        self.entry = InvoiceEntry(tenant)

    def invoices(self) -> Resource:
        return resource(
            "receivablesInvoices", "CustomerTransactionId", self._invoice_columns(), self._rows(credit=False),
            find=self._find(credit=False), create=self.entry.create, update=self._update,
            children={
                "receivablesInvoiceInstallments": self._installments(),
                "receivablesInvoiceLines": self._lines(),
                "receivablesInvoiceDistributions": child(
                    "receivablesInvoices/receivablesInvoiceDistributions", "DistributionId", {}, lambda view, one: ()
                ),
            },
        )  # fmt: skip

    def credit_memos(self) -> Resource:
        path = "receivablesCreditMemos/receivablesCreditMemoLines"
        lines = child(
            path, "CustomerTransactionLineId", self._credit_line_columns(), lambda view, memo: memo.lines,
            children=self._below(path, "receivablesCreditMemoLine"),
        )  # fmt: skip
        return resource(
            "receivablesCreditMemos", "CustomerTransactionId", self._credit_columns(), self._rows(credit=True),
            find=self._find(credit=True), finders=_bound_finder(), children={"receivablesCreditMemoLines": lines},
        )  # fmt: skip

    # -- rows ------------------------------------------------------------------------------------------------------

    def _rows(self, *, credit: bool) -> Rows:
        def rows(view: View, parent: object) -> Iterator[Invoice]:
            for invoice in self.office.invoices.values():
                if is_credit(invoice) is credit and view.sees(invoice.company):
                    yield invoice

        return rows

    def _find(self, *, credit: bool) -> Callable[[View, str, object], Invoice | None]:
        def find(view: View, key: str, parent: object) -> Invoice | None:
            invoice = self.office.invoices.get(serial_of("invoice", key) or 0)
            fits = invoice is not None and is_credit(invoice) is credit and view.sees(invoice.company)
            return invoice if fits else None

        return find

    # -- columns ---------------------------------------------------------------------------------------------------

    def _common(self) -> dict[str, Column]:
        tenant = self.tenant
        return {
            "CustomerTransactionId": lambda d: big("invoice", d.id),
            "TransactionNumber": number_of,
            "DocumentNumber": lambda d: d.id,
            "TransactionDate": lambda d: d.dated,
            "AccountingDate": lambda d: d.posted,
            "BillingDate": lambda d: d.dated,
            "TransactionType": type_of,
            "TransactionSource": lambda d: "Order Management" if any(x.order_line for x in d.lines) else "Manual",
            "BusinessUnit": lambda d: tenant.unit(d.company),
            "LegalEntityIdentifier": lambda d: d.company,
            "BillToCustomerName": lambda d: d.customer.name,
            "BillToCustomerNumber": lambda d: tenant.account_number(d.customer),
            "BillToSite": lambda d: tenant.site_number(d.customer, d.company),
            "ShipToCustomerName": lambda d: d.customer.name,
            "SoldToPartyNumber": lambda d: tenant.party_number(d.customer),
            "EnteredAmount": lambda d: d.gross,
            "ConversionRate": lambda d: None if d.rate == 1 else d.rate,
            "ConversionRateType": lambda d: None if d.rate == 1 else "User",
            "PurchaseOrder": lambda d: d.customer_po or None,
            "StructuredPaymentReference": lambda d: source_reference(d) or None,
            "AllowCompletion": lambda d: "Y",
            "Intercompany": lambda d: "N",
            **who(),
        }  # fmt: skip

    def _invoice_columns(self) -> dict[str, Column]:
        return {
            **self._common(),
            "BillToPartyId": lambda d: self.tenant.party_id(d.customer),
            "Comments": lambda d: d.text or None,
            "ConversionDate": lambda d: None if d.rate == 1 else d.posted,
            "CrossReference": lambda d: d.extra.get("CrossReference") or source_reference(d) or None,
            "DueDate": lambda d: min((item.due for item in d.instalments if item.due), default=None),
            "InvoiceBalanceAmount": balance_of,
            "InvoiceCurrencyCode": lambda d: d.currency,
            "InvoiceStatus": lambda d: "Complete" if is_complete(d) else "Incomplete",
            "PaymentTerms": lambda d: d.terms or None,
        }

    def _credit_columns(self) -> dict[str, Column]:
        return {
            **self._common(),
            "ConversionRateDate": lambda d: None if d.rate == 1 else d.posted,
            "CreditMemoComments": lambda d: d.text or None,
            "CreditMemoCurrency": lambda d: d.currency,
            "CreditMemoStatus": lambda d: "Complete" if is_complete(d) else "Incomplete",
            "CreditReason": lambda d: "Full reversal" if d.kind == "reversal" else "Price adjustment",
            "CrossReference": lambda d: source_reference(d) or (number_of(d.reference) if d.reference else None),
            "TransactionBalanceDue": balance_of,
        }

    # -- instalments -----------------------------------------------------------------------------------------------

    def _installments(self) -> Resource:
        path = "receivablesInvoices/receivablesInvoiceInstallments"
        gdf = child(
            f"{path}/receivablesInvoiceInstallmentGDF", "InstallmentId",
            row_columns(f"{path}/receivablesInvoiceInstallmentGDF"), lambda view, item: [_flex(item)],
        )  # fmt: skip
        return child(
            path, "InstallmentId", self._installment_columns(), lambda view, invoice: installments_of(invoice),
            children={"receivablesInvoiceInstallmentGDF": gdf},
        )  # fmt: skip

    def _installment_columns(self) -> dict[str, Column]:
        return {
            "InstallmentId": lambda i: big("instalment", i.id),
            "InstallmentSequenceNumber": sequence_of,
            "InstallmentDueDate": lambda i: i.due,
            "OriginalAmount": lambda i: i.amount,
            "InstallmentBalanceDue": lambda i: i.balance(),
            "AccountedBalanceDue": lambda i: accounted(i.balance(), i.invoice, self.tenant),
            "AmountPaid": lambda i: _settled(i, "payment"),
            "InstallmentAmountCredited": lambda i: -_settled(i, "credit") - _reversed(i),
            "InstallmentAmountAdjusted": lambda i: -_settled(i, "discount", "write_off"),
            "InstallmentStatus": lambda i: "Open" if i.balance() else "Closed",
            "InstallmentClosedDate": closed_on,
            "InstallmentGLClosedDate": closed_on,
            "PaymentDaysLate": lambda i: days_late(i, self.office.today()),
            "DisputeAmount": lambda i: i.balance() if i.invoice.disputed else ZERO,
            "ExcludeFromCollections": lambda i: "N",
            **who(lambda i: i.invoice),
        }

    # -- lines -----------------------------------------------------------------------------------------------------

    def _lines(self) -> Resource:
        path = "receivablesInvoices/receivablesInvoiceLines"
        columns: dict[str, Column] = {
            "CustomerTransactionLineId": lambda x: big("invoice line", x.id),
            "LineNumber": lambda x: x.number // 10,
            "Description": lambda x: x.text,
            "ItemNumber": lambda x: x.product.code,
            "Quantity": lambda x: x.quantity or None,
            "UnitOfMeasure": lambda x: units.code(x.unit),
            "UnitSellingPrice": _unit_price,
            "LineAmount": lambda x: x.net,
            "LineAmountIncludesTax": lambda x: "N",
            "TaxClassificationCode": lambda x: f"VAT{x.tax_rate:f}" if x.tax_rate else None,
            "SalesOrder": lambda x: _order_number(x),
        }
        return child(path, "CustomerTransactionLineId", columns, lambda view, invoice: invoice.lines,
                     children=self._below(path, "receivablesInvoiceLine"))  # fmt: skip

    def _credit_line_columns(self) -> dict[str, Column]:
        return {
            "CustomerTransactionLineId": lambda x: big("invoice line", x.id),
            "LineNumber": lambda x: x.number // 10,
            "LineDescription": lambda x: x.text,
            "ItemNumber": lambda x: x.product.code,
            "LineQuantityCredit": lambda x: x.quantity or None,
            "UnitOfMeasure": lambda x: units.code(x.unit),
            "UnitSellingPrice": _unit_price,
            "LineAmountCredit": lambda x: x.net,
            "LineAmountIncludesTax": lambda x: "N",
            "TaxClassificationCode": lambda x: f"VAT{x.tax_rate:f}" if x.tax_rate else None,
            "SalesOrderNumber": lambda x: _order_number(x),
            "SalesOrderLine": lambda x: str(x.order_line.number) if x.order_line else None,
        }

    @staticmethod
    def _below(path: str, prefix: str) -> dict[str, Resource]:
        """Tax lines, and the flexfield that order management fills with the line it bills."""
        taxes, flex = f"{prefix}TaxLines", f"{prefix}TransactionDFF"
        return {
            taxes: child(f"{path}/{taxes}", "DetailTaxLineId", row_columns(f"{path}/{taxes}"), _tax_lines),
            flex: child(f"{path}/{flex}", "CustomerTrxLineId", row_columns(f"{path}/{flex}"), _order_flex),
        }

    # -- changes ---------------------------------------------------------------------------------------------------

    def _update(self, view: View, invoice: Invoice, values: Row) -> Invoice:
        """Only status, terms and date can change [reference]; here the terms do."""
        for name in values.keys() - {"InvoiceStatus", "PaymentTerms", "TransactionDate"}:
            raise invalid(name, f"Attribute {name} of a transaction cannot be updated.")
        if "PaymentTerms" in values:
            self.office.change(invoice, terms=values["PaymentTerms"])
        if values.get("TransactionDate"):
            self.office.change(invoice, dated=values["TransactionDate"])
        self.office.touch(invoice, ", ".join(sorted(values)))
        return invoice


def _settled(item: Instalment, *kinds: str) -> Decimal:
    found = (each.amount for each in item.applications if each.item is item and each.stands() and each.kind in kinds)
    return sum(found, ZERO)


def _reversed(item: Instalment) -> Decimal:
    return item.amount if item.invoice.reversed_by else ZERO


def _flex(item: Instalment) -> Row:
    context = FLEX.get(item.kind)
    return {
        "InstallmentId": big("instalment", item.id), "__FLEX_Context": context,
        "__FLEX_Context_DisplayValue": FLEX_NAMES.get(context or ""),
    }  # fmt: skip


def _unit_price(line: InvoiceLine) -> Decimal:
    return round(line.net / line.quantity, 10) if line.quantity else line.net


def _order_number(line: InvoiceLine) -> str | None:
    return order_number(line.order_line.order) if line.order_line else None


def _tax_lines(view: View, line: InvoiceLine) -> list[Row]:
    if not line.tax and not line.tax_rate:
        return []
    return [{
        "DetailTaxLineId": big("tax line", line.id), "TaxLineNumber": 1, "TaxRegimeCode": "VAT", "Tax": "VAT",
        "TaxRateCode": f"VAT{line.tax_rate:f}", "TaxRate": line.tax_rate, "TaxAmount": line.tax,
        "TaxableAmount": line.net, "TaxInclusiveIndicator": "N",
    }]  # fmt: skip


def _order_flex(view: View, line: InvoiceLine) -> list[Row]:
    if line.order_line is None:
        return []
    parts = list(fulfilments(line.order_line))
    billed = next((part for part in parts if part.delivery is line.delivery), parts[0])
    return [{
        "CustomerTrxLineId": big("invoice line", line.id), "__FLEX_Context": "DOO",
        "__FLEX_Context_DisplayValue": "Order Management", "salesOrderNumber": _order_number(line),
        "salesOrderLine": str(line.order_line.number), "fulfillLineId": str(billed.id),
        "shipment": str(line.delivery.id) if line.delivery else None,
    }]  # fmt: skip


def _bound_finder() -> dict[str, Finder]:
    """creditMemosFinder calls its variables Bind…, two of them by other names than the attributes."""
    variables = finder_variables("receivablesCreditMemos", "creditMemosFinder")
    attributes = {name: name.removeprefix("Bind") for name in variables}
    attributes["BindBillToCustomer"] = "BillToCustomerName"
    attributes["BindShipToSite"] = "ShipToCustomerSite"
    return {"creditMemosFinder": Finder(variables, attributes)}
