//! The recommenders that can be evaluated, by name. Add a line for yours.

use bespoke::model::Duration;
use bespoke::recommend::evaluate::Params;
use bespoke::recommend::{Als, Blend, CoVisitation, Ease, Error, Popularity, Recommender};

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
    Algorithm { name: "ease", new: ease },
    Algorithm { name: "ease-taste", new: ease_taste },
    Algorithm { name: "als", new: als },
    Algorithm { name: "als-next", new: als_next },
    Algorithm { name: "taste", new: taste },
    Algorithm { name: "next", new: next },
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

fn days(days: f64) -> Duration {
    minutes(days * 1_440.0)
}

fn minutes(minutes: f64) -> Duration {
    Duration::from_millis((minutes * 60_000.0) as i64)
}
