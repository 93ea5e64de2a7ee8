use crate::model::Instant;
use crate::recommend::evaluate::dataset::{Dataset, Owner, Touch};
use crate::recommend::evaluate::latency::PROGRESS_STEP;
use crate::recommend::evaluate::metrics::Tally;
use crate::recommend::evaluate::protocol::{Cases, Split, UserCase};
use crate::recommend::evaluate::{Error, Latency, Scores, Stage, Watch};
use crate::recommend::{EXCLUSIONS_MAX, ItemId, LIMIT_MAX, QUERY_ITEMS_MAX, Query, Recommender};
use serde::Serialize;

/// Steps of long work at a time: what a host might do between two requests.
const TICK_STEPS: usize = 64;

/// What a recommender is asked for.
///
/// ```
/// use bespoke::recommend::{CoVisitation, evaluate::{Ask, Evaluation}};
/// # use bespoke::recommend::evaluate::{Dataset, Holdout, Owner, Part, Protocol};
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..10 {
/// #     ["boot", "sock", "lace"].iter().try_for_each(|item| clicks.push(&format!("s{session}"), item, None))?;
/// # }
/// # let split = clicks.split(Protocol::NextItem(Holdout::Share(0.2)), Part::Test)?;
/// // A frozen model has not seen the clicks of test sessions: it can go by what the query names, and by nothing else.
/// for (ask, hit_rate) in [(Ask::Session, 1.0), (Ask::User, 0.0)] {
///     let evaluation = Evaluation::new().ask(ask);
///     let report = evaluation.run(&mut CoVisitation::default(), &clicks, &split, &mut ())?;
///     assert_eq!(report.results[0].scores.hit_rate, hit_rate);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// [`Query::session`]: what follows on the items that the user touched last, of which at most
    /// [`QUERY_ITEMS_MAX`] are named.
    Session,
    /// [`Query::for_user`]: what the model itself keeps of the user.
    User,
}

/// How recommenders are tested on a [`Split`].
///
/// *Next item*: for each beginning of a test session, [`hit_rate`](Scores::hit_rate) and [`mrr`](Scores::mrr) look at the
/// item that came next, the others at all that came after; means are over predictions, not sessions. First with the
/// model as training left it ([`Mode::Frozen`]), then once more while each session is learned after its last click,
/// before the next session is predicted ([`Mode::Learning`]). *Last out* and *random split*: one prediction a user,
/// over all items that the user has not had, and only frozen. Recall is then out of `min(k, targets)`.
///
/// Items of a user are never recommended to that user again, and to a session not the item that is looked at, unless
/// [`allow_repeat`](Evaluation::allow_repeat). A target that may not be recommended counts as a miss in a session; a user
/// all of whose targets were had before is not tested.
///
/// ```
/// use bespoke::recommend::{CoVisitation, evaluate::{Dataset, Evaluation, Holdout, Owner, Part, Protocol}};
/// let mut clicks = Dataset::new(Owner::Session);
/// for session in 0..10 {
///     for item in ["boot", "sock", "lace"] {
///         clicks.push(&format!("s{session}"), item, None)?;
///     }
/// }
/// let split = clicks.split(Protocol::NextItem(Holdout::Share(0.2)), Part::Test)?;
/// let report = Evaluation::new().k(1).run(&mut CoVisitation::default(), &clicks, &split, &mut ())?;
/// assert_eq!(report.results[0].scores.predictions, 4);     // after boot and after sock, in two sessions
/// assert_eq!(report.results[0].scores.hit_rate, 1.0);
/// # Ok::<(), bespoke::recommend::evaluate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    k: usize,
    allow_repeat: bool,
    ask: Option<Ask>,
    is_learning: bool,
}

impl Default for Evaluation {
    fn default() -> Evaluation {
        Evaluation::new()
    }
}

/// How a recommender did.
///
/// ```
/// use bespoke::recommend::{CoVisitation, evaluate::Evaluation};
/// # use bespoke::recommend::evaluate::{Dataset, Holdout, Owner, Part, Protocol, Watch};
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..10 {
/// #     ["boot", "sock", "lace"].iter().try_for_each(|item| clicks.push(&format!("s{session}"), item, None))?;
/// # }
/// # let split = clicks.split(Protocol::NextItem(Holdout::Share(0.2)), Part::Test)?;
/// # struct Stopwatch(std::time::Instant);
/// # impl Watch for Stopwatch {
/// #     fn nanoseconds(&mut self) -> u64 { self.0.elapsed().as_nanos() as u64 + 1 }
/// # }
/// let mut watch = Stopwatch(std::time::Instant::now()); // as beside `Watch`
/// let timed = Evaluation::new().run(&mut CoVisitation::default(), &clicks, &split, &mut watch)?;
/// let untimed = Evaluation::new().run(&mut CoVisitation::default(), &clicks, &split, &mut ())?;
/// assert!(timed.train_seconds > 0.0 && untimed.train_seconds == 0.0);
/// // Nothing else tells them apart.
/// assert_eq!((timed.bytes, timed.results[0].scores), (untimed.bytes, untimed.results[0].scores));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Seconds to learn the training part, with all [work](Recommender::tick) that was too long for learning; 0 without
    /// a clock, as all times.
    pub train_seconds: f64,
    /// Bytes on the heap after training, as the recommender says.
    pub bytes: usize,
    /// One for each [`Mode`].
    pub results: Vec<ModeResult>,
}

/// How a recommender did in a mode.
///
/// ```
/// use bespoke::recommend::{CoVisitation, evaluate::{Dataset, Evaluation, Owner}};
/// # use bespoke::recommend::evaluate::{Holdout, Part, Protocol};
/// let mut clicks = Dataset::new(Owner::Session);
/// let (old, new) = ([["boot", "sock"], ["boot", "sock"], ["tent", "lace"]], [["boot", "lace"]; 3]);
/// for (number, items) in (0..).zip(old.iter().chain(&new)) {
///     items.iter().try_for_each(|item| clicks.push(&format!("s{number}"), item, None))?;
/// }
/// # let split = clicks.split(Protocol::NextItem(Holdout::Share(0.5)), Part::Test)?;
/// // The newer half is the test.
/// let report = Evaluation::new().run(&mut CoVisitation::default(), &clicks, &split, &mut ())?;
/// let hit_rates: Vec<f64> = report.results.iter().map(|result| result.scores.hit_rate).collect();
/// assert_eq!(hit_rates, [0.0, 2.0 / 3.0]); // frozen, it misses the new habit; learning, only the first of it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModeResult {
    /// Which one.
    pub mode: Mode,
    /// How good the predictions were.
    pub scores: Scores,
    /// How long a prediction took: the call of [`recommend`](Recommender::recommend) alone.
    pub predict_micros: Latency,
    /// How long it took to learn an interaction, on average: in training where frozen, else in the test.
    pub learn_micros: f64,
}

/// Whether the model goes on to learn during the test.
///
/// ```
/// use bespoke::recommend::{Popularity, evaluate::{Error, Evaluation, Holdout, Mode, Part, Protocol}};
/// # use bespoke::recommend::evaluate::{Dataset, Owner};
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..10 {
/// #     ["boot", "sock", "lace"].iter().try_for_each(|item| clicks.push(&format!("s{session}"), item, None))?;
/// # }
/// let modes = |protocol, evaluation: Evaluation| {
///     let split = clicks.split(protocol, Part::Test)?;
///     let report = evaluation.run(&mut Popularity::default(), &clicks, &split, &mut ())?;
///     Ok::<Vec<Mode>, Error>(report.results.iter().map(|result| result.mode).collect())
/// };
/// let next_item = Protocol::NextItem(Holdout::Share(0.2));
/// assert_eq!(modes(next_item, Evaluation::new())?, [Mode::Frozen, Mode::Learning]);
/// assert_eq!(modes(next_item, Evaluation::new().learning(false))?, [Mode::Frozen]); // in half of the time
/// assert_eq!(modes(Protocol::LastOut, Evaluation::new())?, [Mode::Frozen]); // one prediction a user
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It knows the training part only.
    Frozen,
    /// It learns each test session after its last click.
    Learning,
}

impl Evaluation {
    /// 20 recommendations a prediction, no repeats, frozen and learning.
    #[must_use]
    pub fn new() -> Evaluation {
        Evaluation { k: 20, allow_repeat: false, ask: None, is_learning: true }
    }

    /// How many items are recommended and looked at; from 1 to [`LIMIT_MAX`].
    #[must_use]
    pub fn k(mut self, k: usize) -> Evaluation {
        self.k = k;
        self
    }

    /// Whether what was touched before may be recommended.
    #[must_use]
    pub fn allow_repeat(mut self, allow: bool) -> Evaluation {
        self.allow_repeat = allow;
        self
    }

    /// What the recommender is asked for; by default [`Ask::Session`] for next item, and else [`Ask::User`].
    #[must_use]
    pub fn ask(mut self, ask: Ask) -> Evaluation {
        self.ask = Some(ask);
        self
    }

    /// Whether sessions are predicted a second time, learning; `true` by default.
    #[must_use]
    pub fn learning(mut self, learning: bool) -> Evaluation {
        self.is_learning = learning;
        self
    }

    /// Trains a recommender that has learned nothing yet, and tests it. A recommender that keeps the contract of
    /// [`Recommender`] gets the same [`Scores`] each time, bit for bit.
    ///
    /// Long [work](Recommender::tick) is done until there is none after training, and for a while after each session that
    /// is learned in the test. Costs what the recommender does, and O(k · items of a session or user) a prediction.
    ///
    /// # Errors
    /// [`Error::Setting`] for `k`; [`Error::OtherData`] for a split of other data; [`Error::NothingToTest`] where no user can
    /// be tested; [`Error::Recommend`] should a query be refused.
    pub fn run(
        &self,
        model: &mut dyn Recommender,
        data: &Dataset,
        split: &Split,
        watch: &mut dyn Watch,
    ) -> Result<Report, Error> {
        if !(1..=LIMIT_MAX).contains(&self.k) {
            return Err(Error::Setting { name: "k", found: self.k.to_string(), wanted: "from 1 to 1000" });
        }
        if split.of != (data.len(), data.items().len()) {
            return Err(Error::OtherData { split: split.of.0, data: data.len() });
        }
        Run { settings: *self, data, split, watch }.all(model)
    }
}

/// A run of an evaluation.
struct Run<'a> {
    settings: Evaluation,
    data: &'a Dataset,
    split: &'a Split,
    watch: &'a mut dyn Watch,
}

impl Run<'_> {
    fn all(mut self, model: &mut dyn Recommender) -> Result<Report, Error> {
        let train = &self.split.train;
        let start = self.watch.nanoseconds();
        for (done, touch) in train.iter().enumerate() {
            model.learn(&touch.interaction());
            tell(self.watch, Stage::Training, done, train.len());
        }
        if let Some(last) = train.last() {
            while model.tick(last.at, TICK_STEPS) {}
        }
        let nanos = self.watch.nanoseconds().saturating_sub(start);
        let learned = Learned { nanos, interactions: train.len() };
        let bytes = model.bytes();

        let mut results = match &self.split.cases {
            Cases::Sessions(sessions) if self.settings.is_learning => vec![
                self.sessions(model, sessions, Mode::Frozen)?,
                self.sessions(model, sessions, Mode::Learning)?,
            ],
            Cases::Sessions(sessions) => vec![self.sessions(model, sessions, Mode::Frozen)?],
            Cases::Users(users) => vec![self.users(model, users)?],
        };
        results[0].learn_micros = learned.micros();
        Ok(Report { train_seconds: nanos as f64 / 1e9, bytes, results })
    }

    fn sessions(
        &mut self,
        model: &mut dyn Recommender,
        sessions: &[Vec<Touch>],
        mode: Mode,
    ) -> Result<ModeResult, Error> {
        let stage = if mode == Mode::Frozen { Stage::Frozen } else { Stage::Learning };
        let ask = self.settings.ask.unwrap_or(Ask::Session);
        let (mut tally, mut nanos, mut learned) = (self.tally(), Vec::new(), Learned::default());
        for (done, session) in sessions.iter().enumerate() {
            let items: Vec<ItemId> = session.iter().map(|touch| touch.item).collect();
            for seen in 1..session.len() {
                let asked =
                    Asked { user: session[0].owner, at: session[seen - 1].at, before: &items[..seen] };
                let (ranked, took) = self.predict(model, ask, &asked)?;
                nanos.push(took);
                tally.add_sequence(&ranked, &items[seen..]);
            }
            if mode == Mode::Learning {
                let start = self.watch.nanoseconds();
                session.iter().for_each(|touch| model.learn(&touch.interaction()));
                // What is left of long work goes on after the next session, as beside a host's clock.
                model.tick(session[session.len() - 1].at, TICK_STEPS);
                learned.nanos += self.watch.nanoseconds().saturating_sub(start);
                learned.interactions += session.len();
            }
            tell(self.watch, stage, done, sessions.len());
        }
        let scores = tally.scores(&self.split.catalogue);
        Ok(ModeResult { mode, scores, predict_micros: Latency::of(nanos), learn_micros: learned.micros() })
    }

    fn users(&mut self, model: &dyn Recommender, users: &[UserCase]) -> Result<ModeResult, Error> {
        // The state of the model is that of the end of training, so that is when it is asked.
        let at = self.split.train.last().map_or(Instant::MIN, |touch| touch.at);
        let ask = self.settings.ask.unwrap_or(Ask::User);
        let (mut tally, mut nanos) = (self.tally(), Vec::new());
        for (done, UserCase { user, had, targets }) in users.iter().enumerate() {
            let may_come = |target: &ItemId| self.settings.allow_repeat || !had.contains(target);
            let targets: Vec<ItemId> = targets.iter().copied().filter(may_come).collect();
            if !targets.is_empty() {
                let (ranked, took) = self.predict(model, ask, &Asked { user: *user, at, before: had })?;
                nanos.push(took);
                tally.add(&ranked, &targets);
            }
            tell(self.watch, Stage::Frozen, done, users.len());
        }
        let scores = tally.scores(&self.split.catalogue);
        if scores.predictions == 0 {
            return Err(Error::NothingToTest("what is held out of every user is what that user had before"));
        }
        Ok(ModeResult { mode: Mode::Frozen, scores, predict_micros: Latency::of(nanos), learn_micros: 0.0 })
    }

    fn tally(&self) -> Tally {
        Tally::new(self.settings.k)
    }

    /// What is recommended, and the nanoseconds that took.
    fn predict(
        &mut self,
        model: &dyn Recommender,
        ask: Ask,
        asked: &Asked<'_>,
    ) -> Result<(Vec<ItemId>, u64), Error> {
        let Evaluation { k, allow_repeat, .. } = self.settings;
        let newest = |len: usize| asked.before[asked.before.len().saturating_sub(len)..].iter();
        let names = |len: usize| newest(len).map(|item| self.data.item_name(*item));
        let query = match ask {
            Ask::Session => Query::session(names(QUERY_ITEMS_MAX)),
            Ask::User => Query::for_user(),
        };
        let mut query = query.limit(k).allow_repeat(allow_repeat);
        if !allow_repeat && self.data.owner() == Owner::User {
            query = query.excluding(names(EXCLUSIONS_MAX));
        }
        let request = query.resolve(self.data.items(), Some(asked.user), asked.at)?;
        let start = self.watch.nanoseconds();
        let answer = model.recommend(&request);
        let nanos = self.watch.nanoseconds().saturating_sub(start);
        Ok((answer.iter().map(|recommendation| recommendation.item).collect(), nanos))
    }
}

/// Who asks, when, and what they touched before, oldest first.
struct Asked<'a> {
    user: u32,
    at: Instant,
    before: &'a [ItemId],
}

/// How long learning took.
#[derive(Clone, Copy, Default)]
struct Learned {
    nanos: u64,
    interactions: usize,
}

impl Learned {
    fn micros(self) -> f64 {
        self.nanos as f64 / 1_000.0 / self.interactions.max(1) as f64
    }
}

fn tell(watch: &mut dyn Watch, stage: Stage, done: usize, total: usize) {
    if (done + 1).is_multiple_of(PROGRESS_STEP) || done + 1 == total {
        watch.progress(stage, done + 1, total);
    }
}

#[cfg(test)]
#[path = "run_test.rs"]
mod tests;
