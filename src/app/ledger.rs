//! `dropgate ledger`: everything that happened in a drop, in order, for people and other programs.

use std::io::{self, Write as _};

use super::connect_ledger;
use super::output::{Columns, DONE, REFUSED, UNKNOWN, is_gone};
use crate::api::ledger_csv;
use crate::config::{EventsFormat, EventsSettings};
use crate::domain::{LEDGER_COLUMNS, LedgerRow};
use crate::ledger::{Ledger, LedgerError, SPAN};

/// Those with numbers.
const NUMBERS: &[usize] = &[0, 1, 5];

/// The status is the program's: see the help of `ledger`.
pub(super) async fn run(settings: EventsSettings) -> anyhow::Result<u8> {
    let ledger = connect_ledger(&settings.ledger)?;
    let drop = &settings.drop;
    let upto = match ledger.drop_view(drop).await {
        Ok(Some(view)) => view.seq,
        Ok(None) => {
            eprintln!(
                "dropgate: the ledger has no drop {drop}\n`dropgate audit` or `dropgate drop list` \
                 shows which there are."
            );
            return Ok(REFUSED);
        }
        Err(error) => return Ok(interrupted(&error, None)),
    };
    let mut writer = Writer::new(settings.format);
    match write(&ledger, &settings, upto, &mut writer).await {
        Ok(()) => Ok(DONE),
        Err(Stop::Output(error)) if is_gone(&error) => Ok(DONE),
        Err(Stop::Output(error)) => Err(error.into()),
        Err(Stop::Ledger(error, done)) => Ok(interrupted(&error, Some(done))),
    }
}

/// What ends the writing before its time.
enum Stop {
    /// Nobody takes it any more.
    Output(io::Error),
    /// It can't be read; what was written goes up to this `seq`.
    Ledger(LedgerError, i64),
}

async fn write(
    ledger: &Ledger,
    settings: &EventsSettings,
    upto: i64,
    writer: &mut Writer,
) -> Result<(), Stop> {
    let mut done = settings.after_seq;
    let mut out = io::stdout();
    loop {
        let end = done.saturating_add(SPAN).min(upto);
        let rows = match end > done {
            true => ledger.span(&settings.drop, &settings.filter, done, end).await,
            // Titles are written also where there is nothing below them.
            false => Ok(Vec::new()),
        };
        let rows = rows.map_err(|error| Stop::Ledger(error, done))?;
        let piece = writer.piece(&rows).map_err(Stop::Output)?;
        out.write_all(&piece).and_then(|()| out.flush()).map_err(Stop::Output)?;
        done = end.max(done);
        if done >= upto {
            return Ok(());
        }
    }
}

/// Says how to go on; the status to end with.
fn interrupted(error: &LedgerError, done: Option<i64>) -> u8 {
    eprintln!("dropgate: {error}");
    match done {
        Some(seq) => eprintln!(
            "What is written is right and goes up to seq {seq}: the same command with --after-seq \
             {seq} goes on behind it."
        ),
        None => eprintln!("Does DROPGATE_DATABASE_URL name the engine's database, and is it up?"),
    }
    UNKNOWN
}

/// Rows in one of the formats, piece by piece.
enum Writer {
    Table(Box<Columns<12>>),
    Csv { begun: bool },
    Jsonl,
}

impl Writer {
    fn new(format: EventsFormat) -> Writer {
        match format {
            EventsFormat::Table => Writer::Table(Box::new(Columns::new(LEDGER_COLUMNS, NUMBERS))),
            EventsFormat::Csv => Writer::Csv { begun: false },
            EventsFormat::Jsonl => Writer::Jsonl,
        }
    }

    fn piece(&mut self, rows: &[LedgerRow]) -> io::Result<Vec<u8>> {
        match self {
            Writer::Table(columns) => {
                let shown = |cell: String| if cell.is_empty() { "-".to_owned() } else { cell };
                Ok(columns.draw(rows.iter().map(|row| row.cells().map(shown))).into_bytes())
            }
            Writer::Csv { begun } => ledger_csv(rows, !std::mem::replace(begun, true)),
            Writer::Jsonl => {
                let mut piece = Vec::new();
                for row in rows {
                    serde_json::to_writer(&mut piece, row)?;
                    piece.push(b'\n');
                }
                Ok(piece)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Millis;

    fn row() -> LedgerRow {
        LedgerRow {
            epoch: 1,
            seq: 7,
            kind: "restocked".to_owned(),
            reservation_id: None,
            customer_id: None,
            sku: Some("a".parse().expect("an id")),
            quantity: -5,
            order_id: None,
            occurred_at: Millis(1000),
            reference: None,
            reason: Some("broken, \"all\" of them".to_owned()),
            settings: None,
        }
    }

    fn piece(writer: &mut Writer, rows: &[LedgerRow]) -> String {
        String::from_utf8(writer.piece(rows).expect("written")).expect("UTF-8")
    }

    #[test]
    fn csv_has_one_header_and_quotes_what_it_must() {
        let mut writer = Writer::new(EventsFormat::Csv);
        let text = piece(&mut writer, &[row()]);
        assert_eq!(
            text,
            "epoch,seq,occurred_at,kind,sku,quantity,customer_id,reservation_id,order_id,reference,\
             reason,settings\n1,7,1970-01-01T00:00:01.000Z,restocked,a,-5,,,,,\
             \"broken, \"\"all\"\" of them\",\n"
        );
        assert_eq!(piece(&mut writer, &[row()]).lines().count(), 1);
    }

    #[test]
    fn json_has_a_line_a_row_with_the_same_names() {
        let text = piece(&mut Writer::new(EventsFormat::Jsonl), &[row(), row()]);
        assert_eq!(text.lines().count(), 2);
        let first: Value =
            serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!(first, json!(row()));
        for column in LEDGER_COLUMNS {
            assert!(first.get(column).is_some(), "{column}");
        }
        assert_eq!(piece(&mut Writer::new(EventsFormat::Jsonl), &[]), "");
    }
}
