//! The recommenders that can be evaluated, by name. Add a line for yours.

use bespoke::model::Duration;
use bespoke::recommend::evaluate::Params;
use bespoke::recommend::{CoVisitation, Error, Popularity, Recommender};

pub(crate) struct Algorithm {
    pub(crate) name: &'static str,
    /// Makes one that has learned nothing; what is not set has the recommender's own default.
    pub(crate) new: fn(&Params) -> Result<Box<dyn Recommender>, Error>,
}

#[rustfmt::skip]
pub(crate) static ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "popularity", new: popularity },
    Algorithm { name: "popularity-ever", new: popularity_ever },
    Algorithm { name: "co-visitation", new: co_visitation },
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

fn days(days: f64) -> Duration {
    minutes(days * 1_440.0)
}

fn minutes(minutes: f64) -> Duration {
    Duration::from_millis((minutes * 60_000.0) as i64)
}
