//! Interactions from a CSV file, plain or gzipped. The first bad row ends it: what is left out would change the result.

use bespoke::model::Instant;
use bespoke::recommend::evaluate::{self, Dataset, Owner};
use csv::StringRecord;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why a file of interactions is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{}` cannot be read: {source}", .path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("line {line}: {source}")]
    Csv { line: u64, source: csv::Error },
    #[error("line 1: the header has no column {0}")]
    Column(&'static str),
    #[error("line {line}: `{value}` is not {wanted}")]
    Field { line: u64, value: String, wanted: &'static str },
    #[error("line {line}: {source}")]
    Row { line: u64, source: evaluate::Error },
}

/// Reads a file; rows rated below `min_rating` are left out.
pub(crate) fn file(path: &Path, min_rating: Option<f64>) -> Result<Dataset, Error> {
    let source = File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    match path.extension() {
        Some(extension) if extension == "gz" => {
            interactions(flate2::read::MultiGzDecoder::new(source), min_rating)
        }
        _ => interactions(source, min_rating),
    }
}

/// Reads `session_id` or `user_id`, `item_id`, when, and perhaps `rating`, in columns of any order.
///
/// When is in `timestamp` or `ts_ms`; without either, the order of the rows is their order in time, and that of a
/// `position` within the session where there is one.
pub(crate) fn interactions(source: impl Read, min_rating: Option<f64>) -> Result<Dataset, Error> {
    let mut reader = csv::Reader::from_reader(source);
    let header = reader.headers().map_err(|source| Error::Csv { line: 1, source })?.clone();
    let column = |name: &str| header.iter().position(|column| column.trim() == name);
    let (owner, owner_column) = match (column("session_id"), column("user_id")) {
        (Some(place), _) => (Owner::Session, place),
        (None, Some(place)) => (Owner::User, place),
        (None, None) => return Err(Error::Column("`session_id` or `user_id`")),
    };
    let item_column = column("item_id").ok_or(Error::Column("`item_id`"))?;
    let rating_column = match (column("rating"), min_rating) {
        (None, Some(_)) => return Err(Error::Column("`rating`, which `--min-rating` wants")),
        (place, _) => place.zip(min_rating),
    };
    let when = match (column("timestamp"), column("ts_ms"), column("position")) {
        (Some(place), _, _) => When::Timestamp(place),
        (None, Some(place), _) => When::Millis(place),
        (None, None, Some(place)) => When::Position(place),
        (None, None, None) => When::InOrder,
    };

    let mut data = Dataset::new(owner);
    let (mut sessions, mut record) = (Sessions::default(), StringRecord::new());
    loop {
        let before = reader.position().line();
        if !reader.read_record(&mut record).map_err(|source| Error::Csv { line: before, source })? {
            break;
        }
        let line = record.position().map_or(before, csv::Position::line);
        let row = Row { record: &record, line };
        if let Some((place, least)) = rating_column
            && row.number(place, "a rating")? < least
        {
            continue;
        }
        let (owner, item) = (row.text(owner_column), row.text(item_column));
        let at = match when {
            When::Timestamp(place) => Some(row.instant(place)?),
            When::Millis(place) => Some(row.millis(place)?),
            When::Position(place) => {
                sessions.push(owner, row.number(place, "a position")?, item, line);
                continue;
            }
            When::InOrder => None,
        };
        data.push(owner, item, at).map_err(|source| Error::Row { line, source })?;
    }
    sessions.push_all(&mut data)?;
    Ok(data)
}

/// Which column tells when.
#[derive(Clone, Copy)]
enum When {
    Timestamp(usize),
    Millis(usize),
    Position(usize),
    InOrder,
}

struct Row<'a> {
    record: &'a StringRecord,
    line: u64,
}

impl Row<'_> {
    /// The csv reader has seen to it that each row has as many fields as the header.
    fn text(&self, place: usize) -> &str {
        self.record.get(place).unwrap_or_default().trim()
    }

    fn refuse(&self, place: usize, wanted: &'static str) -> Error {
        let value = self.text(place).chars().take(40).collect();
        Error::Field { line: self.line, value, wanted }
    }

    fn number(&self, place: usize, wanted: &'static str) -> Result<f64, Error> {
        let number: Option<f64> = self.text(place).parse().ok();
        number.filter(|number| number.is_finite()).ok_or_else(|| self.refuse(place, wanted))
    }

    /// RFC 3339, or a number since 1970: of seconds below 10^11 (the year 5138), which may have decimals, else of
    /// milliseconds (from 1973 on).
    fn instant(&self, place: usize) -> Result<Instant, Error> {
        let text = self.text(place);
        let Ok(number) = text.parse::<f64>() else {
            return text
                .parse()
                .map_err(|_| self.refuse(place, "an instant, in seconds, milliseconds or RFC 3339"));
        };
        let millis = if number.abs() < 1e11 { number * 1_000.0 } else { number };
        self.checked(place, millis.round())
    }

    fn millis(&self, place: usize) -> Result<Instant, Error> {
        let millis = self.number(place, "an instant in milliseconds")?;
        self.checked(place, millis)
    }

    fn checked(&self, place: usize, millis: f64) -> Result<Instant, Error> {
        // Beyond 64 bits the conversion saturates, which is out of range as well.
        let instant = Instant::checked_from_millis(millis as i64).filter(|_| millis.is_finite());
        instant.ok_or_else(|| self.refuse(place, "an instant of the years 1 to 9999"))
    }
}

/// Rows with a position in the session instead of a time.
#[derive(Default)]
struct Sessions(Vec<(String, f64, String, u64)>);

impl Sessions {
    fn push(&mut self, session: &str, position: f64, item: &str, line: u64) {
        self.0.push((session.to_owned(), position, item.to_owned(), line));
    }

    /// Sessions in the order in which they begin in the file, each in order of position.
    fn push_all(self, data: &mut Dataset) -> Result<(), Error> {
        let mut order = std::collections::HashMap::new();
        for (session, ..) in &self.0 {
            let next = order.len();
            order.entry(session.clone()).or_insert(next);
        }
        let mut rows = self.0;
        rows.sort_by(|a, b| order[&a.0].cmp(&order[&b.0]).then_with(|| a.1.total_cmp(&b.1)));
        for (session, _, item, line) in &rows {
            data.push(session, item, None).map_err(|source| Error::Row { line: *line, source })?;
        }
        Ok(())
    }
}
