//! # frame: the grid, the span of time and the words of one scenario
//! What conditions and messages must agree on. Knows nothing of either.

use super::ast::{Kind, Millis};
use super::clock::{DAY, HOUR, MINUTE};
use fastrand::Rng;
use jiff::Timestamp;

/// Values of the string properties; shared by conditions and messages, so that they meet.
pub(crate) const CITIES: [&str; 4] = ["Paris", "Rome", "paris", "Zürich"];
#[allow(missing_docs)]
pub(crate) const CATEGORIES: [&str; 3] = ["shoes", "dining", "books"];
#[allow(missing_docs)]
pub(crate) const SKUS: [&str; 4] = ["s1", "s2", "s10", "t'1"];
#[allow(missing_docs)]
pub(crate) const TAGS: [&str; 4] = ["new", "sale", "eco", "xl"];
#[allow(missing_docs)]
pub(crate) const DEVICES: [&str; 2] = ["mobile", "desktop"];
#[allow(missing_docs)]
pub(crate) const CAMPAIGNS: [&str; 2] = ["google", "mail"];
#[allow(missing_docs)]
pub(crate) const COUNTRIES: [&str; 3] = ["FR", "DE", "US"];
#[allow(missing_docs)]
pub(crate) const PLANS: [&str; 3] = ["free", "pro", "team"];
/// Track events that definitions declare.
pub(crate) const EVENTS: [&str; 5] = ["view", "search", "purchase", "Workout Completed", "order"];
/// Halves and quarters only: their sums are exact in any order.
pub(crate) const AMOUNTS: [f64; 6] = [2.5, 5.0, 10.0, 12.25, 20.0, -4.0];

/// One scenario's time and settings.
pub(crate) struct Frame {
    /// Everything is a multiple of it.
    pub(crate) grid: i64,
    /// The earliest instant of a message that is not late.
    pub(crate) start: Millis,
    /// A change of clocks or of the calendar that the span holds.
    pub(crate) turn: Millis,
    /// Messages end here at the latest.
    pub(crate) end: Millis,
    /// Multiples of the grid that conditions and messages prefer.
    pub(crate) durations: Vec<i64>,
    /// Zones whose offsets are multiples of the grid.
    pub(crate) zones: &'static [&'static str],
    /// Whether local days and hours flip within a span of this grid.
    pub(crate) hours_matter: bool,
    /// `schema = "strict"`.
    pub(crate) strict: bool,
}

/// Changes of clocks and of the calendar, and the zones that they concern first.
const TURNS: [&str; 13] = [
    "2026-03-29T01:00:00Z", // Europe springs forward
    "2026-10-25T01:00:00Z", // Europe falls back
    "2026-03-08T07:00:00Z", // New York springs forward
    "2026-11-01T06:00:00Z", // New York falls back
    "2026-04-04T15:00:00Z", // Lord Howe falls back by 30 minutes
    "2026-10-03T15:30:00Z", // Lord Howe springs forward by 30 minutes
    "2026-04-05T03:00:00Z", // Santiago falls back from midnight
    "2026-09-06T04:00:00Z", // Santiago has no midnight
    "2026-12-31T23:00:00Z", // New Year in Paris
    "2028-02-29T00:00:00Z", // leap day
    "2027-02-28T12:00:00Z", // no leap day
    "2026-06-14T22:00:00Z", // Monday in Paris
    "2026-06-30T18:15:00Z", // July in Kathmandu
];

const FINE: [&str; 9] = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "Europe/London",
    "UTC",
];
const WHOLE_HOURS: [&str; 6] =
    ["Europe/Paris", "America/New_York", "America/Santiago", "Pacific/Auckland", "Asia/Tokyo", "UTC"];
const NO_OFFSET: [&str; 3] = ["UTC", "Africa/Abidjan", "Etc/UTC"];

impl Frame {
    /// A frame by chance.
    pub(crate) fn random(rng: &mut Rng) -> Frame {
        let (grid, steps, zones): (i64, i64, &'static [&'static str]) = match rng.u32(0..10) {
            0..2 => (MINUTE, 150, &FINE),
            2..5 => (15 * MINUTE, 250, &FINE),
            5..8 => (HOUR, 250, &WHOLE_HOURS),
            _ => (DAY, 300, &NO_OFFSET),
        };
        let lengths: &[i64] = match grid {
            MINUTE => &[1, 2, 5, 10, 30, 60, 90, 120],
            DAY => &[1, 2, 3, 7, 14, 30, 60, 90],
            HOUR => &[1, 2, 6, 12, 24, 48, 72, 168],
            _ => &[1, 2, 4, 6, 12, 24, 96, 192],
        };
        let turn: Timestamp = TURNS[rng.usize(0..TURNS.len())].parse().expect("an instant");
        let turn = turn.as_millisecond();
        let on_grid = turn.div_euclid(grid) * grid;
        let start = on_grid - grid * rng.i64(0..steps);
        Frame {
            grid,
            start,
            turn: on_grid,
            end: start + grid * steps,
            durations: lengths.iter().map(|n| n * grid).collect(),
            zones,
            hours_matter: grid < DAY,
            strict: rng.bool(),
        }
    }

    /// One of the preferred durations.
    pub(crate) fn duration(&self, rng: &mut Rng) -> i64 {
        pick(rng, &self.durations)
    }

    /// An instant on the grid, within the span of messages or shortly after.
    pub(crate) fn instant(&self, rng: &mut Rng) -> Millis {
        let near_turn = rng.bool();
        let steps = (self.end - self.start) / self.grid;
        if near_turn {
            self.turn + self.grid * rng.i64(-5..6)
        } else {
            self.start + self.grid * rng.i64(0..steps + 20)
        }
    }
}

/// One of a list.
pub(crate) fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(0..from.len())].clone()
}

/// True once in `n` times.
pub(crate) fn one_in(rng: &mut Rng, n: u32) -> bool {
    rng.u32(0..n) == 0
}

/// Attributes that every scenario declares.
pub(crate) fn attributes() -> Vec<(String, Kind)> {
    owned(&[
        ("timezone", Kind::Text),
        ("country", Kind::Text),
        ("plan", Kind::Text),
        ("interest", Kind::Text),
        ("vip", Kind::Bool),
        ("score", Kind::Number),
        ("signup", Kind::Instant),
        ("due", Kind::Instant),
        ("birthday", Kind::Instant),
        ("location", Kind::Geo),
        ("interests", Kind::List),
        ("budget.*", Kind::Number),
        ("group.id", Kind::Text),
        ("group.plan", Kind::Text),
    ])
}

/// Properties that every event has, so that `any` and lists of events can name them.
pub(crate) fn properties() -> Vec<(String, Kind)> {
    owned(&[
        ("sku", Kind::Text),
        ("city", Kind::Text),
        ("category", Kind::Text),
        ("utm source", Kind::Text),
        ("amount", Kind::Number),
        ("gift", Kind::Bool),
        ("due", Kind::Instant),
        ("place", Kind::Geo),
        ("tags", Kind::List),
    ])
}

/// Fields of the objects of `order.products`.
pub(crate) fn product_fields() -> Vec<(String, Kind)> {
    owned(&[
        ("sku", Kind::Text),
        ("category", Kind::Text),
        ("price", Kind::Number),
        ("quantity", Kind::Number),
    ])
}

/// The declared events with their properties.
pub(crate) fn events() -> Vec<(String, Vec<(String, Kind)>)> {
    let names = EVENTS.iter().chain(&["page", "screen"]);
    names
        .map(|name| {
            let mut all = properties();
            match *name {
                "order" => {
                    all.extend(owned(&[("channel", Kind::Text)]));
                    all.push(("products".to_owned(), Kind::Rows(product_fields())));
                }
                "page" | "screen" => all.extend(owned(&[("name", Kind::Text)])),
                _ => {}
            }
            ((*name).to_owned(), all)
        })
        .collect()
}

fn owned(pairs: &[(&str, Kind)]) -> Vec<(String, Kind)> {
    pairs.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect()
}
