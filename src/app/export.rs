//! `dropgate export`: a drop as a file that needs nothing else to be checked.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use indicatif::ProgressBar;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::{connect_ledger, output, progress};
use crate::{
    config::{ExportAction, ExportSettings},
    domain::{ArchiveCheck, Checked, DropId, EndRecord, Record},
    ledger::Ledger,
};

/// Parts that may be read before the one that is being written.
const AHEAD: usize = 8;
/// Past this a line is no record of an export.
const LONGEST_LINE: u64 = 1 << 28;

/// 0 when what was written, or read, is right in itself.
pub(super) async fn run(settings: ExportSettings) -> anyhow::Result<u8> {
    let bar = progress::bar(0, settings.json);
    let shown = bar.clone();
    // What was asked for may be on its way to the standard output.
    let mut out_is_taken = false;
    let (what, checked) = match settings.action {
        ExportAction::Check(path) => {
            let what = path.display().to_string();
            (what, tokio::task::spawn_blocking(move || check(&path, &shown)).await??)
        }
        ExportAction::Write { drop, out, ledger } => {
            out_is_taken = out.is_none();
            let ledger = connect_ledger(&ledger)?;
            let checked = write(&ledger, &drop, out, shown).await?;
            (drop.to_string(), checked)
        }
    };
    bar.finish_and_clear();
    let Checked { reservations, entries, unsealed, events, violations } = &checked;
    let status = u8::from(!violations.is_empty());
    if settings.json {
        let told = json!({
            "export": what,
            "sound": violations.is_empty(),
            "events": events,
            "entries": entries,
            "unsealed": unsealed,
            "reservations": reservations,
            "violations": violations,
        });
        if out_is_taken {
            eprintln!("{told}");
        } else {
            output::print_json(&told)?;
        }
        return Ok(status);
    }
    let sound = if violations.is_empty() { "sound" } else { "NOT SOUND" };
    eprintln!(
        "{what}: {sound}; {events} events in {entries} entries, {unsealed} of them without a seal, \
         {reservations} reservations"
    );
    for violation in violations {
        eprintln!("  violation: {violation}");
    }
    Ok(status)
}

/// Writes an export, and checks it on the way.
async fn write(
    ledger: &Ledger,
    drop: &DropId,
    out: Option<PathBuf>,
    bar: ProgressBar,
) -> anyhow::Result<Checked> {
    let (lines, taken) = mpsc::channel(AHEAD);
    let (tell_whole, whole) = oneshot::channel();
    let writer = tokio::task::spawn_blocking(move || match out {
        Some(path) => write_file(&path, taken, whole, &bar),
        None => write_lines(io::stdout().lock(), taken, whole, &bar).map(|(_, checked)| checked),
    });
    let done = ledger.export(drop, lines).await;
    if let Ok(true) = done {
        // Who does not listen any more has an error of its own to tell.
        let _ = tell_whole.send(());
    } else {
        std::mem::drop(tell_whole);
    }
    let written = writer.await?;
    if !done.with_context(|| format!("the drop {drop} can't be read"))? {
        written?;
        bail!("there is no drop {drop}");
    }
    written
}

/// Writes a file that is there as a whole or not at all.
fn write_file(
    path: &Path,
    taken: mpsc::Receiver<Vec<Record>>,
    whole: oneshot::Receiver<()>,
    bar: &ProgressBar,
) -> anyhow::Result<Checked> {
    let name = path.file_name().context("--out names no file")?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let part = folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let doing = || format!("{} can't be written", part.display());
    let file = File::create(&part).with_context(doing)?;
    let written = write_lines(file, taken, whole, bar).with_context(doing).and_then(|written| {
        written.0.sync_all()?;
        fs::rename(&part, path).with_context(|| format!("{} can't be made", path.display()))?;
        // The name, too, must be there after a power loss.
        File::open(folder)?.sync_all()?;
        Ok(written.1)
    });
    if written.is_err() {
        // Whatever else goes wrong has been said by then.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Writes records as they come, and the last line if they were all.
fn write_lines<W: Write>(
    out: W,
    mut taken: mpsc::Receiver<Vec<Record>>,
    whole: oneshot::Receiver<()>,
    bar: &ProgressBar,
) -> anyhow::Result<(W, Checked)> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut check = ArchiveCheck::default();
    let (mut digest, mut lines) = (Sha256::new(), 0);
    while let Some(records) = taken.blocking_recv() {
        for record in &records {
            check.take(record);
            show(record, bar);
            let line = line_of(record)?;
            digest.update(&line);
            out.write_all(&line)?;
            lines += 1;
        }
    }
    whole.blocking_recv().map_err(|_| anyhow::anyhow!("there is nothing to write, or not all"))?;
    let end = EndRecord { lines, sha256: URL_SAFE_NO_PAD.encode(digest.finalize()) };
    out.write_all(&line_of(&Record::End(end))?)?;
    let out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((out, check.finish()))
}

/// Shows how much of the ledger is written: its events.
fn show(record: &Record, bar: &ProgressBar) {
    let of = |seq: i64| u64::try_from(seq).unwrap_or_default();
    match record {
        Record::Drop(drop) => bar.set_length(of(drop.seq)),
        Record::Entry(entry) => bar.set_position(of(entry.seq)),
        Record::Sku(_) | Record::Reservation(_) | Record::End(_) => {}
    }
}

fn line_of(record: &Record) -> anyhow::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// Checks a file by itself.
fn check(path: &Path, bar: &ProgressBar) -> anyhow::Result<Checked> {
    let doing = || format!("{} can't be read", path.display());
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).with_context(doing)?);
    let mut check = ArchiveCheck::default();
    let (mut digest, mut lines) = (Sha256::new(), 0_u64);
    let (mut line, mut end, mut wrong) = (Vec::new(), None, Vec::new());
    loop {
        line.clear();
        let mut bounded = io::Read::take(&mut file, LONGEST_LINE);
        if bounded.read_until(b'\n', &mut line).with_context(doing)? == 0 {
            break;
        }
        if end.is_some() {
            wrong.push("something stands behind the last line".to_owned());
            break;
        }
        match serde_json::from_slice::<Record>(&line) {
            Ok(Record::End(last)) => end = Some(last),
            Ok(record) => {
                check.take(&record);
                show(&record, bar);
                digest.update(&line);
                lines += 1;
            }
            Err(error) => {
                wrong.push(format!("line {} is no record: {error}", lines + 1));
                break;
            }
        }
    }
    let sha256 = URL_SAFE_NO_PAD.encode(digest.finalize());
    match end {
        Some(end) if end == (EndRecord { lines, sha256 }) => {}
        Some(_) => wrong.push("the last line belongs to another file".to_owned()),
        None => wrong.push("the last line is missing: the file is not whole".to_owned()),
    }
    let mut checked = check.finish();
    checked.violations.extend(wrong);
    Ok(checked)
}
