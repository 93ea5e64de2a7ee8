//! Tables in files of comma-separated values, plain or gzipped. Whatever is wrong is told with file, line and column.

use crate::Result;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the tables of a set lie.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Calls `take` for each row of `FILE.csv` or `FILE.csv.gz`.
    pub(crate) fn each(&self, file: &str, mut take: impl FnMut(&Row) -> Result<()>) -> Result<()> {
        let Folder(folder) = self;
        let plain = folder.join(format!("{file}.csv"));
        let path = if plain.exists() { plain } else { folder.join(format!("{file}.csv.gz")) };
        let source = File::open(&path).map_err(|e| {
            format!("neither `{file}.csv` nor `{file}.csv.gz` can be read in `{}`: {e}", folder.display())
        })?;
        let zipped = path.extension().is_some_and(|extension| extension == "gz");
        let source: Box<dyn Read> =
            if zipped { Box::new(flate2::read::MultiGzDecoder::new(source)) } else { Box::new(source) };
        let mut reader = csv::Reader::from_reader(source);
        let place = |line: u64, e: &dyn Display| format!("`{}`, line {line}: {e}", path.display());
        let header = reader.headers().map_err(|e| place(1, &e))?.clone();
        let mut record = csv::StringRecord::new();
        loop {
            let line = reader.position().line();
            if !reader.read_record(&mut record).map_err(|e| place(line, &e))? {
                return Ok(());
            }
            let line = record.position().map_or(line, csv::Position::line);
            take(&Row { header: &header, record: &record }).map_err(|e| place(line, &e))?;
        }
    }
}

/// One row, asked by column.
pub(crate) struct Row<'a> {
    header: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    pub(crate) fn text(&self, column: &str) -> Result<&str> {
        let place = self.header.iter().position(|name| name == column);
        place.and_then(|i| self.record.get(i)).ok_or_else(|| format!("there is no column `{column}`"))
    }

    /// Sets `name` to the text of a column, unless that is empty: an empty field is a missing value.
    pub(crate) fn set(&self, object: &mut Map<String, Value>, name: &str, column: &str) -> Result<()> {
        let text = self.text(column)?;
        if !text.is_empty() {
            object.insert(name.to_owned(), json!(text));
        }
        Ok(())
    }

    pub(crate) fn parsed<T: FromStr>(&self, column: &str, wanted: &str) -> Result<T> {
        let text = self.text(column)?;
        text.parse().map_err(|_| format!("column `{column}`: `{text}` is not {wanted}"))
    }

    pub(crate) fn number<T: FromStr>(&self, column: &str) -> Result<T> {
        self.parsed(column, "a whole number")
    }

    pub(crate) fn amount(&self, column: &str) -> Result<f64> {
        let amount = self.parsed::<f64>(column, "a number")?;
        if amount.is_finite() {
            Ok(amount)
        } else {
            Err(format!("column `{column}`: {amount} is not finite"))
        }
    }

    /// `ts_ms`, which all sets but one have.
    pub(crate) fn millis(&self) -> Result<i64> {
        let millis = self.number("ts_ms")?;
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(_) => Ok(millis),
            Err(_) => Err(format!("column `ts_ms`: {millis} is no instant of the years 1 to 9999")),
        }
    }

    pub(crate) fn noon(&self, column: &str) -> Result<i64> {
        millis(self.parsed::<Date>(column, "a date")?.at(12, 0, 0, 0), &TimeZone::UTC)
    }

    pub(crate) fn id(&self, letter: &str, column: &str) -> Result<String> {
        match self.text(column)? {
            "" => Err(format!("column `{column}` is empty")),
            text => Ok(format!("{letter}{text}")),
        }
    }
}

pub(crate) fn millis(local: DateTime, zone: &TimeZone) -> Result<i64> {
    let instant = zone.to_ambiguous_timestamp(local).compatible();
    instant.map(|instant| instant.as_millisecond()).map_err(|e| format!("{local} is out of range: {e}"))
}
