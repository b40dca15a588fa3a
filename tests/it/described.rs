//! The description against what is really answered: every call is driven through every status and
//! every code that it is described with, and nothing else comes back.

mod checker;
mod everywhere;
mod sales;

use reqwest::Method;
use serde_json::Value;

use self::checker::Checker;
use crate::support::{Call, Reply, Sale};

/// What is described and can't be caused here.
const NOT_CAUSED: [(&str, u16, &str); 0] = [];

/// A drop, and the checker that sees every answer about it.
struct Drive {
    sale: Sale,
    checker: Checker,
}

impl Drive {
    /// Sends a call, and holds its answer against the description.
    async fn ask(&mut self, call: Call) -> Reply {
        let call =
            call.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let asks = call.asks();
        let answer = call.send_whole().await;
        self.checker.check(asks, &answer);
        let (status, headers, body) = answer;
        Reply { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// The same, and the answer is a problem with this code.
    async fn refused(&mut self, call: Call, status: u16, code: &str) -> Value {
        self.ask(call).await.problem(status, code)
    }

    /// The same, and the answer is a success with this status.
    async fn done(&mut self, call: Call, status: u16) -> Value {
        self.ask(call).await.ok(status)
    }
}

#[tokio::test]
async fn every_call_answers_as_it_is_described_and_in_no_other_way() {
    let settings = serde_json::json!({ "limit_per_customer": 5, "max_hold_seconds": 900 });
    let sale = Sale::with(settings, &[("a", 20), ("b", 3)]).await;
    let document = sale.anonymous(Method::GET, "/openapi.json").send().await.ok(200);
    let mut drive = Drive { sale, checker: Checker::new(document) };
    everywhere::drive(&mut drive).await;
    sales::drive(&mut drive).await;
    let documented = drive.checker.documented();
    assert!(documented.len() > 200, "{}", documented.len());
    let missing: Vec<_> = documented
        .iter()
        .filter(|known| !drive.checker.seen.contains(known))
        .filter(|(id, status, code)| !NOT_CAUSED.contains(&(id.as_str(), *status, code.as_str())))
        .collect();
    assert!(missing.is_empty(), "described and never answered: {missing:#?}");
    let headers = drive.checker.headers_never_seen();
    assert!(headers.is_empty(), "described and never sent: {headers:?}");
}

/// What the clients are generated from; `make clients` writes it anew.
#[tokio::test]
async fn the_clients_have_this_description() {
    let sale = Sale::unborn().await;
    let served = sale.anonymous(Method::GET, "/openapi.json").send().await.ok(200);
    let kept = include_str!("../../clients/openapi.json");
    let kept: Value = serde_json::from_str(kept).expect("JSON");
    let paths = |document: &Value| -> Vec<String> {
        document["paths"].as_object().expect("paths").keys().cloned().collect()
    };
    assert_eq!(paths(&kept), paths(&served), "run `make clients`");
    assert!(kept == served, "clients/openapi.json is not what is served: run `make clients`");
}

#[tokio::test]
async fn the_check_can_fail() {
    let sale = Sale::open(&[("a", 5)]).await;
    let document = sale.anonymous(Method::GET, "/openapi.json").send().await.ok(200);
    let call = || sale.anonymous(Method::GET, &format!("/v1/drops/{}/skus/a", sale.id()));
    let (asks, answer) = (call().asks(), call().send_whole().await);
    Checker::new(document.clone()).check(asks.clone(), &answer);
    let fails = |break_it: &dyn Fn(&mut Value)| {
        let mut document = document.clone();
        break_it(&mut document);
        let (asks, answer) = (asks.clone(), answer.clone());
        std::thread::spawn(move || Checker::new(document).check(asks, &answer)).join().is_err()
    };
    let responses = "/paths/~1v1~1drops~1{drop}~1skus~1{sku}/get/responses";
    assert!(fails(&|document| {
        let responses = document.pointer_mut(responses).expect("responses");
        responses.as_object_mut().expect("an object").remove("200");
    }));
    assert!(fails(&|document| {
        let headers = document.pointer_mut(&format!("{responses}/200/headers")).expect("headers");
        headers.as_object_mut().expect("an object").remove("ETag");
    }));
    assert!(fails(&|document| {
        let headers = document.pointer_mut(&format!("{responses}/200/headers")).expect("headers");
        headers["Allow"] = serde_json::json!({ "$ref": "#/components/headers/Allow" });
    }));
    assert!(fails(&|document| {
        let members = &mut document["components"]["schemas"]["PublicSku"]["properties"];
        members.as_object_mut().expect("an object").remove("details");
    }));
    assert!(fails(&|document| {
        document["components"]["schemas"]["PublicSku"]["properties"]["version"] =
            serde_json::json!({ "type": "string" });
    }));
}
