use crate::recommend::evaluate::random::Random;
use crate::recommend::evaluate::{Dataset, Error, Evaluation, Params, Part, Protocol, Scores, Watch};
use crate::recommend::{self, Recommender};
use serde::Serialize;

/// The values of a parameter that a [`Tuner`] tries.
///
/// ```
/// use bespoke::recommend::{self, CoVisitation, Recommender, evaluate::{Params, Range}};
/// # use bespoke::recommend::evaluate::{Dataset, Evaluation, Holdout, Owner, Protocol, Tuner};
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..20 {
/// #     ["boot", "sock", "lace"].iter().try_for_each(|item| clicks.push(&format!("s{session}"), item, None))?;
/// # }
/// let ranges = [Range::whole("neighbours", 1, 10_000)];
/// let new = |params: &Params| -> Result<Box<dyn Recommender>, recommend::Error> {
///     Ok(Box::new(CoVisitation::params().neighbours(params.whole("neighbours", 200)).check()?))
/// };
/// # let tuner = Tuner::new(Protocol::NextItem(Holdout::Share(0.2)), Evaluation::new()).trials(41);
/// let tuned = tuner.run(&clicks, &ranges, new, |scores| scores.mrr, &mut (), |_, _| {})?;
/// // Each order of magnitude is tried alike, so about half of the 40 numbers are below 100.
/// let small = tuned.trials.iter().filter(|trial| trial.params.whole("neighbours", 200) < 100).count();
/// assert!((15..=25).contains(&small));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    name: Box<str>,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Linear(f64, f64),
    Log(f64, f64),
    Whole(f64, f64),
    Among(Vec<f64>),
}

impl Range {
    /// All between two numbers alike.
    #[must_use]
    pub fn linear(name: &str, low: f64, high: f64) -> Range {
        Range { name: name.into(), values: Values::Linear(low, high) }
    }

    /// All between two numbers above 0, each order of magnitude alike: for half-lives and regularization.
    #[must_use]
    pub fn log(name: &str, low: f64, high: f64) -> Range {
        Range { name: name.into(), values: Values::Log(low, high) }
    }

    /// Whole numbers between two above 0, both included, each order of magnitude alike: for sizes.
    #[must_use]
    pub fn whole(name: &str, low: u32, high: u32) -> Range {
        Range { name: name.into(), values: Values::Whole(f64::from(low), f64::from(high)) }
    }

    /// Some numbers alike.
    #[must_use]
    pub fn among(name: &str, values: impl IntoIterator<Item = f64>) -> Range {
        Range { name: name.into(), values: Values::Among(values.into_iter().collect()) }
    }

    /// Of which parameter.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Result<(), Error> {
        let (is_right, wanted) = match &self.values {
            Values::Linear(low, high) => (low <= high && (high - low).is_finite(), "two numbers in order"),
            Values::Log(low, high) | Values::Whole(low, high) => {
                (*low > 0.0 && low <= high && high.is_finite(), "two numbers above 0 in order")
            }
            Values::Among(values) => {
                (!values.is_empty() && values.iter().all(|value| value.is_finite()), "some finite numbers")
            }
        };
        if is_right {
            return Ok(());
        }
        Err(Error::Setting { name: "range", found: format!("{self:?}"), wanted })
    }

    fn draw(&self, random: &mut Random) -> f64 {
        let log = |low: f64, high: f64, share: f64| low * libm::pow(high / low, share);
        match &self.values {
            Values::Linear(low, high) => short(low + (high - low) * random.share()).clamp(*low, *high),
            Values::Log(low, high) => short(log(*low, *high, random.share())).clamp(*low, *high),
            Values::Whole(low, high) => {
                libm::round(log(low - 0.5, high + 0.5, random.share())).clamp(*low, *high)
            }
            Values::Among(values) => values[random.below(values.len())],
        }
    }
}

/// Four digits: nobody can tell the difference, and a person can copy them.
fn short(value: f64) -> f64 {
    let digits = 3.0 - libm::floor(libm::log10(value.abs()));
    let scale = libm::pow(10.0, digits);
    // Where there is no such scale, as for 0, the number stays as it is.
    let rounded = libm::round(value * scale) / scale;
    if rounded.is_finite() { rounded } else { value }
}

/// Finds parameters by random search on the validation part: the test is never looked at.
///
/// The first trial has no parameter set, which is the recommender's own defaults, so that what is found is never worse
/// than those. Why not a grid, or something cleverer? Few parameters matter, and nobody knows which: random values try
/// more of those than a grid does (Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 2012),
/// and every trial can be repeated by its number alone.
///
/// ```
/// use bespoke::recommend::{CoVisitation, Recommender};
/// use bespoke::recommend::evaluate::{Dataset, Evaluation, Holdout, Owner, Params, Protocol, Range, Tuner};
/// let mut clicks = Dataset::new(Owner::Session);
/// for session in 0..100 {
///     for item in ["boot", "sock", "lace"] {
///         clicks.push(&format!("s{session}"), item, None)?;
///     }
/// }
/// let new = |params: &Params| -> Result<Box<dyn Recommender>, bespoke::recommend::Error> {
///     Ok(Box::new(CoVisitation::params().back(params.get("back", 0.3)).check()?))
/// };
/// let tuner = Tuner::new(Protocol::NextItem(Holdout::Share(0.1)), Evaluation::new().k(1)).trials(10);
/// let tuned = tuner.run(&clicks, &[Range::linear("back", 0.0, 1.0)], new, |scores| scores.mrr, &mut (), |_, _| {})?;
/// println!("{}", tuned.best().params);
/// assert_eq!(tuned.trials.len(), 10);
/// # Ok::<(), bespoke::recommend::evaluate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuner {
    protocol: Protocol,
    evaluation: Evaluation,
    trials: usize,
    seed: u64,
}

/// What a tuner tried.
///
/// ```
/// use bespoke::recommend::evaluate::{Evaluation, Holdout, Part, Protocol, Range, Tuner};
/// # use bespoke::recommend::{self, CoVisitation, Recommender, evaluate::{Dataset, Owner, Params}};
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..60 {
/// #     let items = ["a", "b", "c", "d"].iter().cycle().skip(session % 3).take(4);
/// #     items.map(|item| clicks.push(&format!("s{session}"), item, None)).collect::<Result<(), _>>()?;
/// # }
/// # let new = |params: &Params| -> Result<Box<dyn Recommender>, recommend::Error> {
/// #     Ok(Box::new(CoVisitation::params().back(params.get("back", 1.0)).check()?))
/// # };
/// let (protocol, evaluation) = (Protocol::NextItem(Holdout::Share(0.2)), Evaluation::new().k(1));
/// let (tuner, ranges) = (Tuner::new(protocol, evaluation), [Range::linear("back", 0.0, 1.0)]);
/// let tuned = tuner.run(&clicks, &ranges, new, |scores| scores.mrr, &mut (), |_, _| {})?;
/// assert!(tuned.best().objective > tuned.trials[0].objective); // never below, since the first trial sets nothing
/// // How good the best really is, the test tells, at which nobody has looked.
/// let test = clicks.split(protocol, Part::Test)?;
/// let report = evaluation.run(&mut *new(&tuned.best().params)?, &clicks, &test, &mut ())?;
/// assert_eq!(report.results[0].scores.mrr, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Tuned {
    /// In order.
    pub trials: Vec<Trial>,
    best: usize,
}

/// Parameters, and how a recommender did with them on the validation part.
///
/// ```
/// # use bespoke::recommend::{self, CoVisitation, Recommender};
/// # use bespoke::recommend::evaluate::{Dataset, Evaluation, Holdout, Owner, Protocol, Range, Tuner};
/// use bespoke::recommend::evaluate::{Params, Trial};
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..20 {
/// #     ["boot", "sock", "lace"].iter().try_for_each(|item| clicks.push(&format!("s{session}"), item, None))?;
/// # }
/// # let new = |params: &Params| -> Result<Box<dyn Recommender>, recommend::Error> {
/// #     Ok(Box::new(CoVisitation::params().back(params.get("back", 0.3)).check()?))
/// # };
/// # let tuner = Tuner::new(Protocol::NextItem(Holdout::Share(0.2)), Evaluation::new()).trials(2);
/// # let ranges = [Range::linear("back", 0.0, 1.0)];
/// let mut told = Vec::new();
/// let tell = |number: usize, trial: &Trial| told.push((number, trial.params.to_string()));
/// let tuned = tuner.run(&clicks, &ranges, new, |scores| scores.mrr, &mut (), tell)?;
/// assert_eq!(told[0], (0, String::new())); // the recommender's own defaults
/// let Trial { params, scores, objective, .. } = &tuned.trials[1];
/// assert_eq!(objective, &scores.mrr);
/// assert_eq!(&told[1].1.parse::<Params>()?, params); // what is printed can be set again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trial {
    /// What was set; nothing in the first trial.
    pub params: Params,
    /// How good the predictions were, frozen.
    pub scores: Scores,
    /// What was to be large.
    pub objective: f64,
    /// How long a prediction took in the median, in microseconds.
    pub predict_micros: f64,
}

impl Tuned {
    /// The trial with the largest objective, the first of several.
    #[must_use]
    pub fn best(&self) -> &Trial {
        &self.trials[self.best]
    }
}

impl Tuner {
    /// 20 trials.
    #[must_use]
    pub fn new(protocol: Protocol, evaluation: Evaluation) -> Tuner {
        Tuner { protocol, evaluation: evaluation.learning(false), trials: 20, seed: 1 }
    }

    /// How often something is tried; from 1 to 100,000.
    #[must_use]
    pub fn trials(mut self, trials: usize) -> Tuner {
        self.trials = trials;
        self
    }

    /// Another number tries others.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Tuner {
        self.seed = seed;
        self
    }

    /// Tries parameters. `new` makes a recommender that has learned nothing; `objective` is what is to be large;
    /// `progress` is told each trial and its number, from 0.
    ///
    /// Costs as many evaluations as there are trials.
    ///
    /// # Errors
    /// [`Error::Setting`] for the trials and for a range without values, [`Error::Recommend`] where a range goes beyond
    /// what a recommender takes, and those of [`Dataset::split`] and [`Evaluation::run`].
    pub fn run(
        &self,
        data: &Dataset,
        ranges: &[Range],
        new: impl Fn(&Params) -> Result<Box<dyn Recommender>, recommend::Error>,
        objective: impl Fn(&Scores) -> f64,
        watch: &mut dyn Watch,
        mut progress: impl FnMut(usize, &Trial),
    ) -> Result<Tuned, Error> {
        if !(1..=100_000).contains(&self.trials) {
            let found = self.trials.to_string();
            return Err(Error::Setting { name: "trials", found, wanted: "from 1 to 100000" });
        }
        ranges.iter().try_for_each(Range::check)?;
        let split = data.split(self.protocol, Part::Validation)?;
        let mut tuned = Tuned { trials: Vec::with_capacity(self.trials), best: 0 };
        for number in 0..self.trials {
            let params = self.draw(number, ranges);
            let report = self.evaluation.run(&mut *new(&params)?, data, &split, watch)?;
            let result = &report.results[0];
            let (scores, predict_micros) = (result.scores, result.predict_micros.p50);
            let trial = Trial { params, scores, objective: objective(&scores), predict_micros };
            progress(number, &trial);
            if number > 0 && trial.objective > tuned.best().objective {
                tuned.best = number;
            }
            tuned.trials.push(trial);
        }
        Ok(tuned)
    }

    /// What a trial sets: the same whatever the others are.
    fn draw(&self, number: usize, ranges: &[Range]) -> Params {
        let mut random = Random::nth(self.seed, number as u64);
        let drawn = if number == 0 { &[] } else { ranges };
        drawn.iter().fold(Params::new(), |params, range| params.with(&range.name, range.draw(&mut random)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::evaluate::{Holdout, Owner};
    use crate::recommend::{CoVisitation, Popularity};

    fn dataset() -> Dataset {
        let mut data = Dataset::new(Owner::Session);
        for session in 0..60 {
            for item in ["a", "b", "c", "d"].iter().cycle().skip(session % 3).take(4) {
                data.push(&format!("s{session}"), item, None).unwrap();
            }
        }
        data
    }

    fn co_visitation(params: &Params) -> Result<Box<dyn Recommender>, recommend::Error> {
        Ok(Box::new(CoVisitation::params().back(params.get("back", 1.0)).check()?))
    }

    fn tuner() -> Tuner {
        Tuner::new(Protocol::NextItem(Holdout::Share(0.2)), Evaluation::new().k(1))
    }

    #[test]
    fn draws_keep_to_their_ranges() {
        let ranges = [
            Range::linear("linear", -2.0, 3.0),
            Range::log("log", 0.001, 10.0),
            Range::whole("whole", 1, 3),
            Range::among("among", [1.0, 5.0, 9.0]),
            Range::linear("one", 4.0, 4.0),
        ];
        let trials: Vec<Params> = (1..2_000).map(|number| tuner().draw(number, &ranges)).collect();
        let values =
            |name: &str| -> Vec<f64> { trials.iter().map(|params| params.get(name, f64::NAN)).collect() };
        let below = |name: &str, limit: f64| values(name).iter().filter(|value| **value < limit).count();
        assert!(values("linear").iter().all(|value| (-2.0..=3.0).contains(value)));
        assert!((900..1_100).contains(&below("linear", 0.5)), "half of them");
        assert!(values("log").iter().all(|value| (0.001..=10.0).contains(value)));
        assert!((900..1_100).contains(&below("log", 0.1)), "two of four orders of magnitude");
        for name in [("whole", [1.0, 2.0, 3.0]), ("among", [1.0, 5.0, 9.0])] {
            assert!(values(name.0).iter().all(|value| name.1.contains(value)));
            assert!(name.1.iter().all(|value| values(name.0).contains(value)), "{name:?}");
        }
        assert!(values("one").iter().all(|value| *value == 4.0));
        assert_eq!(tuner().draw(0, &ranges), Params::new());
        for (value, expected) in [
            (43.511_214, 43.51),
            (-0.001_234_56, -0.001_235),
            (15_789.3, 15_790.0),
            (0.0, 0.0),
            (1e-320, 1e-320),
        ] {
            assert_eq!(short(value), expected);
        }
    }

    /// What follows is the next letter: what counts backwards as much as forwards is wrong.
    #[test]
    fn the_best_is_found_and_is_not_worse_than_the_defaults() {
        let (data, ranges) = (dataset(), [Range::linear("back", 0.0, 1.0)]);
        let mut told = Vec::new();
        let run = |told: &mut Vec<usize>| {
            let mrr = |scores: &Scores| scores.mrr;
            tuner().run(&data, &ranges, co_visitation, mrr, &mut (), |number, _| told.push(number)).unwrap()
        };
        let tuned = run(&mut told);
        assert_eq!(told, (0..20).collect::<Vec<_>>());
        let best = tuned.trials.iter().map(|trial| trial.objective).fold(0.0, f64::max);
        assert_eq!(tuned.best().objective, best);
        assert!(tuned.best().objective >= tuned.trials[0].objective);
        assert_eq!(tuned, run(&mut told));
    }

    /// Two histories that differ in their last sessions only, which are the test.
    #[test]
    fn the_test_is_not_looked_at() {
        let [forwards, backwards] = [["a", "b"], ["b", "a"]].map(|last| {
            let mut data = dataset();
            for session in 60..75 {
                last.iter().for_each(|item| data.push(&format!("s{session}"), item, None).unwrap());
            }
            data
        });
        let popular = |_: &Params| -> Result<Box<dyn Recommender>, recommend::Error> {
            Ok(Box::new(Popularity::default()))
        };
        let score = |data: &Dataset| {
            let mrr = |scores: &Scores| scores.mrr;
            tuner().trials(1).run(data, &[], popular, mrr, &mut (), |_, _| {}).unwrap().best().scores
        };
        assert_eq!(score(&forwards), score(&backwards));
        assert_ne!(score(&forwards), score(&dataset()), "another history has another validation part");
    }

    #[test]
    fn ranges_without_values_are_refused() {
        let data = dataset();
        for range in [
            Range::linear("x", 1.0, 0.0),
            Range::linear("x", 0.0, f64::INFINITY),
            Range::log("x", 0.0, 1.0),
            Range::log("x", f64::NAN, 1.0),
            Range::whole("x", 0, 4),
            Range::among("x", []),
            Range::among("x", [f64::NAN]),
        ] {
            let run = tuner().run(&data, &[range], co_visitation, |scores| scores.mrr, &mut (), |_, _| {});
            assert!(matches!(run, Err(Error::Setting { name: "range", .. })));
        }
        let beyond = [Range::linear("back", 2.0, 3.0)];
        let run = tuner().run(&data, &beyond, co_visitation, |scores| scores.mrr, &mut (), |_, _| {});
        assert!(matches!(run, Err(Error::Recommend(recommend::Error::Parameter { name: "back", .. }))));
    }
}
