//! The recommenders that can be evaluated, by name. Add a line for yours.

use bespoke::model::Duration;
use bespoke::recommend::evaluate::{Params, Range};
use bespoke::recommend::{CoVisitation, Error, Popularity, Recommender};

pub(crate) struct Algorithm {
    pub(crate) name: &'static str,
    /// Makes one that has learned nothing; what is not set has the recommender's own default.
    pub(crate) new: fn(&Params) -> Result<Box<dyn Recommender>, Error>,
    /// Where to look for better ones.
    pub(crate) ranges: fn() -> Vec<Range>,
}

#[rustfmt::skip]
pub(crate) static ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "popularity", new: popularity, ranges: || vec![Range::log("half_life_days", 0.1, 1_000.0)] },
    Algorithm { name: "popularity-ever", new: popularity_ever, ranges: Vec::new },
    Algorithm { name: "co-visitation", new: co_visitation, ranges: co_visitation_ranges },
];

fn popularity(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    let popularity = Popularity::params().half_life(days(params.get("half_life_days", 7.0)));
    Ok(Box::new(popularity.check()?))
}

/// What was always liked: the baseline for films and books.
fn popularity_ever(_: &Params) -> Result<Box<dyn Recommender>, Error> {
    Ok(Box::new(Popularity::params().half_life(Duration::days(36_500)).check()?))
}

fn co_visitation(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    let co_visitation = CoVisitation::params()
        .half_life(days(params.get("half_life_days", 30.0)))
        .session_gap(minutes(params.get("session_gap_minutes", 30.0)))
        .neighbours(params.whole("neighbours", 200))
        .back(params.get("back", 0.3))
        .position_decay(params.get("position_decay", 0.7));
    Ok(Box::new(co_visitation.check()?))
}

fn co_visitation_ranges() -> Vec<Range> {
    vec![
        Range::log("half_life_days", 1.0, 3_000.0),
        Range::log("session_gap_minutes", 10.0, 100_000.0),
        Range::whole("neighbours", 50, 500),
        Range::linear("back", 0.0, 1.0),
        Range::linear("position_decay", 0.2, 1.0),
    ]
}

fn days(days: f64) -> Duration {
    minutes(days * 1_440.0)
}

fn minutes(minutes: f64) -> Duration {
    Duration::from_millis((minutes * 60_000.0) as i64)
}
