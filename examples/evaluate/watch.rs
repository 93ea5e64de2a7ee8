//! A clock, and a progress bar on standard error where that is a terminal.

use bespoke::recommend::evaluate::{Stage, Watch};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Instant;

pub(crate) struct Terminal {
    algorithm: &'static str,
    start: Instant,
    bar: ProgressBar,
}

impl Terminal {
    pub(crate) fn new(algorithm: &'static str) -> Terminal {
        let style = ProgressStyle::with_template("{msg:40} {wide_bar} {pos}/{len} {eta}");
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Terminal { algorithm, start: Instant::now(), bar }
    }
}

impl Watch for Terminal {
    fn nanoseconds(&mut self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn progress(&mut self, stage: Stage, done: usize, total: usize) {
        let doing = match stage {
            Stage::Training => "training",
            Stage::Frozen => "predicting",
            Stage::Learning => "predicting and learning",
        };
        self.bar.set_message(format!("{}: {doing}", self.algorithm));
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
