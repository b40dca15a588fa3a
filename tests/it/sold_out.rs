//! Refusals of a SKU that is sold out, many in a row: they may come without asking Redis, and must
//! be those that Redis would give.

use serde_json::{Value, json};

use crate::support::{Sale, eventually};

async fn refused(sale: &Sale, customer: &str, quantity: i64) -> Value {
    let problem = sale.reserve(customer, &[("a", quantity)]).send().await.problem(409, "sold_out");
    problem["lines"][0].clone()
}

#[tokio::test]
async fn what_is_left_can_be_had_while_more_is_refused() {
    let sale = Sale::open(&[("a", 2)]).await;
    for _ in 0..20 {
        let line = refused(&sale, "greedy", 3).await;
        assert_eq!(line, json!({ "sku": "a", "requested": 3, "available": 2 }));
    }
    sale.held("modest", &[("a", 2)]).await;
    assert_eq!(refused(&sale, "greedy", 1).await["available"], 0);
}

#[tokio::test]
async fn units_that_come_back_can_be_had_at_once() {
    let sale = Sale::open(&[("a", 1)]).await;
    let mut held = sale.held("first", &[("a", 1)]).await;
    for round in 0..10 {
        refused(&sale, "next", 1).await;
        refused(&sale, "next", 1).await;
        sale.release(&held).send().await.ok(200);
        held = sale.held("next", &[("a", 1)]).await;
        refused(&sale, "late", 1).await;
        let restock = sale.restock("a", json!({ "quantity": 1 })).key(&format!("k{round}"));
        restock.send().await.ok(200);
        sale.held("late", &[("a", 1)]).await;
    }
}

#[tokio::test]
async fn units_that_come_back_elsewhere_can_be_had_soon() {
    let sale = Sale::open(&[("a", 1)]).await;
    let held = sale.held("first", &[("a", 1)]).await;
    let elsewhere = sale.elsewhere();
    refused(&elsewhere, "next", 1).await;
    sale.release(&held).send().await.ok(200);
    eventually("the unit", async || {
        let reply = elsewhere.reserve("next", &[("a", 1)]).send().await;
        (reply.status == 201).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_comes_before_the_stock_is_said_first() {
    let sale = Sale::with(json!({ "limit_per_customer": 1 }), &[("a", 1)]).await;
    sale.act("open").await.ok(200);
    sale.held("first", &[("a", 1)]).await;
    refused(&sale, "next", 1).await;
    sale.reserve("first", &[("a", 1)]).send().await.problem(409, "limit_exceeded");

    let sale = Sale::open(&[("a", 1)]).await;
    sale.held("first", &[("a", 1)]).await;
    refused(&sale, "next", 1).await;
    sale.reserve("next", &[("b", 1)]).send().await.problem(404, "unknown_sku");
    sale.act("pause").await.ok(200);
    sale.reserve("next", &[("a", 1)]).send().await.problem(409, "drop_paused");
    sale.act("open").await.ok(200);
    refused(&sale, "next", 1).await;
}

#[tokio::test]
async fn a_hold_that_is_due_is_freed_for_the_next() {
    let sale = Sale::open(&[("a", 1)]).await;
    sale.held_for(1, "first", &[("a", 1)]).await;
    eventually("the expired unit", async || {
        let reply = sale.reserve("next", &[("a", 1)]).send().await;
        (reply.status == 201).then_some(())
    })
    .await;
}
