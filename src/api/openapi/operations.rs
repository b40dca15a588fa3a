//! Every call: where, for whom, with what, and what may come back.

use super::super::problem::Code;
use super::super::problem::Code::{
    AlreadyConfirmed, DropClosed, DropNotOpen, DropPaused, Forbidden, HoldActive,
    InsufficientAvailable, InvalidRequest, KeyEnded, LimitExceeded, MaxHoldReached, NotConfirmed,
    ReservationExpired, ReservationReleased, SoldOut, Unavailable, UnknownDelivery, UnknownDrop,
    UnknownKey, UnknownReservation, UnknownSku, UnknownWebhook,
};

/// Who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Public,
    Storefront,
    Admin,
    /// An admin's who is limited to no drop: keys, customers, webhooks.
    Keys,
    Operations,
}

/// Whether it takes a body, of which schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Required(&'static str),
    Optional(&'static str),
}

/// Whether it takes an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    None,
    Optional,
    Required,
}

/// One call.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) scope: Scope,
    pub(super) key: Key,
    pub(super) body: Body,
    /// Name, whether it must be given, schema.
    pub(super) query: &'static [(&'static str, bool, &'static str)],
    /// Status and schema.
    pub(super) success: &'static [(u16, &'static str)],
    /// Refusals of its own, besides those of its kind.
    pub(super) codes: &'static [Code],
}

impl Scope {
    pub(super) fn tag(self) -> &'static str {
        match self {
            Scope::Public => "public",
            Scope::Storefront => "storefront",
            Scope::Admin | Scope::Keys => "admin",
            Scope::Operations => "operations",
        }
    }

    /// The scopes that open it, the least of them first; `reads` for a GET.
    pub(super) fn keys(self, reads: bool) -> &'static [&'static str] {
        match (self, reads) {
            (Scope::Public | Scope::Operations, _) => &[],
            (Scope::Storefront, true) => &["storefront", "admin", "read"],
            (Scope::Storefront, false) => &["storefront", "admin"],
            (Scope::Admin, true) => &["admin", "read"],
            (Scope::Admin, false) | (Scope::Keys, _) => &["admin"],
        }
    }
}

/// A call that takes nothing, to begin with.
const fn call(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    scope: Scope,
) -> Operation {
    Operation {
        method,
        path,
        id,
        summary,
        scope,
        key: Key::None,
        body: Body::None,
        query: &[],
        success: &[],
        codes: &[],
    }
}

const RESERVATIONS: &str = "/v1/drops/{drop}/reservations";
const RESERVATION: &[(u16, &str)] = &[(200, "Reservation")];
const FEED: &[(&str, bool, &str)] =
    &[("watch", false, "WatchTokens"), ("last_event_id", false, "FeedMark")];
const WEBHOOK: &str = "/v1/admin/webhooks/{webhook}";
const NO_WEBHOOK: &[Code] = &[UnknownWebhook];
const DROP: &[(u16, &str)] = &[(200, "AdminDrop")];

/// Every call, in the order of the router.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        success: &[(200, "Status")],
        ..call("get", "/healthz", "healthz", "Is the process up?", Scope::Operations)
    },
    Operation {
        success: &[(200, "Status")],
        codes: &[Unavailable],
        ..call("get", "/readyz", "readyz", "Can it serve?", Scope::Operations)
    },
    Operation {
        success: &[(200, "text/plain")],
        ..call("get", "/metrics", "metrics", "Counts, for Prometheus", Scope::Operations)
    },
    Operation {
        success: &[(200, "Document")],
        ..call("get", "/openapi.json", "openapi", "This description", Scope::Operations)
    },
    Operation {
        success: &[(200, "text/html")],
        ..call("get", "/docs", "docs", "This description as a page", Scope::Operations)
    },
    Operation {
        success: &[(200, "PublicDrop"), (304, "")],
        codes: &[UnknownDrop],
        ..call("get", "/v1/drops/{drop}", "readDrop", "A drop and its stock", Scope::Public)
    },
    Operation {
        success: &[(200, "PublicSku"), (304, "")],
        codes: &[UnknownDrop, UnknownSku],
        ..call("get", "/v1/drops/{drop}/skus/{sku}", "readSku", "A SKU's stock", Scope::Public)
    },
    Operation {
        query: FEED,
        success: &[(200, "text/event-stream")],
        codes: &[Forbidden, InvalidRequest, UnknownDrop],
        ..call(
            "get",
            "/v1/drops/{drop}/events",
            "followDrop",
            "Live stock, and what a token's holder is told (the same by WebSocket at /ws)",
            Scope::Public,
        )
    },
    Operation {
        query: &[
            ("customer_id", true, "Token"),
            ("state", false, "ReservationState"),
            ("cursor", false, "Cursor"),
            ("limit", false, "Limit"),
        ],
        success: &[(200, "ReservationPage")],
        codes: &[UnknownDrop],
        ..call("get", RESERVATIONS, "listCart", "A customer's reservations", Scope::Storefront)
    },
    Operation {
        key: Key::Optional,
        body: Body::Required("Reserve"),
        success: &[(201, "Reservation")],
        codes: &[
            UnknownDrop,
            UnknownSku,
            SoldOut,
            LimitExceeded,
            DropNotOpen,
            DropPaused,
            DropClosed,
        ],
        ..call("post", RESERVATIONS, "reserve", "Hold units for a customer", Scope::Storefront)
    },
    Operation {
        success: RESERVATION,
        codes: &[UnknownDrop, UnknownReservation],
        ..call(
            "get",
            "/v1/drops/{drop}/reservations/{id}",
            "readReservation",
            "One reservation",
            Scope::Storefront,
        )
    },
    Operation {
        key: Key::Optional,
        body: Body::Required("Change"),
        success: RESERVATION,
        codes: &[
            UnknownDrop,
            UnknownSku,
            UnknownReservation,
            SoldOut,
            LimitExceeded,
            DropNotOpen,
            DropPaused,
            DropClosed,
            ReservationExpired,
            ReservationReleased,
            AlreadyConfirmed,
        ],
        ..call(
            "put",
            "/v1/drops/{drop}/reservations/{id}/lines",
            "change",
            "Replace the lines of a hold; only the difference moves",
            Scope::Storefront,
        )
    },
    Operation {
        key: Key::Optional,
        body: Body::Optional("Extend"),
        success: RESERVATION,
        codes: &[
            UnknownDrop,
            UnknownReservation,
            MaxHoldReached,
            ReservationExpired,
            ReservationReleased,
            AlreadyConfirmed,
        ],
        ..call(
            "post",
            "/v1/drops/{drop}/reservations/{id}/extend",
            "extend",
            "Move the deadline of a hold",
            Scope::Storefront,
        )
    },
    Operation {
        key: Key::Optional,
        body: Body::Required("Confirm"),
        success: RESERVATION,
        codes: &[
            UnknownDrop,
            UnknownReservation,
            SoldOut,
            LimitExceeded,
            ReservationExpired,
            ReservationReleased,
            AlreadyConfirmed,
        ],
        ..call(
            "post",
            "/v1/drops/{drop}/reservations/{id}/confirm",
            "confirm",
            "Sell what is held, for an order",
            Scope::Storefront,
        )
    },
    Operation {
        key: Key::Optional,
        body: Body::Optional("Nothing"),
        success: RESERVATION,
        codes: &[UnknownDrop, UnknownReservation, ReservationExpired, AlreadyConfirmed],
        ..call(
            "post",
            "/v1/drops/{drop}/reservations/{id}/release",
            "release",
            "Give held units back",
            Scope::Storefront,
        )
    },
    Operation {
        success: DROP,
        codes: &[UnknownDrop],
        ..call("get", "/v1/admin/drops/{drop}", "readAdminDrop", "A drop's books", Scope::Admin)
    },
    Operation {
        body: Body::Required("DropSettings"),
        success: &[(200, "AdminDrop"), (201, "AdminDrop")],
        ..call(
            "put",
            "/v1/admin/drops/{drop}",
            "putDrop",
            "Create a drop, or change its settings",
            Scope::Admin,
        )
    },
    Operation {
        body: Body::Required("SkuSettings"),
        success: &[(200, "AdminSku"), (201, "AdminSku")],
        codes: &[UnknownDrop],
        ..call(
            "put",
            "/v1/admin/drops/{drop}/skus/{sku}",
            "putSku",
            "Create a SKU, or change its settings",
            Scope::Admin,
        )
    },
    Operation {
        key: Key::Required,
        body: Body::Required("Restock"),
        success: &[(200, "Stock")],
        codes: &[UnknownDrop, UnknownSku, InsufficientAvailable],
        ..call(
            "post",
            "/v1/admin/drops/{drop}/skus/{sku}/restock",
            "restock",
            "Add units, or take free ones away",
            Scope::Admin,
        )
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: DROP,
        codes: &[UnknownDrop, DropClosed],
        ..call("post", "/v1/admin/drops/{drop}/open", "open", "Sell from now on", Scope::Admin)
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: DROP,
        codes: &[UnknownDrop, DropClosed],
        ..call(
            "post",
            "/v1/admin/drops/{drop}/pause",
            "pause",
            "Sell no more for now",
            Scope::Admin,
        )
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: DROP,
        codes: &[UnknownDrop],
        ..call("post", "/v1/admin/drops/{drop}/close", "close", "End the sale", Scope::Admin)
    },
    Operation {
        query: &[
            ("customer_id", false, "Token"),
            ("state", false, "ReservationState"),
            ("cursor", false, "Cursor"),
            ("limit", false, "Limit"),
        ],
        success: &[(200, "ReservationPage")],
        codes: &[UnknownDrop],
        ..call(
            "get",
            "/v1/admin/drops/{drop}/reservations",
            "listReservations",
            "All reservations of a drop",
            Scope::Admin,
        )
    },
    Operation {
        key: Key::Optional,
        body: Body::Optional("Return"),
        success: RESERVATION,
        codes: &[
            UnknownDrop,
            UnknownReservation,
            NotConfirmed,
            ReservationExpired,
            ReservationReleased,
        ],
        ..call(
            "post",
            "/v1/admin/drops/{drop}/reservations/{id}/return",
            "returnUnits",
            "Take sold units back",
            Scope::Admin,
        )
    },
    Operation {
        success: &[(200, "Sale")],
        codes: &[UnknownDrop],
        ..call(
            "get",
            "/v1/admin/drops/{drop}/sale",
            "readSale",
            "The figures of a sale, those of all engines together",
            Scope::Admin,
        )
    },
    Operation {
        query: &[
            ("after_seq", false, "Seq"),
            ("before_seq", false, "Seq"),
            ("order", false, "LedgerOrder"),
            ("kind", false, "LedgerKinds"),
            ("sku", false, "Name"),
            ("customer_id", false, "Token"),
            ("reservation_id", false, "ReservationId"),
            ("since", false, "GivenTime"),
            ("until", false, "GivenTime"),
            ("limit", false, "LedgerLimit"),
        ],
        success: &[(200, "LedgerPage")],
        codes: &[UnknownDrop],
        ..call(
            "get",
            "/v1/admin/drops/{drop}/ledger",
            "readLedger",
            "What happened, row by row",
            Scope::Admin,
        )
    },
    Operation {
        query: &[
            ("after_seq", false, "Seq"),
            ("before_seq", false, "Seq"),
            ("kind", false, "LedgerKinds"),
            ("sku", false, "Name"),
            ("customer_id", false, "Token"),
            ("reservation_id", false, "ReservationId"),
            ("since", false, "GivenTime"),
            ("until", false, "GivenTime"),
        ],
        success: &[(200, "text/csv")],
        codes: &[UnknownDrop],
        ..call(
            "get",
            "/v1/admin/drops/{drop}/ledger.csv",
            "downloadLedger",
            "Everything that happened and fits, as CSV with a header",
            Scope::Admin,
        )
    },
    Operation {
        success: &[(200, "Audit")],
        codes: &[UnknownDrop],
        ..call(
            "get",
            "/v1/admin/drops/{drop}/audit",
            "audit",
            "Redis against the ledger, and the ledger against itself",
            Scope::Admin,
        )
    },
    Operation {
        success: &[(200, "OwnKey")],
        ..call(
            "get",
            "/v1/admin/key",
            "readOwnKey",
            "What the key that is sent opens",
            Scope::Admin,
        )
    },
    Operation {
        query: &[("cursor", false, "Cursor"), ("limit", false, "Limit")],
        success: &[(200, "AdminDropPage")],
        codes: &[InvalidRequest],
        ..call("get", "/v1/admin/drops", "listDrops", "All drops", Scope::Admin)
    },
    Operation {
        query: &[("cursor", false, "Cursor"), ("limit", false, "Limit")],
        success: &[(200, "ApiKeyPage")],
        ..call("get", "/v1/admin/keys", "listKeys", "All keys, without secrets", Scope::Keys)
    },
    Operation {
        body: Body::Required("NewApiKey"),
        success: &[(201, "ApiKeyWithSecret")],
        ..call(
            "post",
            "/v1/admin/keys",
            "createKey",
            "Make a key; its secret is shown this once",
            Scope::Keys,
        )
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: &[(200, "ApiKey")],
        codes: &[UnknownKey],
        ..call(
            "delete",
            "/v1/admin/keys/{id}",
            "revokeKey",
            "End a key, on every process within a second",
            Scope::Keys,
        )
    },
    Operation {
        body: Body::Optional("RotateKey"),
        success: &[(200, "ApiKeyWithSecret")],
        codes: &[UnknownKey, KeyEnded],
        ..call(
            "post",
            "/v1/admin/keys/{id}/rotate",
            "rotateKey",
            "Give a key a new secret, shown this once",
            Scope::Keys,
        )
    },
    Operation {
        body: Body::Required("Erase"),
        success: &[(200, "Erased")],
        codes: &[UnknownDrop, HoldActive],
        ..call(
            "post",
            "/v1/admin/customers/erase",
            "eraseCustomer",
            "Put a pseudonym in the place of a customer, for good",
            Scope::Keys,
        )
    },
    Operation {
        query: &[("cursor", false, "Cursor"), ("limit", false, "Limit")],
        success: &[(200, "WebhookPage")],
        ..call("get", "/v1/admin/webhooks", "listWebhooks", "All webhooks", Scope::Keys)
    },
    Operation {
        body: Body::Required("NewWebhook"),
        success: &[(201, "WebhookWithSecret")],
        ..call(
            "post",
            "/v1/admin/webhooks",
            "createWebhook",
            "Have events sent somewhere; the secret that signs them is shown this once",
            Scope::Keys,
        )
    },
    Operation {
        success: &[(200, "Webhook")],
        codes: NO_WEBHOOK,
        ..call("get", WEBHOOK, "readWebhook", "One webhook", Scope::Keys)
    },
    Operation {
        body: Body::Required("WebhookPatch"),
        success: &[(200, "Webhook")],
        codes: NO_WEBHOOK,
        ..call("patch", WEBHOOK, "changeWebhook", "Change a webhook, or pause it", Scope::Keys)
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: &[(200, "Webhook")],
        codes: NO_WEBHOOK,
        ..call("delete", WEBHOOK, "deleteWebhook", "End a webhook, and forget it", Scope::Keys)
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: &[(200, "WebhookWithSecret")],
        codes: NO_WEBHOOK,
        ..call(
            "post",
            "/v1/admin/webhooks/{webhook}/rotate",
            "rotateWebhook",
            "Give a webhook a new secret, shown this once; the old one signs for a day more",
            Scope::Keys,
        )
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: &[(200, "Attempt")],
        codes: NO_WEBHOOK,
        ..call(
            "post",
            "/v1/admin/webhooks/{webhook}/test",
            "testWebhook",
            "Send a test event now, and tell what came back",
            Scope::Keys,
        )
    },
    Operation {
        query: &[
            ("state", false, "DeliveryState"),
            ("cursor", false, "Cursor"),
            ("limit", false, "Limit"),
        ],
        success: &[(200, "DeliveryPage")],
        codes: NO_WEBHOOK,
        ..call(
            "get",
            "/v1/admin/webhooks/{webhook}/deliveries",
            "listDeliveries",
            "What a webhook did not take at once, the newest first",
            Scope::Keys,
        )
    },
    Operation {
        body: Body::Optional("Nothing"),
        success: &[(202, "Delivery")],
        codes: &[UnknownWebhook, UnknownDelivery],
        ..call(
            "post",
            "/v1/admin/webhooks/{webhook}/deliveries/{delivery}/resend",
            "resendDelivery",
            "Send a delivery once more, as soon as the webhook is active",
            Scope::Keys,
        )
    },
];
