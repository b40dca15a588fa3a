//! The books of a drop, reckoned from the ledger's rows alone and compared with everything
//! else that is kept: the promises, checked without using what the engine uses.

use std::collections::BTreeMap;

use reqwest::{Client, Method};
use tokio_postgres::{Client as Postgres, NoTls};

use super::call::Call;
use super::eventually;
use super::traces::checked;
use super::world::{ADMIN_KEY, World};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Books {
    total: i64,
    held: i64,
    sold: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Account {
    state: String,
    order: Option<String>,
    lines: BTreeMap<String, i64>,
}

struct Row {
    seq: i64,
    kind: String,
    reservation: Option<String>,
    sku: Option<String>,
    quantity: i64,
    order: Option<String>,
}

/// Asserts that `drop` is balanced on every engine and that its ledger keeps the promises.
pub(super) async fn check(world: &World, drop: &str) {
    for engine in 0..2 {
        audit(world, engine, drop).await;
    }
    let database = connect(world.database_url()).await;
    let rows = read_rows(&database, drop).await;
    let (stock, accounts) = reckon(&rows);
    let gaps = rows.windows(2).find(|pair| !(0..=1).contains(&(pair[1].seq - pair[0].seq)));
    assert!(gaps.is_none(), "{drop}: a seq is missing after {:?}", gaps.map(|pair| pair[0].seq));
    assert_eq!(rows.first().map(|row| row.seq), Some(1), "{drop}: the ledger begins at 1");
    assert_eq!(stock, read_stock(&database, drop).await, "{drop}: facts against stock");
    let kept = read_accounts(&database, drop).await;
    assert_eq!(accounts, kept, "{drop}: facts against reservations");
    let (found, _) = checked(world, drop).await;
    assert_eq!((found.unsealed, found.violations), (0, Vec::new()), "{drop}: the seals");
}

/// Waits until the ledger has the whole journal, and asserts that the audit finds nothing.
async fn audit(world: &World, engine: usize, drop: &str) {
    let http = Client::new();
    let url = format!("{}/v1/admin/drops/{drop}/audit", world.url(engine));
    eventually("the ledger catches up", || async {
        let call = Call::new(&http, Method::GET, url.clone()).bearer(ADMIN_KEY);
        let report = call.send().await.ok(200);
        assert_eq!(report["violations"], serde_json::json!([]), "{report}");
        assert_eq!(report["balanced"], true, "{report}");
        (report["seq"] == report["durable_seq"]).then_some(())
    })
    .await;
}

/// Goes through the facts one by one; each must be possible where it stands.
fn reckon(rows: &[Row]) -> (BTreeMap<String, Books>, BTreeMap<String, Account>) {
    let mut stock: BTreeMap<String, Books> = BTreeMap::new();
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut seen = (0, String::new());
    for row in rows {
        let at = format!("{} at seq {}", row.kind, row.seq);
        if let Some(sku) = &row.sku {
            let books = stock.entry(sku.clone()).or_default();
            move_units(books, &row.kind, row.quantity);
            let Books { total, held, sold } = *books;
            assert!(held >= 0 && sold >= 0 && held + sold <= total, "{at}: {books:?}");
        }
        let Some(id) = &row.reservation else { continue };
        let account = accounts.entry(id.clone()).or_default();
        if seen != (row.seq, id.clone()) {
            seen = (row.seq, id.clone());
            let from = account.state.as_str();
            let allowed = match row.kind.as_str() {
                "held" => matches!(from, "" | "expired"),
                "returned" => from == "confirmed",
                _ => from == "held",
            };
            assert!(allowed, "{at}: reservation {id} was {from:?}");
            if row.kind == "held" {
                account.lines.clear();
            }
        }
        write_account(account, row);
    }
    for account in accounts.values_mut() {
        if account.state == "confirmed" && account.lines.is_empty() {
            account.state = "returned".to_owned();
        }
    }
    (stock, accounts)
}

fn move_units(books: &mut Books, kind: &str, quantity: i64) {
    match kind {
        "restocked" => books.total += quantity,
        "held" | "changed" => books.held += quantity,
        "released" | "expired" => books.held -= quantity,
        "confirmed" => {
            books.held -= quantity;
            books.sold += quantity;
        }
        "returned" => books.sold -= quantity,
        "extended" | "configured" => assert_eq!(quantity, 0, "{kind}"),
        other => panic!("a kind that is not in the contract: {other}"),
    }
}

fn write_account(account: &mut Account, row: &Row) {
    account.state = match row.kind.as_str() {
        "changed" | "extended" => "held".to_owned(),
        "returned" => "confirmed".to_owned(),
        kind => kind.to_owned(),
    };
    if row.kind == "confirmed" {
        account.order.clone_from(&row.order);
    }
    let Some(sku) = &row.sku else { return };
    let change = match row.kind.as_str() {
        "held" | "changed" => row.quantity,
        "returned" => -row.quantity,
        _ => return assert_eq!(account.lines.get(sku), Some(&row.quantity), "seq {}", row.seq),
    };
    let owned = account.lines.entry(sku.clone()).or_default();
    *owned += change;
    assert!(*owned >= 0, "seq {}: {owned} of {sku}", row.seq);
    account.lines.retain(|_, quantity| *quantity > 0);
}

async fn connect(url: &str) -> Postgres {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the ledger");
    tokio::spawn(connection);
    client
}

async fn read_rows(database: &Postgres, drop: &str) -> Vec<Row> {
    let sql = "SELECT seq, kind, reservation_id::text, sku, quantity, order_id
        FROM ledger WHERE drop_id = $1 ORDER BY seq, line";
    let rows = database.query(sql, &[&drop]).await.expect("the ledger's rows");
    let read = |row: &tokio_postgres::Row| Row {
        seq: row.get(0),
        kind: row.get(1),
        reservation: row.get(2),
        sku: row.get(3),
        quantity: row.get(4),
        order: row.get(5),
    };
    rows.iter().map(read).collect()
}

async fn read_stock(database: &Postgres, drop: &str) -> BTreeMap<String, Books> {
    let sql = "SELECT sku, total, available, held, sold FROM stock WHERE drop_id = $1";
    let rows = database.query(sql, &[&drop]).await.expect("the stock");
    let read = |row: &tokio_postgres::Row| {
        let books = Books { total: row.get(1), held: row.get(3), sold: row.get(4) };
        assert_eq!(row.get::<_, i64>(2), books.total - books.held - books.sold);
        (row.get(0), books)
    };
    rows.iter().map(read).collect()
}

/// The reservations as they are kept. One that was wholly returned owns nothing any more,
/// whatever lines it shows.
async fn read_accounts(database: &Postgres, drop: &str) -> BTreeMap<String, Account> {
    let sql = "SELECT r.id::text, r.state, r.order_id, l.sku, l.quantity
        FROM reservations r LEFT JOIN reservation_lines l
            ON l.drop_id = r.drop_id AND l.reservation_id = r.id
        WHERE r.drop_id = $1";
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for row in database.query(sql, &[&drop]).await.expect("the reservations") {
        let account = accounts.entry(row.get(0)).or_default();
        (account.state, account.order) = (row.get(1), row.get(2));
        if let (Some(sku), true) = (row.get(3), account.state != "returned") {
            account.lines.insert(sku, row.get(4));
        }
    }
    accounts
}
