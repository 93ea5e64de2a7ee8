//! What the arms of an experiment brought, counted from what is kept of those who were exposed.

use crate::engine::arms::experiment_of;
use crate::engine::survey::page_from;
use crate::engine::{Engine, Error, Partition, Progress};
use crate::experiment::{Effect, Metric, Sample, level_of_each, sample_ratio};
use crate::model::Instant;
use crate::profile::{Fact, UserKey};
use crate::segment::Metric as Compiled;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

/// What an experiment brought, arm by arm.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, experiment::Metric, model::{Duration, Instant, Message}};
/// # use std::ops::ControlFlow;
/// # let text = "version = 1\n[events.order]\n[segments]\nbuyer = 'did(order in 60d)'\n\
/// #     [experiments.welcome]\narms = { control = 50, coupon = 50 }";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// # for user in 0..200 {
/// #     let user = format!("user-{user}");
/// #     engine.ingest(Message::track(user.as_str(), "order"), now)?;
/// #     engine.expose(&user, "welcome", now)?; // the host has shown the arm
/// # }
/// let week = Metric::new("did(order)", Duration::days(7));
/// let analysis = engine.analyse("welcome", &week, now + Duration::days(7), |_| ControlFlow::Continue(()))?;
/// println!("{analysis}"); // a line for each arm, and what keeps one from relying on them
/// assert!(analysis.sample_ratio.is_none_or(|ratio| ratio >= 0.001), "the arms have not their shares");
/// assert_eq!((analysis.crossed, &*analysis.arms[0].arm), (0, "control")); // the control comes first
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Analysis {
    /// In the order of their definition, the control first; then those that are defined no longer, by name.
    pub arms: Vec<ArmAnalysis>,
    /// How likely shares as uneven as these are, where the weights are kept to: see
    /// [`sample_ratio`]. Below 0.001 nothing here is to be relied on.
    pub sample_ratio: Option<f64>,
    /// Users who were exposed to more than one arm. They are in none.
    pub crossed: u64,
    /// Users who are restricted or do not agree to the experiment any more. They are in none.
    pub left_out: u64,
    /// Since when there is all of the history that the metric asks for, where some user was exposed before: what is older is
    /// not in it. Have a segment ask for the same events for as long as the experiment runs, and they are kept.
    pub covered_since: Option<Instant>,
    /// Whether everybody was looked at: always, unless the host stopped it.
    pub complete: bool,
}

/// What one arm of an experiment brought.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, experiment::Metric};
/// # use bespoke::model::{Duration, Instant, Message};
/// # use std::ops::ControlFlow;
/// # let text = "version = 1\n[events.order]\n[segments]\nbuyer = 'did(order in 60d)'\n\
/// #     [experiments.welcome]\narms = { control = 1, coupon = 1 }";
/// # let mut partition = Partition::new(&Definitions::from_toml(text)?);
/// # let now = Instant::from_millis(0);
/// # for user in 0..40 {
/// #     let user = format!("user-{user}");
/// #     partition.ingest(&Message::track(user.as_str(), "order"), now)?;
/// #     partition.expose(&user, "welcome", now)?;
/// # }
/// let week = Metric::new("did(order)", Duration::days(7));
/// for (day, is_counted) in [(6, false), (7, true)] {
///     let at = now + Duration::days(day);
///     let analysis = partition.analyse("welcome", &week, at, |_| ControlFlow::Continue(()))?;
///     let control = &analysis.arms[0];
///     assert_eq!(control.sample.count() == control.exposed, is_counted); // once their week is over
///     assert!(control.effect.is_none()); // it is what the others are compared with
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArmAnalysis {
    /// Its name.
    pub arm: String,
    /// How many users were exposed to it and to no other.
    pub exposed: u64,
    /// The metric of those of them whose time is over.
    pub sample: Sample,
    /// How far it is from the control. None of the control itself, and where too few can be compared.
    pub effect: Option<Effect>,
}

/// A table for people.
impl fmt::Display for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |x: f64| 100.0 * x;
        for ArmAnalysis { arm, exposed, sample, effect } in &self.arms {
            write!(f, "{arm}: {exposed} exposed, {} counted, mean {:.4}", sample.count(), sample.mean())?;
            if let Some(effect) = effect {
                let (least, most) = effect.interval_at_all_times;
                write!(f, ", {:+.4}", effect.difference)?;
                if let Some(lift) = effect.lift {
                    write!(f, " ({:+.1} %)", percent(lift))?;
                }
                let word = if effect.is_decided() { "decided" } else { "open" };
                write!(f, ", from {least:+.4} to {most:+.4} whenever one looks: {word}")?;
            }
            writeln!(f)?;
        }
        if self.sample_ratio.is_some_and(|ratio| ratio < 0.001) {
            writeln!(f, "the arms have not the shares of their weights: do not rely on this")?;
        }
        if self.crossed > 0 {
            writeln!(f, "{} crossed over, and are in no arm", self.crossed)?;
        }
        if let Some(since) = self.covered_since {
            writeln!(f, "what was before {since} is not in it")?;
        }
        Ok(())
    }
}

/// An experiment that is being analysed, a page of users at a time.
#[derive(Debug)]
struct Trial<'a> {
    experiment: &'a str,
    metric: &'a Metric,
    now: Instant,
    /// By name.
    arms: BTreeMap<String, Arm>,
    crossed: u64,
    left_out: u64,
    covered_since: Option<Instant>,
    progress: Progress,
    /// The first user in the partition who was not looked at yet.
    next: UserKey,
}

#[derive(Debug, Default)]
struct Arm {
    exposed: u64,
    numbers: Vec<f64>,
}

impl<'a> Trial<'a> {
    fn new(experiment: &'a str, metric: &'a Metric, now: Instant) -> Trial<'a> {
        Trial {
            experiment,
            metric,
            now,
            arms: BTreeMap::new(),
            crossed: 0,
            left_out: 0,
            covered_since: None,
            progress: Progress { done: 0, total: 0, matching: 0 },
            next: UserKey(0),
        }
    }

    /// Looks at a page of users, all of whom are in memory. Gives whether it was the last one.
    fn page(&mut self, partition: &Partition, users: &[UserKey]) -> Result<bool, Error> {
        let text = self.metric.text();
        let metric = Compiled::compile(&partition.compiled.ground(), &partition.store, text);
        let metric = metric.map_err(Error::Expression)?;
        let known = experiment_of(partition, self.experiment)?;
        let (permits, purpose) = (&partition.compiled.journeys.permits, known.experiment.consent());
        let now = self.now.max(partition.clock());
        for user in users.iter().copied() {
            self.next = UserKey(user.0 + 1);
            self.progress.done += 1;
            let Some((arm, exposed)) = self.exposure(partition, user) else { continue };
            if partition.restricted.contains(&user)
                || !permits.agrees(&partition.store, Some(user), purpose, now)
            {
                self.left_out += 1;
                continue;
            }
            let Some(arm) = arm else {
                self.crossed += 1;
                continue;
            };
            self.progress.matching += 1;
            let own = self.arms.entry(arm).or_default();
            own.exposed += 1;
            let until = exposed.0 + self.metric.within();
            if until > now {
                continue;
            }
            own.numbers.push(metric.value(&partition.store, user, (exposed, until)));
            let covered =
                metric.covered_since(&partition.store, user, now).filter(|since| *since > exposed.0);
            self.covered_since = self.covered_since.max(covered);
        }
        Ok(partition.store.keys_from(self.next).next().is_none())
    }

    /// When a user was exposed, by the instant and, within it, the order of arrival, and to which arm; to none where it was to
    /// several.
    fn exposure(&self, partition: &Partition, user: UserKey) -> Option<(Option<String>, (Instant, u32))> {
        let store = &partition.store;
        let exposures = store.get(user).attributes.iter().filter_map(|attribute| {
            match Fact::of(store.symbols.text(attribute.name))? {
                Fact::Exposed(experiment, arm) => {
                    (experiment == self.experiment).then_some((arm, (attribute.written, attribute.arrival)))
                }
                _ => None,
            }
        });
        let found = exposures.map(|(arm, at)| (Some(arm.to_owned()), at));
        found.reduce(|(_, before), (_, at)| (None, before.min(at)))
    }

    fn finish(mut self, partition: &Partition, complete: bool) -> Result<Analysis, Error> {
        let known = experiment_of(partition, self.experiment)?;
        let defined: Vec<(String, f64)> =
            known.experiment.arms().map(|(name, weight)| (name.to_owned(), weight)).collect();
        let own: Vec<_> = defined
            .iter()
            .map(|(name, _)| (name.clone(), self.arms.remove(name).unwrap_or_default()))
            .collect();
        let shares: Vec<_> =
            own.iter().zip(&defined).map(|((_, arm), (_, weight))| (arm.exposed, *weight)).collect();
        let arms: Vec<_> = own.into_iter().chain(self.arms).collect();
        let level = level_of_each(self.metric.level(), arms.len() - 1);
        let mut control: Option<Sample> = None;
        let arms = arms.into_iter().map(|(name, Arm { exposed, numbers })| {
            let sample = Sample::of(numbers);
            let effect = control.and_then(|control| Effect::between(&control, &sample, level));
            control.get_or_insert(sample);
            ArmAnalysis { arm: name, exposed, sample, effect }
        });
        Ok(Analysis {
            arms: arms.collect(),
            sample_ratio: sample_ratio(&shares),
            crossed: self.crossed,
            left_out: self.left_out,
            covered_since: self.covered_since,
            complete,
        })
    }
}

impl Partition {
    /// What the arms of an experiment brought, judged by a metric: for each user who was exposed to one arm, what the user
    /// did from then on (at that very instant, what came behind it) for as long as the metric says. Who was exposed too
    /// lately for that is not counted yet. Everything is worked out from what is kept now: who was forgotten is not in it,
    /// and nothing else is kept for it.
    ///
    /// After every thousand users `progress` is told, and may stop it: what was found so far is given then. Costs an
    /// evaluation over the history of each user who was exposed.
    ///
    /// # Errors
    /// An experiment that is not defined, with the nearest name, or a metric that is no number and no condition, or looks at
    /// more than events without a window and attributes.
    pub fn analyse(
        &self,
        experiment: &str,
        metric: &Metric,
        now: Instant,
        mut progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Analysis, Error> {
        let mut trial = Trial::new(experiment, metric, now);
        loop {
            let is_complete = trial.page(self, &page_from(self, trial.next))?;
            trial.progress.total = self.user_count();
            if progress(&trial.progress).is_break() || is_complete {
                return trial.finish(self, is_complete);
            }
        }
    }
}

impl Engine {
    /// What the arms of an experiment brought. See [`Partition::analyse`]. Writers go on meanwhile: each page of users is
    /// looked at as it is when its turn comes, and no lock is held while `progress` runs.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Engine;
    /// use bespoke::experiment::Metric;
    /// use bespoke::model::{Duration, Instant, Message};
    /// use std::ops::ControlFlow;
    ///
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [attributes]
    ///     coupon = "bool"
    ///     [events.signup]
    ///     [events.order]
    ///     amount = "number"
    ///     [segments]
    ///     buyer = "sum(order.amount in 60d) > 0"     # so that orders are kept while the experiment runs
    ///     [experiments.welcome]
    ///     arms = { control = 50, coupon = 50 }
    ///     [journeys.welcome]
    ///     enter = { event = "signup" }
    ///     step = [
    ///         { id = "arm", experiment = "welcome", to = { control = "end", coupon = "coupon" } },
    ///         { id = "coupon", set = { coupon = true } },
    ///     ]
    /// "#)?;
    /// let engine = Engine::builder(definitions).open()?;
    /// let start: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// let users: Vec<String> = (0..400).map(|number| format!("user-{number}")).collect();
    /// for user in &users {
    ///     engine.ingest(Message::track(user.as_str(), "signup"), start)?;
    /// }
    /// for (number, user) in users.iter().enumerate() {
    ///     let has_coupon = engine.profile(user)?.is_some_and(|profile| profile.attributes.contains_key("coupon"));
    ///     if number % if has_coupon { 2 } else { 5 } == 0 {
    ///         let order = Message::track(user.as_str(), "order").with("amount", 40);
    ///         engine.ingest(order, start + Duration::days(2))?;
    ///     }
    /// }
    ///
    /// let orders = Metric::new("did(order)", Duration::days(7));
    /// let analysis = engine.analyse("welcome", &orders, start + Duration::days(7), |_| ControlFlow::Continue(()))?;
    /// let [control, coupon] = &analysis.arms[..] else { panic!("there are two") };
    /// assert_eq!(control.exposed + coupon.exposed, 400);
    /// assert!(coupon.effect.unwrap().is_decided(), "{analysis}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Partition::analyse`], or users who cannot be read.
    pub fn analyse(
        &self,
        experiment: &str,
        metric: &Metric,
        now: Instant,
        mut progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Analysis, Error> {
        let mut trial = Trial::new(experiment, metric, now);
        let shards = self.shards();
        let last = shards.shards.len() - 1;
        for (number, shard) in shards.shards.iter().enumerate() {
            trial.next = UserKey(0);
            loop {
                let next = trial.next;
                let page = |partition: &Partition| page_from(partition, next);
                let is_over = shard.read_users(page, |partition, users| trial.page(partition, users))??;
                trial.progress.total = self.user_count().max(trial.progress.done);
                let is_complete = is_over && number == last;
                if progress(&trial.progress).is_break() || is_complete {
                    return self.read(|partition| trial.finish(partition, is_complete));
                }
                if is_over {
                    break;
                }
            }
        }
        self.read(|partition| trial.finish(partition, true))
    }
}
