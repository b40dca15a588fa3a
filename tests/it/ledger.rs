//! The ledger by the API: filtered, from either end, and whole as CSV.

use std::collections::BTreeMap;

use dropgate::local::TestServers;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::support::{ADMIN_KEY, Apart, Call, EngineProcess, Sale, World, eventually, lines, peak};

/// A drop in which some of everything has happened.
async fn lively() -> Sale {
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let held = sale.held("c-1", &[("a", 2), ("b", 1)]).await;
    sale.change(&held, &[("a", 1), ("b", 3)]).send().await.ok(200);
    sale.confirm(&held, json!({ "order_id": "o-1" })).send().await.ok(200);
    let back = json!({ "lines": [{ "sku": "a", "quantity": 1 }], "reason": "broken, \"badly\"" });
    sale.give_back(&held, back).send().await.ok(200);
    let other = sale.held("c-2", &[("b", 1)]).await;
    sale.release(&other).send().await.ok(200);
    sale
}

/// The whole ledger, oldest first.
async fn all(sale: &Sale) -> Vec<Value> {
    items(&sale.admin(Method::GET, "/ledger?limit=1000").send().await.ok(200))
}

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().expect("items").clone()
}

fn seq(row: &Value) -> i64 {
    row["seq"].as_i64().expect("a seq")
}

/// Every page from the first on, each with the bound that the one before gave.
async fn pages(sale: &Sale, query: &str, bound: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("/ledger?{query}{next}");
        let page = sale.admin(Method::GET, &path).send().await.ok(200);
        pages.push(items(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&{bound}={cursor}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn filters_leave_what_fits_all_of_them() {
    let sale = lively().await;
    let all = all(&sale).await;
    let check = async |query: &str, fits: &dyn Fn(&Value) -> bool| {
        let wanted: Vec<Value> = all.iter().filter(|row| fits(row)).cloned().collect();
        assert!(!wanted.is_empty() && wanted.len() < all.len(), "{query}");
        let found = pages(&sale, query, "after_seq").await.concat();
        assert_eq!(found, wanted, "{query}");
        let backwards = format!("{query}&order=newest&limit=2");
        let mut found = pages(&sale, &backwards, "before_seq").await.concat();
        // The newest event comes first, and its lines in their order.
        assert!(found.is_sorted_by_key(|row| -seq(row)), "{query}");
        found.sort_by_key(seq);
        assert_eq!(found, wanted, "{query}");
    };
    check("customer_id=c-1", &|row| row["customer_id"] == "c-1").await;
    check("sku=a", &|row| row["sku"] == "a").await;
    check("kind=held", &|row| row["kind"] == "held").await;
    check("kind=held,released", &|row| row["kind"] == "held" || row["kind"] == "released").await;
    let both = "customer_id=c-1&sku=b&kind=held";
    check(both, &|row| row["customer_id"] == "c-1" && row["sku"] == "b" && row["kind"] == "held")
        .await;
    let id = all.iter().find_map(|row| row["reservation_id"].as_str()).expect("one");
    check(&format!("reservation_id={id}"), &|row| row["reservation_id"] == id).await;
    let (low, high) = (seq(&all[2]), seq(&all[all.len() - 2]));
    check(&format!("after_seq={low}&kind=held,confirmed,changed"), &|row| {
        let kind = row["kind"].as_str().expect("a kind");
        seq(row) > low && ["held", "confirmed", "changed"].contains(&kind)
    })
    .await;
    let before = format!("before_seq={high}");
    let found = items(&sale.admin(Method::GET, &format!("/ledger?{before}")).send().await.ok(200));
    assert!(found.iter().eq(all.iter().filter(|row| seq(row) < high)));
    let at = all.last().expect("a row")["occurred_at"].as_str().expect("a time").to_owned();
    let when = |row: &Value| row["occurred_at"].as_str().expect("a time").to_owned();
    check(&format!("until={at}"), &|row| when(row) < at).await;
    check(&format!("since={at}"), &|row| when(row) >= at).await;
}

#[tokio::test]
async fn a_page_has_whole_events_and_leads_to_the_next() {
    let sale = lively().await;
    let all = all(&sale).await;
    for (query, bound) in [
        ("limit=1&order=newest", "before_seq"),
        ("limit=1&order=oldest&since=2000-01-01T00:00:00Z", "after_seq"),
    ] {
        let pages = pages(&sale, query, bound).await;
        assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), all.len());
        for page in pages {
            let first = page.first().map(seq);
            assert!(page.iter().all(|row| Some(seq(row)) == first), "one event: {page:?}");
        }
    }
    for (query, pointer) in [
        ("kind=bought", "/query/kind"),
        ("kind=held,", "/query/kind"),
        ("order=up", "/query/order"),
        ("before_seq=-1", "/query/before_seq"),
        ("since=now", "/query/since"),
        ("reservation_id=1", "/query/reservation_id"),
        ("customer_id=a%20b", "/query/customer_id"),
        ("nope=1", "/query/nope"),
    ] {
        sale.admin(Method::GET, &format!("/ledger?{query}")).send().await.invalid(&[pointer]);
        sale.admin(Method::GET, &format!("/ledger.csv?{query}")).send().await.invalid(&[pointer]);
    }
    sale.admin(Method::GET, "/ledger.csv?limit=5").send().await.invalid(&["/query/limit"]);
}

#[tokio::test]
async fn csv_has_the_same_rows() {
    let sale = lively().await;
    let all = all(&sale).await;
    for (query, fits) in [("", None), ("?kind=held&sku=b", Some(("held", "b")))] {
        let call = sale.admin(Method::GET, &format!("/ledger.csv{query}"));
        let (status, headers, body) = call.send_whole().await;
        assert_eq!(
            (status, headers["content-type"].as_bytes()),
            (200, &b"text/csv; charset=utf-8; header=present"[..])
        );
        let name = format!("attachment; filename=\"{}-ledger.csv\"", sale.id());
        assert_eq!(headers["content-disposition"], name);
        let mut csv = csv::Reader::from_reader(body.as_slice());
        let names = csv.headers().expect("a header").clone();
        let wanted = all
            .iter()
            .filter(|row| fits.is_none_or(|(kind, sku)| row["kind"] == kind && row["sku"] == sku));
        let text = |value: &Value| match value.as_str() {
            Some(text) => text.to_owned(),
            None if value.is_null() => String::new(),
            None => value.to_string(),
        };
        let wanted: Vec<Vec<String>> =
            wanted.map(|row| names.iter().map(|name| text(&row[name])).collect()).collect();
        let read: Vec<Vec<String>> = csv
            .records()
            .map(|row| row.expect("a row").iter().map(str::to_owned).collect())
            .collect();
        assert_eq!(read, wanted, "{query}");
    }
    let none = sale.admin(Method::GET, "/ledger.csv?customer_id=nobody").send_bare().await;
    let text = String::from_utf8(none.1).expect("text");
    assert_eq!((none.0, text.lines().count()), (200, 1), "a header alone: {text}");
    sale.anonymous(Method::GET, "/v1/admin/drops/none/ledger.csv")
        .bearer(ADMIN_KEY)
        .send()
        .await
        .problem(404, "unknown_drop");
}

/// A ledger of some ninety megabytes: an engine writes it out with the memory of a piece, and looks for
/// what is rare in bounded steps.
#[tokio::test]
async fn a_long_ledger_takes_no_more_memory() {
    const EVENTS: i64 = 150_000;
    let servers = TestServers::shared().await.expect("servers");
    let database = servers.new_database("long").await.expect("a database");
    let engine = EngineProcess::serve(World::shared().await.redis_url(), database.url(), &[]);
    let (client, connection) =
        tokio_postgres::connect(database.url(), NoTls).await.expect("the database");
    tokio::spawn(connection);
    let drop = format!("long-{}", Uuid::now_v7().simple());
    let fill = format!(
        "INSERT INTO drops (id, name, state, epoch, last_seq)
         VALUES ('{drop}', 'd', 'open', 1, {EVENTS});
         INSERT INTO ledger (drop_id, epoch, seq, line, kind, sku, quantity, occurred_at, reason)
         SELECT '{drop}', 1, n, 0, CASE n WHEN 3 THEN 'expired' ELSE 'restocked' END, 'a', 1, now(),
            repeat('why ', 125)
         FROM generate_series(1, {EVENTS}) n"
    );
    client.batch_execute(&fill).await.expect("rows");
    let http = reqwest::Client::new();
    let call = |path: &str| {
        let url = format!("{}/v1/admin/drops/{drop}{path}", engine.url());
        Call::new(&http, Method::GET, url).bearer(ADMIN_KEY)
    };
    // The one event of its kind is far from the end: some pages are empty, and lead on to it.
    let (mut before, mut asked) = (String::new(), 0);
    loop {
        let path = format!("/ledger?kind=expired&order=newest{before}");
        let page = call(&path).send().await.ok(200);
        asked += 1;
        if let Some(found) = page["items"][0]["seq"].as_i64() {
            assert_eq!(found, 3);
            break;
        }
        before = format!("&before_seq={}", page["next_cursor"].as_str().expect("it goes on"));
    }
    assert!((2..=5).contains(&asked), "{asked}");
    let mut answer = call("/ledger.csv").open().await;
    let (mut lines, mut bytes, mut few) = (0, 0, None);
    while let Some(piece) = answer.chunk().await.expect("the answer goes on") {
        lines += piece.iter().filter(|byte| **byte == b'\n').count();
        bytes += piece.len();
        if bytes > 15_000_000 {
            few.get_or_insert_with(|| peak(engine.id()));
        }
    }
    assert_eq!(lines, usize::try_from(EVENTS).expect("a number") + 1);
    assert!(bytes > 80_000_000, "{bytes}");
    let (few, many) = (few.expect("it was looked"), peak(engine.id()));
    assert!(many < few + 15_000, "{few} kB after a fifth, {many} kB after {bytes} bytes");
}

/// How many rows of `stock` and of `reservations` were changed, and how many index entries were
/// read to find rows of them.
async fn looked_up(sql: &tokio_postgres::Client) -> [i64; 4] {
    let row = sql
        .query_one(
            "SELECT s.n_tup_upd, si.idx_tup_read, r.n_tup_upd, ri.idx_tup_read
            FROM pg_stat_user_tables s, pg_stat_user_indexes si,
                pg_stat_user_tables r, pg_stat_user_indexes ri
            WHERE s.relname = 'stock' AND si.indexrelname = 'stock_pkey'
                AND r.relname = 'reservations' AND ri.indexrelname = 'reservations_pkey'",
            &[],
        )
        .await
        .expect("the statistics");
    [0, 1, 2, 3].map(|column| row.get(column))
}

#[tokio::test]
async fn a_commit_finds_what_it_touches_by_its_key_in_a_new_database() {
    const SKUS: usize = 200;
    const CALLS: usize = 25;
    let apart = Apart::new("by-key").await;
    let (sql, connection) =
        tokio_postgres::connect(apart.database(), NoTls).await.expect("the database");
    tokio::spawn(connection);
    let drop = format!("by-key-{}", Uuid::now_v7().simple());
    let hold = |engine: &EngineProcess, n: usize| {
        let lines = lines(&[(&format!("s{}", n % SKUS), 1)]);
        let body = json!({ "customer_id": format!("c-{n}"), "lines": lines });
        apart.shop(engine.url(), &drop, "", &body).send()
    };
    let put = |engine: &EngineProcess, path: &str, body: Value| {
        let path = format!("/drops/{drop}{path}");
        apart.admin(engine, Method::PUT, &path).json(&body).send()
    };
    let engine = apart.engine(&[]);
    put(&engine, "", json!({})).await.ok(201);
    stream::iter(0..SKUS)
        .for_each_concurrent(8, async |n| {
            put(&engine, &format!("/skus/s{n}"), json!({ "initial_stock": 1_000 })).await.ok(201);
            hold(&engine, n).await.ok(201);
        })
        .await;
    // What a connection has done is counted at the latest when it ends.
    std::mem::drop(engine);
    eventually("the first engine's connections have ended", || async {
        let others = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        (sql.query_one(others, &[]).await.expect("a count").get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    let before = looked_up(&sql).await;
    let engine = apart.engine(&[]);
    for n in 0..CALLS {
        let held = hold(&engine, SKUS + n).await.ok(201);
        let path = format!("/{}/confirm", held["id"].as_str().expect("an id"));
        let order = json!({ "order_id": format!("o-{n}") });
        apart.shop(engine.url(), &drop, &path, &order).send().await.ok(200);
    }
    let read = eventually("all is counted", || async {
        let after = looked_up(&sql).await;
        let [moved, by_sku, changed, by_id] = [0, 1, 2, 3].map(|at| after[at] - before[at]);
        let all = moved >= 2 * CALLS as i64 && changed >= CALLS as i64;
        all.then_some([by_sku, by_id])
    })
    .await;
    println!("{CALLS} holds and confirms read {read:?} index entries, with {SKUS} SKUs");
    // Other work reads all of them now and then; a commit would do so each time.
    let (most, walked) = ((10 * SKUS) as i64, (CALLS * SKUS) as i64);
    assert!(most < walked && read.iter().all(|read| *read < most), "{read:?}");
}

/// On which page of its table each reservation stands.
async fn pages_of_reservations(sql: &tokio_postgres::Client) -> BTreeMap<String, String> {
    let sql_text = "SELECT id::text, split_part(ctid::text, ',', 1) FROM reservations";
    let rows = sql.query(sql_text, &[]).await.expect("the reservations");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn what_becomes_of_a_hold_stays_on_its_page() {
    const HOLDS: usize = 200;
    let apart = Apart::new("on-page").await;
    let (sql, connection) =
        tokio_postgres::connect(apart.database(), NoTls).await.expect("the database");
    tokio::spawn(connection);
    let engine = apart.engine(&[]);
    let drop = apart.new_drop(&engine, HOLDS as i64).await;
    let held: Vec<Value> = stream::iter(0..HOLDS)
        .map(async |n| {
            let body = json!({ "customer_id": format!("c-{n}"), "lines": lines(&[("a", 1)]) });
            apart.shop(engine.url(), &drop, "", &body).send().await.ok(201)
        })
        .buffer_unordered(16)
        .collect()
        .await;
    let before = pages_of_reservations(&sql).await;
    assert_eq!(before.len(), HOLDS);
    stream::iter(held.iter().enumerate())
        .for_each_concurrent(16, async |(n, held)| {
            let path = format!("/{}/confirm", held["id"].as_str().expect("an id"));
            let order = json!({ "order_id": format!("order-{n:030}") });
            apart.shop(engine.url(), &drop, &path, &order).send().await.ok(200);
        })
        .await;
    assert_eq!(pages_of_reservations(&sql).await, before);
}
