//! The JSON that clients see of a drop, its SKUs and their stock.
//!
//! A reservation, a row of the ledger and an audit serialise as they are; these are the
//! shapes that differ by audience.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::{
    DropId, DropState, DropView, FullDrop, Millis, Reservation, SkuId, SkuView, Stock, WatchKey,
};

/// How a shopper should read a SKU's stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum StockStatus {
    InStock,
    Low,
    SoldOut,
}

/// A SKU in the public list of a drop.
#[derive(Debug, Serialize)]
pub(super) struct PublicSkuLine<'a> {
    sku: &'a SkuId,
    name: &'a str,
    available: i64,
    status: StockStatus,
    message: Option<String>,
    version: i64,
}

/// A SKU on its own page.
#[derive(Debug, Serialize)]
pub(super) struct PublicSku<'a> {
    #[serde(flatten)]
    line: PublicSkuLine<'a>,
    details: &'a RawValue,
}

/// A drop as everybody may see it.
#[derive(Debug, Serialize)]
pub(super) struct PublicDrop<'a> {
    id: &'a DropId,
    name: &'a str,
    state: DropState,
    opens_at: Option<Millis>,
    closes_at: Option<Millis>,
    hold_ttl_seconds: i64,
    skus: Vec<PublicSkuLine<'a>>,
}

/// A drop in its live feed; its stock comes by itself.
#[derive(Debug, Serialize)]
pub(super) struct LiveDrop<'a> {
    id: &'a DropId,
    name: &'a str,
    state: DropState,
    opens_at: Option<Millis>,
    closes_at: Option<Millis>,
    hold_ttl_seconds: i64,
}

/// A reservation, with what lets a browser watch it.
#[derive(Debug, Serialize)]
pub(super) struct ReservationView {
    #[serde(flatten)]
    reservation: Reservation,
    watch_token: String,
}

/// A SKU as its merchant sees it.
#[derive(Debug, Serialize)]
pub(super) struct AdminSku<'a> {
    sku: &'a SkuId,
    name: &'a str,
    #[serde(flatten)]
    stock: Stock,
    limit_per_customer: Option<i64>,
    low_stock_threshold: i64,
    details: &'a RawValue,
    version: i64,
}

/// A drop as its merchant sees it.
#[derive(Debug, Serialize)]
pub(super) struct AdminDrop<'a> {
    id: &'a DropId,
    name: &'a str,
    state: DropState,
    opens_at: Option<Millis>,
    closes_at: Option<Millis>,
    hold_ttl_seconds: i64,
    max_hold_seconds: i64,
    limit_per_customer: Option<i64>,
    expiring_soon_seconds: &'a [i64],
    epoch: i64,
    seq: i64,
    skus: Vec<AdminSku<'a>>,
}

/// A SKU's counts after a restock.
#[derive(Debug, Serialize)]
pub(super) struct SkuCounts<'a> {
    pub(super) drop: &'a DropId,
    pub(super) sku: &'a SkuId,
    #[serde(flatten)]
    pub(super) stock: Stock,
}

impl PublicSkuLine<'_> {
    pub(super) fn of(view: &SkuView) -> PublicSkuLine<'_> {
        let available = view.stock.stock.available;
        let status = match available {
            ..=0 => StockStatus::SoldOut,
            few if few <= view.settings.low_stock_threshold => StockStatus::Low,
            _ => StockStatus::InStock,
        };
        let message = match status {
            StockStatus::InStock => None,
            StockStatus::Low => Some(format!("Only {available} left!")),
            StockStatus::SoldOut => Some("Sold out".to_owned()),
        };
        PublicSkuLine {
            sku: &view.stock.sku,
            name: &view.settings.name,
            available,
            status,
            message,
            version: view.stock.version,
        }
    }
}

impl PublicSku<'_> {
    pub(super) fn of<'a>(view: &'a SkuView, details: &'a RawValue) -> PublicSku<'a> {
        PublicSku { line: PublicSkuLine::of(view), details }
    }
}

impl PublicDrop<'_> {
    pub(super) fn of(view: &DropView, now: Millis) -> PublicDrop<'_> {
        PublicDrop {
            id: &view.id,
            name: &view.settings.name,
            state: view.settings.state_at(now),
            opens_at: view.settings.opens_at,
            closes_at: view.settings.closes_at,
            hold_ttl_seconds: view.settings.hold_ttl_seconds,
            skus: view.skus.iter().map(PublicSkuLine::of).collect(),
        }
    }
}

impl LiveDrop<'_> {
    pub(super) fn of(view: &DropView, now: Millis) -> LiveDrop<'_> {
        LiveDrop {
            id: &view.id,
            name: &view.settings.name,
            state: view.settings.state_at(now),
            opens_at: view.settings.opens_at,
            closes_at: view.settings.closes_at,
            hold_ttl_seconds: view.settings.hold_ttl_seconds,
        }
    }
}

impl ReservationView {
    pub(super) fn of(reservation: Reservation, key: &WatchKey) -> ReservationView {
        let watch_token = key.token(&reservation.drop, reservation.id);
        ReservationView { reservation, watch_token }
    }
}

impl AdminSku<'_> {
    pub(super) fn of<'a>(view: &'a SkuView, details: &'a RawValue) -> AdminSku<'a> {
        AdminSku {
            sku: &view.stock.sku,
            name: &view.settings.name,
            stock: view.stock.stock,
            limit_per_customer: view.settings.limit_per_customer,
            low_stock_threshold: view.settings.low_stock_threshold,
            details,
            version: view.stock.version,
        }
    }
}

impl AdminDrop<'_> {
    pub(super) fn of(full: &FullDrop, now: Millis) -> AdminDrop<'_> {
        let FullDrop { view, details } = full;
        AdminDrop {
            id: &view.id,
            name: &view.settings.name,
            state: view.settings.state_at(now),
            opens_at: view.settings.opens_at,
            closes_at: view.settings.closes_at,
            hold_ttl_seconds: view.settings.hold_ttl_seconds,
            max_hold_seconds: view.settings.max_hold_seconds,
            limit_per_customer: view.settings.limit_per_customer,
            expiring_soon_seconds: &view.settings.expiring_soon_seconds,
            epoch: view.epoch,
            seq: view.seq,
            skus: view.skus.iter().zip(details).map(|(sku, of)| AdminSku::of(sku, of)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{DetailsVersion, SkuSettings, SkuStock};

    fn view(available: i64) -> SkuView {
        let stock = Stock { total: available + 3, available, held: 1, sold: 2 };
        SkuView {
            stock: SkuStock { sku: "shoe".parse().expect("an id"), stock, version: 7 },
            settings: SkuSettings {
                name: "Shoe".to_owned(),
                limit_per_customer: None,
                low_stock_threshold: 5,
            },
            details: DetailsVersion::default(),
        }
    }

    fn details() -> Box<RawValue> {
        RawValue::from_string(r#"{"price":12}"#.to_owned()).expect("JSON")
    }

    #[test]
    fn stock_is_told_in_words() {
        for (available, status, message) in [
            (6, "in_stock", json!(null)),
            (5, "low", json!("Only 5 left!")),
            (1, "low", json!("Only 1 left!")),
            (0, "sold_out", json!("Sold out")),
        ] {
            let shown = json!(PublicSku::of(&view(available), &details()));
            assert_eq!((&shown["status"], &shown["message"]), (&json!(status), &message));
        }
    }

    #[test]
    fn only_a_merchant_sees_held_and_sold() {
        assert_eq!(
            json!(PublicSku::of(&view(9), &details())),
            json!({ "sku": "shoe", "name": "Shoe", "available": 9, "status": "in_stock",
                "message": null, "version": 7, "details": { "price": 12 } })
        );
        assert_eq!(
            json!(AdminSku::of(&view(9), &details())),
            json!({ "sku": "shoe", "name": "Shoe", "total": 12, "available": 9, "held": 1,
                "sold": 2, "limit_per_customer": null, "low_stock_threshold": 5, "version": 7,
                "details": { "price": 12 } })
        );
    }
}
