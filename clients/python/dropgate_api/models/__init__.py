"""Contains all the data models used in inputs/outputs"""

from .admin_drop import AdminDrop
from .admin_drop_page import AdminDropPage
from .admin_sku import AdminSku
from .admin_sku_details import AdminSkuDetails
from .api_key import ApiKey
from .api_key_page import ApiKeyPage
from .api_key_state import ApiKeyState
from .api_key_with_secret import ApiKeyWithSecret
from .attempt import Attempt
from .audit import Audit
from .audit_sku import AuditSku
from .change import Change
from .confirm import Confirm
from .counts import Counts
from .delivery import Delivery
from .delivery_page import DeliveryPage
from .delivery_state import DeliveryState
from .document import Document
from .drop_settings import DropSettings
from .drop_state import DropState
from .erase import Erase
from .erased import Erased
from .erased_drops_item import ErasedDropsItem
from .event_kind import EventKind
from .extend import Extend
from .invalid_field import InvalidField
from .ledger_order import LedgerOrder
from .ledger_page import LedgerPage
from .ledger_row import LedgerRow
from .ledger_row_kind import LedgerRowKind
from .line import Line
from .new_api_key import NewApiKey
from .new_webhook import NewWebhook
from .new_webhook_from import NewWebhookFrom
from .nothing import Nothing
from .own_key import OwnKey
from .problem import Problem
from .problem_outcome import ProblemOutcome
from .problem_policy import ProblemPolicy
from .public_drop import PublicDrop
from .public_sku import PublicSku
from .public_sku_details import PublicSkuDetails
from .public_sku_line import PublicSkuLine
from .reservation import Reservation
from .reservation_page import ReservationPage
from .reservation_state import ReservationState
from .reserve import Reserve
from .restock import Restock
from .return_ import Return
from .rotate_key import RotateKey
from .sale import Sale
from .sale_events import SaleEvents
from .sale_expiry import SaleExpiry
from .sale_funnel import SaleFunnel
from .sale_holds_under import SaleHoldsUnder
from .sale_outcome import SaleOutcome
from .sale_per_second import SalePerSecond
from .sale_rates import SaleRates
from .sale_sku import SaleSku
from .sale_to_confirm import SaleToConfirm
from .sale_unheld import SaleUnheld
from .sale_write_behind import SaleWriteBehind
from .scope import Scope
from .shortage import Shortage
from .sku_settings import SkuSettings
from .sku_settings_details import SkuSettingsDetails
from .status import Status
from .stock import Stock
from .stock_status import StockStatus
from .webhook import Webhook
from .webhook_page import WebhookPage
from .webhook_patch import WebhookPatch
from .webhook_patch_state import WebhookPatchState
from .webhook_state import WebhookState
from .webhook_with_secret import WebhookWithSecret

__all__ = (
    "AdminDrop",
    "AdminDropPage",
    "AdminSku",
    "AdminSkuDetails",
    "ApiKey",
    "ApiKeyPage",
    "ApiKeyState",
    "ApiKeyWithSecret",
    "Attempt",
    "Audit",
    "AuditSku",
    "Change",
    "Confirm",
    "Counts",
    "Delivery",
    "DeliveryPage",
    "DeliveryState",
    "Document",
    "DropSettings",
    "DropState",
    "Erase",
    "Erased",
    "ErasedDropsItem",
    "EventKind",
    "Extend",
    "InvalidField",
    "LedgerOrder",
    "LedgerPage",
    "LedgerRow",
    "LedgerRowKind",
    "Line",
    "NewApiKey",
    "NewWebhook",
    "NewWebhookFrom",
    "Nothing",
    "OwnKey",
    "Problem",
    "ProblemOutcome",
    "ProblemPolicy",
    "PublicDrop",
    "PublicSku",
    "PublicSkuDetails",
    "PublicSkuLine",
    "Reservation",
    "ReservationPage",
    "ReservationState",
    "Reserve",
    "Restock",
    "Return",
    "RotateKey",
    "Sale",
    "SaleEvents",
    "SaleExpiry",
    "SaleFunnel",
    "SaleHoldsUnder",
    "SaleOutcome",
    "SalePerSecond",
    "SaleRates",
    "SaleSku",
    "SaleToConfirm",
    "SaleUnheld",
    "SaleWriteBehind",
    "Scope",
    "Shortage",
    "SkuSettings",
    "SkuSettingsDetails",
    "Status",
    "Stock",
    "StockStatus",
    "Webhook",
    "WebhookPage",
    "WebhookPatch",
    "WebhookPatchState",
    "WebhookState",
    "WebhookWithSecret",
)
