//! `lua/restock.lua`: units join a SKU's total, or free ones leave it.

use crate::support::Case;

#[test]
fn added_and_taken_out() {
    let mut case = Case::given(&[
        "stock a 5 2",
        "r1 H c1 @-60000 @840000 * a:3",
        "r2 C c1 @-60000 @840000 o1 a:1 7",
    ]);
    case.admit = false;
    case.expect(
        "restock",
        &["a|7|po-1|\"truck two\"|k1|f1", "a|-12|*|null||", "a|7|po-1|\"truck two\"|k1|f1"],
        &["RESTOCKED 16 12 3 1", "RESTOCKED 4 0 3 1", "REPLAYED 11"],
        &[
            "- stock a 5 3 1 2",
            "+ stock a 0 3 1 2",
            "+ keys k1 f1 11",
            "journal restocked k1 f1 a 7 16 12 3 1 po-1 \"truck two\"",
            "journal restocked * * a -12 4 0 3 1 * null",
        ],
    );
    case.refused("restock", "a|1|*|null|k1|f2", "KEY_REUSED");
    case.refused("restock", "a|-1|*|null||", "INSUFFICIENT 0");
}

#[test]
fn refusals_come_in_their_order() {
    let mut case = Case::given(&["stock a 5", "key k1 f1 3 @500"]);
    case.refused("restock", "x|1|*|null|k1|f2", "KEY_REUSED");
    case.refused("restock", "x|1|*|null|k1|f1", "REPLAYED 3");
    case.refused("restock", "x|1|*|null||", "UNKNOWN_SKU x");
    case.refused("restock", "!|1|*|null||", "UNKNOWN_SKU !");
    case.refused("restock", "a|-6|*|null||", "INSUFFICIENT 5");
    case.refused("restock", "a|999999996|*|null||", "TOO_LARGE 1000000000");
    case.refused("restock", "a|999999999999999|*|null||", "TOO_LARGE 1000000000");
}

#[test]
fn up_to_the_largest_total() {
    let mut case = Case::given(&["stock a 5"]);
    case.expect(
        "restock",
        &["a|999999995|*|null||", "a|1|*|null||"],
        &["RESTOCKED 1000000000 1000000000 0 0", "TOO_LARGE 1000000000"],
        &[
            "- stock a 5 0 0 *",
            "+ stock a 1000000000 0 0 *",
            "journal restocked * * a 999999995 1000000000 1000000000 0 0 * null",
        ],
    );
}

#[test]
fn what_is_due_is_freed_when_free_units_fall_short() {
    let mut case = Case::given(&[
        "stock a 1",
        "r1 H c1 @-900000 @-1 * a:1",
        "r2 H c2 @-900000 @0 * a:1",
        "r3 H c3 @-900000 @1 * a:1",
    ]);
    case.refused("restock", "a|1000000000|*|null||", "TOO_LARGE 1000000000");
    case.expect(
        "restock",
        &["a|-2|*|null||"],
        &["RESTOCKED 2 0 2 0"],
        &[
            "- stock a 1 3 0 *",
            "+ stock a 0 2 0 *",
            "- reservations r1 H c1 @-900000 @-1 * a:1",
            "+ reservations r1 E c1 @-900000 @-1 * a:1 12",
            "- deadlines a @-1 r1",
            "- customers c1 a=1;r1 ",
            "+ ended @600000 12 r1",
            "journal expired * * r1 E c1 @-900000 @-1 * a:1 *",
            "journal restocked * * a -2 2 0 2 0 * null",
        ],
    );
    case.expect(
        "restock",
        &["a|-2|*|null||"],
        &["INSUFFICIENT 1"],
        &[
            "- stock a 0 2 0 *",
            "+ stock a 1 1 0 *",
            "- reservations r2 H c2 @-900000 @0 * a:1",
            "+ reservations r2 E c2 @-900000 @0 * a:1 13",
            "- deadlines a @0 r2",
            "- customers c2 a=1;r2 ",
            "+ ended @600000 13 r2",
            "journal expired * * r2 E c2 @-900000 @0 * a:1 *",
        ],
    );
}
