//! The recommenders that can be evaluated, by name. Add a line for yours.

use bespoke::model::Duration;
use bespoke::recommend::evaluate::{Params, Range};
use bespoke::recommend::{
    Als, Blend, CoVisitation, Ease, Error, Popularity, Recommender, SessionKnn, SessionKnnParams,
};

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
    Algorithm { name: "ease", new: ease, ranges: ease_ranges },
    Algorithm { name: "ease-taste", new: ease_taste, ranges: ease_ranges },
    Algorithm { name: "als", new: als, ranges: als_ranges },
    Algorithm { name: "als-next", new: als_next, ranges: als_ranges },
    Algorithm { name: "taste", new: taste, ranges: || vec![Range::log("als", 0.1, 10.0)] },
    Algorithm { name: "next", new: next, ranges: || vec![Range::log("als", 0.05, 5.0)] },
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

/// What is not named keeps the recommender's default.
fn session_knn(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    let set = |knn: SessionKnnParams, (name, value): (&str, f64)| match name {
        "half_life_days" => knn.half_life(days(value)),
        "session_gap_minutes" => knn.session_gap(minutes(value)),
        "sessions_per_item" => knn.sessions_per_item(value.round() as usize),
        "neighbours" => knn.neighbours(value.round() as usize),
        "items" => knn.items(value.round() as usize),
        "recency" => knn.recency(value),
        "after" => knn.after(value),
        "before" => knn.before(value),
        "back" => knn.back(value),
        "others" => knn.others(value),
        "in_row" => knn.in_row(value),
        "rarity" => knn.rarity(value),
        "returns" => knn.returns(value),
        "hop" => knn.hop(value),
        "commonness" => knn.commonness(value),
        "length" => knn.length(value),
        _ => knn,
    };
    Ok(Box::new(params.iter().fold(SessionKnn::params(), set).check()?))
}

fn session_knn_ranges() -> Vec<Range> {
    vec![
        Range::log("half_life_days", 1.0, 3_000.0),
        Range::log("session_gap_minutes", 10.0, 100_000.0),
        Range::whole("sessions_per_item", 200, 5_000),
        Range::whole("neighbours", 50, 1_000),
        Range::whole("items", 3, 32),
        Range::log("recency", 1.0, 30.0),
        Range::linear("after", 0.0, 3.0),
        Range::linear("before", 0.0, 3.0),
        Range::linear("back", 0.0, 1.5),
        Range::linear("others", 0.0, 1.5),
        Range::linear("in_row", 0.0, 2.0),
        Range::log("rarity", 0.1, 100.0),
        Range::linear("returns", 0.0, 3.0),
        Range::linear("hop", 0.0, 1.0),
        Range::linear("commonness", 0.0, 1.0),
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

/// What comes next for a user.
fn ease(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    ease_with(params, 0.75)
}

/// What a user likes at all.
fn ease_taste(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    ease_with(params, 0.0)
}

fn ease_with(params: &Params, recency: f64) -> Result<Box<dyn Recommender>, Error> {
    let mut ease = Ease::params()
        .items(params.whole("items", 4_000))
        .history(params.whole("history", 1_000))
        .window(params.whole("window", 400))
        .reach(params.get("reach", 10.0))
        .ridge(params.get("ridge", 100.0))
        .recency(params.get("recency", recency));
    let half_life = params.get("half_life_days", 0.0);
    if half_life > 0.0 {
        ease = ease.half_life(days(half_life));
    }
    Ok(Box::new(ease.check()?))
}

fn als(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    als_with(params, 0.0)
}

fn als_next(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    als_with(params, 1.0)
}

fn als_with(params: &Params, recency: f64) -> Result<Box<dyn Recommender>, Error> {
    let als = Als::params()
        .factors(params.whole("factors", 64))
        .history(params.whole("history", 1_000))
        .unobserved(params.get("unobserved", 0.2))
        .regularisation(params.get("regularisation", 0.02))
        .frequency(params.get("frequency", 1.0))
        .recency(params.get("recency", recency))
        .sweeps(params.whole("sweeps", 8));
    Ok(Box::new(als.check()?))
}

/// What a user likes at all, by both long-term models.
fn taste(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    let als = Als::params();
    let ease = Ease::params().recency(0.0).window(params.whole("window", 400));
    Ok(Box::new(
        Blend::builder().source(ease.check()?, 1.0).source(als.check()?, params.get("als", 1.0)).check()?,
    ))
}

/// What comes next for a user, by both long-term models.
fn next(params: &Params) -> Result<Box<dyn Recommender>, Error> {
    let als = Als::params().recency(params.get("als_recency", 1.0));
    let ease = Ease::params();
    Ok(Box::new(
        Blend::builder().source(ease.check()?, 1.0).source(als.check()?, params.get("als", 0.3)).check()?,
    ))
}

fn ease_ranges() -> Vec<Range> {
    vec![
        Range::log("ridge", 10.0, 2_000.0),
        Range::whole("window", 10, 1_000),
        Range::log("reach", 1.0, 100.0),
        Range::linear("recency", 0.0, 1.5),
    ]
}

fn als_ranges() -> Vec<Range> {
    vec![
        Range::whole("factors", 16, 128),
        Range::log("unobserved", 0.02, 1.0),
        Range::log("regularisation", 0.001, 0.1),
        Range::linear("recency", 0.0, 1.5),
    ]
}

fn days(days: f64) -> Duration {
    minutes(days * 1_440.0)
}

fn minutes(minutes: f64) -> Duration {
    Duration::from_millis((minutes * 60_000.0) as i64)
}
