//! The recommenders that can be evaluated, by name. Add a line for yours.

use bespoke::model::Duration;
use bespoke::recommend::evaluate::{Params, Range};
use bespoke::recommend::{Blend, CoVisitation, Error, Popularity, Recommender, SessionKnn};

pub(crate) struct Algorithm {
    pub(crate) name: &'static str,
    /// Makes one that has learned nothing; what is not set has the recommender's own default.
    pub(crate) new: fn(&Params) -> Result<Box<dyn Recommender>, Error>,
    /// The parameters that can be set, and where `--tune` looks for better values.
    pub(crate) ranges: fn() -> Vec<Range>,
}

#[rustfmt::skip]
pub(crate) static ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "popularity", new: popularity, ranges: || vec![Range::log("half_life_days", 0.1, 1_000.0)] },
    Algorithm { name: "popularity-ever", new: popularity_ever, ranges: Vec::new },
    Algorithm { name: "co-visitation", new: co_visitation, ranges: co_visitation_ranges },
    Algorithm { name: "session-knn", new: session_knn, ranges: session_knn_ranges },
    Algorithm { name: "blend", new: blend, ranges: blend_ranges },
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

fn session_knn(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    let knn = SessionKnn::params()
        .half_life(days(params.get("half_life_days", 60.0)))
        .session_gap(minutes(params.get("session_gap_minutes", 30.0)))
        .sessions_per_item(params.whole("sessions_per_item", 1_000))
        .neighbours(params.whole("neighbours", 200))
        .items(params.whole("items", 15))
        .recency(params.get("recency", 5.0))
        .after(params.get("after", 1.5))
        .before(params.get("before", 3.0))
        .back(params.get("back", 0.8))
        .others(params.get("others", 0.5))
        .in_row(params.get("in_row", 0.4))
        .rarity(params.get("rarity", 10.0))
        .shared_rarity(params.get("shared_rarity", 0.5))
        .length(params.get("length", 0.25));
    Ok(Box::new(knn.check()?))
}

fn session_knn_ranges() -> Vec<Range> {
    vec![
        Range::log("half_life_days", 1.0, 3_000.0),
        Range::log("session_gap_minutes", 10.0, 100_000.0),
        Range::whole("sessions_per_item", 200, 5_000),
        Range::whole("neighbours", 50, 1_000),
        Range::whole("items", 3, 32),
        Range::log("recency", 1.0, 30.0),
        Range::log("after", 0.5, 10.0),
        Range::log("before", 0.5, 10.0),
        Range::linear("back", 0.0, 1.5),
        Range::linear("others", 0.0, 1.5),
        Range::linear("in_row", 0.0, 2.0),
        Range::log("rarity", 0.1, 100.0),
        Range::log("shared_rarity", 0.01, 10.0),
        Range::linear("length", 0.0, 1.0),
    ]
}

/// Sessions first, then items seen together, and what is popular where both say nothing.
fn blend(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    let blend = Blend::builder()
        .source(SessionKnn::default(), 1.0)
        .source(CoVisitation::default(), params.get("co_visitation", 0.1))
        .source(Popularity::default(), params.get("popularity", 0.01));
    Ok(Box::new(blend.check()?))
}

fn blend_ranges() -> Vec<Range> {
    vec![Range::log("co_visitation", 0.01, 1.0), Range::log("popularity", 0.001, 0.1)]
}

fn days(days: f64) -> Duration {
    minutes(days * 1_440.0)
}

fn minutes(minutes: f64) -> Duration {
    Duration::from_millis((minutes * 60_000.0) as i64)
}
