use super::*;
use crate::admin::{Audit, AuditSku, Stock};
use crate::buyer::Outcome;
use crate::figures::{
    BuyerFigures, CallFigures, CurvePoint, GooseFigures, Sellout, Size, Units, Unknown,
};
use crate::join::Finding;
use crate::wire::Verb;

fn size() -> Size {
    Size {
        buyers: 100,
        came: 100,
        at_once: 20,
        units: 10,
        skus: 1,
        mix: "eager=1".to_owned(),
        ttl_seconds: 5,
        limit: 4,
    }
}

fn figures() -> Figures {
    let stock = Stock { total: 10, available: 1, held: 0, sold: 9 };
    let one = |name: &str, count: u64| [(name.to_owned(), count)].into();
    Figures {
        drop: "sim-<1>".to_owned(),
        engine: "http://127.0.0.1:1".to_owned(),
        seed: 77,
        size: size(),
        opened_at: "2026-01-01T10:00:00.000Z".to_owned(),
        sale_seconds: 12.5,
        settled_seconds: 17.25,
        units: Units {
            total: 10,
            sold: 9,
            left: 1,
            held: 14,
            expired: 3,
            released: 2,
            latest_expiry_seconds: Some(0.31),
        },
        sellout: Sellout {
            none_available_seconds: Some(0.52),
            all_sold_seconds: None,
            last_confirm_seconds: Some(8.0),
        },
        calls: vec![CallFigures {
            call: Verb::Reserve,
            requests: 321,
            p50_ms: 1.25,
            p95_ms: 20.0,
            p99_ms: 31.0,
            max_ms: 44.0,
            answers: one("sold_out", 307),
        }],
        refused: one("sold_out", 306),
        replayed_answers: 5,
        unknown: Unknown { done: 4, refused: 3, remained: 2, remained_and_happened: 1 },
        buyers: vec![BuyerFigures {
            kind: "eager",
            came: 100,
            outcomes: [(Outcome::Bought, 9), (Outcome::SoldOut, 91)].into(),
            units_bought: 9,
        }],
        goose: vec![GooseFigures {
            request: "POST reserve".to_owned(),
            answered: 321,
            without_answer: 0,
            mean_ms: 2.0,
            min_ms: 0.5,
            max_ms: 44.0,
        }],
        audit: Audit {
            balanced: true,
            epoch: 1,
            seq: 40,
            durable_seq: 40,
            skus: vec![AuditSku {
                sku: "sku-1".to_owned(),
                redis: Some(stock),
                ledger: Some(stock),
            }],
            violations: Vec::new(),
        },
        ledger_events: one("held", 14),
        findings: Vec::new(),
        curve: vec![CurvePoint { at: 0.0, stock: Stock::default() }, CurvePoint { at: 9.0, stock }],
    }
}

#[test]
fn every_form_has_the_figures() {
    let figures = figures();
    for text in [terminal::text(&figures), html::page(&figures)] {
        for figure in [
            "9 of 10",
            "0.52 s",
            "0.31 s",
            "4 found done, 3 refused, 2 remained (1 of them happened)",
            "306",
            "321",
            "1.2 ms",
            "44 ms",
            "hide that waiting",
            "Balanced",
            "77",
        ] {
            assert!(text.contains(figure), "{figure} is missing in {text}");
        }
    }
    let page = html::page(&figures);
    assert!(page.contains("POST reserve") && page.contains("goose.html"));
}

#[test]
fn a_finding_is_in_every_form() {
    let mut figures = figures();
    figures.findings = vec![Finding::Books("r < s".to_owned()), Finding::Ledger("gap".to_owned())];
    assert_eq!(verdict(&figures), "Not balanced: 1 findings; the books disagree: 1 more.");
    assert!(terminal::text(&figures).contains("✗ r < s"));
    assert!(html::page(&figures).contains("<li>r &lt; s</li>"));
    let json = serde_json::to_value(&figures).expect("JSON");
    assert_eq!(json["findings"][0], serde_json::json!({ "about": "books", "what": "r < s" }));
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = html::page(&figures());
    assert!(page.contains("Drop sim-&lt;1&gt;") && !page.contains("<script"));
    for reference in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn an_empty_curve_is_no_reason_to_fail() {
    let mut figures = figures();
    figures.curve.clear();
    assert!(curve::svg(&figures).starts_with("<svg"));
}
