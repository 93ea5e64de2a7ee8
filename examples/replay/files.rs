//! Lines in, JSON lines out.

use bespoke::engine::Partition;
use bespoke::journey::{Action, Note};
use bespoke::segment::Change;
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// Lines of a file, gzip'd or not, of standard input, or of a text; with a progress bar where that can be seen.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    number: u64,
    bar: ProgressBar,
}

impl Lines {
    pub(crate) fn open(path: &str) -> io::Result<Lines> {
        if path == "-" {
            return Ok(Lines {
                reader: Box::new(io::stdin().lock()),
                number: 0,
                bar: ProgressBar::no_length(),
            });
        }
        let file = File::open(path)?;
        let bar = ProgressBar::new(file.metadata()?.len());
        let file = bar.wrap_read(file);
        let reader: Box<dyn Read> =
            if path.ends_with(".gz") { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {bytes}/{total_bytes} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Ok(Lines { reader: Box::new(BufReader::with_capacity(1 << 16, reader)), number: 0, bar })
    }

    pub(crate) fn of_text(text: &'static str) -> Lines {
        Lines { reader: Box::new(text.as_bytes()), number: 0, bar: ProgressBar::hidden() }
    }

    /// The next line that is not blank, with its number.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let end = line.iter().rposition(|b| !b.is_ascii_whitespace()).map_or(0, |last| last + 1);
            line.truncate(end);
            if !line.is_empty() {
                return Ok(Some((self.number, line)));
            }
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The files of `--out`; without it everything written here is dropped.
pub(crate) struct Outputs {
    changes: Box<dyn Write>,
    notes: Box<dyn Write>,
    actions: Box<dyn Write>,
    profiles: Box<dyn Write>,
    rejected: Box<dyn Write>,
    wanted: bool,
}

#[derive(Serialize)]
struct Rejected<'a> {
    line: u64,
    error: &'a str,
}

#[derive(Serialize)]
struct Profile<'a> {
    user: &'a str,
    attributes: BTreeMap<String, bespoke::model::Value>,
    segments: BTreeMap<std::sync::Arc<str>, bespoke::model::Instant>,
}

impl Outputs {
    pub(crate) fn create(folder: Option<&str>) -> io::Result<Outputs> {
        let file = |name: &str| -> io::Result<Box<dyn Write>> {
            let Some(folder) = folder else { return Ok(Box::new(io::sink())) };
            std::fs::create_dir_all(folder)?;
            Ok(Box::new(BufWriter::new(File::create(Path::new(folder).join(name))?)))
        };
        Ok(Outputs {
            changes: file("changes.jsonl")?,
            notes: file("notes.jsonl")?,
            actions: file("actions.jsonl")?,
            profiles: file("profiles.jsonl")?,
            rejected: file("rejected.jsonl")?,
            wanted: folder.is_some(),
        })
    }

    pub(crate) fn changes(&mut self, changes: &[Change]) -> io::Result<()> {
        if self.wanted {
            changes.iter().try_for_each(|change| line(&mut self.changes, change))?;
        }
        Ok(())
    }

    pub(crate) fn notes(&mut self, notes: &[Note]) -> io::Result<()> {
        if self.wanted {
            notes.iter().try_for_each(|note| line(&mut self.notes, note))?;
        }
        Ok(())
    }

    pub(crate) fn action(&mut self, action: &Action) -> io::Result<()> {
        line(&mut self.actions, action)
    }

    pub(crate) fn rejected(&mut self, number: u64, error: &str) -> io::Result<()> {
        line(&mut self.rejected, &Rejected { line: number, error })
    }

    /// All profiles in order of id; then everything is on disk.
    pub(crate) fn profiles(&mut self, partition: &Partition) -> io::Result<()> {
        if self.wanted {
            for user in partition.users() {
                let attributes =
                    partition.profile(&user).map(|profile| profile.attributes).unwrap_or_default();
                let segments = partition.segments(&user);
                line(&mut self.profiles, &Profile { user: &user, attributes, segments })?;
            }
        }
        [&mut self.changes, &mut self.notes, &mut self.actions, &mut self.profiles, &mut self.rejected]
            .into_iter()
            .try_for_each(|file| file.flush())
    }
}

fn line(file: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, value)?;
    file.write_all(b"\n")
}
