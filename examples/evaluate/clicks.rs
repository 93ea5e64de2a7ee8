//! A small shop's clicks, made up: `examples/data/clicks.csv` is what [`csv`] gives.

use crate::dice::Dice;
use crate::read;
use bespoke::recommend::evaluate::Dataset;
use std::fmt::Write;

const CLICKS: &str = include_str!("../data/clicks.csv");

const SEED: u64 = 7;
const SESSIONS: i64 = 1_300;
const THEMES: i64 = 25;
const ITEMS_PER_THEME: i64 = 12;
/// 2026-11-01T00:00:00Z
const START: i64 = 1_793_491_200;
const DAYS: i64 = 14;

/// The clicks as a data set.
pub(crate) fn bundled() -> Result<Dataset, read::Error> {
    assert_eq!(CLICKS, csv(), "the file is what the function makes");
    read::interactions(CLICKS.as_bytes(), None)
}

/// Each visitor comes for a theme, the first ones more often, and walks along its items: mostly to one of the next two,
/// sometimes back, sometimes to anything in the shop.
pub(crate) fn csv() -> String {
    let mut dice = Dice::new(SEED);
    let weights: Vec<f64> = (1..=THEMES).map(|theme| 1.0 / (theme as f64 + 4.0)).collect();
    let mut clicks = Vec::new();
    for session in 1..=SESSIONS {
        let theme = dice.weighted(&weights) as i64;
        let mut place = dice.between(0, ITEMS_PER_THEME - 1).min(dice.between(0, ITEMS_PER_THEME - 1));
        let mut at = START + dice.between(0, DAYS * 86_400 - 7_200);
        loop {
            let item = match dice.chance(0.1) {
                true => dice.between(0, THEMES * ITEMS_PER_THEME - 1),
                false => theme * ITEMS_PER_THEME + place,
            };
            clicks.push((at, session, item));
            if dice.chance(0.22) {
                break;
            }
            at += dice.between(5, 240);
            place = (place + dice.pick(&[1, 1, 1, 1, 2, 2, 3, -1])).rem_euclid(ITEMS_PER_THEME);
        }
    }
    clicks.sort_unstable();
    let mut csv = String::from("session_id,item_id,timestamp\n");
    for (at, session, item) in clicks {
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "{session},{item},{at}");
    }
    csv
}
