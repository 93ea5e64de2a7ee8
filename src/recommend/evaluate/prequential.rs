use crate::model::{Duration, Instant};
use crate::recommend::evaluate::metrics::Tally;
use crate::recommend::evaluate::{Error, Scores};
use crate::recommend::{Interaction, ItemId, Items, LIMIT_MAX, Query, Recommender};
use serde::Serialize;

/// After how many interactions long work goes on.
const TICK_EVERY: usize = 64;

/// Test, then learn: each interaction of a stream is first predicted from all before it, and then learned. What a model
/// would have been worth in production, and how that changes over time.
///
/// The model is asked [for the user](Query::for_user), from what it keeps itself, users whom it does not know included.
/// Interactions without weight are learned, and not predicted. [Long work](Recommender::tick) goes on in small pieces
/// between interactions.
///
/// Reference: Gama, Sebastião and Rodrigues, "On evaluating stream learning algorithms", Machine Learning 2013; for
/// recommenders Vinagre, Jorge and Gama, "Evaluation of recommender systems in streaming environments", 2014.
///
/// ```
/// use bespoke::recommend::{CoVisitation, evaluate::{Dataset, Owner, Prequential}};
/// let mut clicks = Dataset::new(Owner::Session);
/// for session in 0..100 {
///     for item in ["boot", "sock", "lace"] {
///         clicks.push(&format!("s{session}"), item, None)?;
///     }
/// }
/// let mut model = CoVisitation::default();
/// let stream = Prequential::new().k(1).window_len(150).run(&mut model, clicks.items(), clicks.interactions())?;
/// assert_eq!(stream.windows.len(), 2);
/// assert_eq!(stream.windows[1].scores.hit_rate, 100.0 / 150.0);       // what comes first is not foreseen
/// assert!(stream.windows[0].scores.hit_rate < stream.windows[1].scores.hit_rate);
/// # Ok::<(), bespoke::recommend::evaluate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prequential {
    k: usize,
    window: Window,
    allow_repeat: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Len(usize),
    Span(Duration),
}

/// How a recommender did on a stream.
///
/// ```
/// use bespoke::model::Duration;
/// use bespoke::recommend::{Items, evaluate::Prequential};
/// # let (mut items, start) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, sock) = (items.intern("boot")?, items.intern("sock")?);
/// let mut scorer = Prequential::new().window_span(Duration::days(1)).begin()?;
/// for (day, went_for) in [(0, boot), (0, boot), (0, boot), (4, sock)] {
///     scorer.add(&[boot], went_for, start + Duration::days(day)); // the boot is all that was recommended
/// }
/// let stream = scorer.finish(&items)?;
/// let by_window: Vec<f64> = stream.windows.iter().map(|window| window.scores.hit_rate).collect();
/// assert_eq!(by_window, [1.0, 0.0]); // nothing happened on days 1 to 3
/// assert_eq!(stream.scores.hit_rate, 0.75); // the mean of predictions, not of windows
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stream {
    /// Over all of it.
    pub scores: Scores,
    /// In order of time; windows in which nothing was predicted are left out.
    pub windows: Vec<WindowScores>,
}

/// How a recommender did in a window of a stream.
///
/// ```
/// use bespoke::model::Duration;
/// use bespoke::recommend::{Items, evaluate::Prequential};
/// # let (mut items, start) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let boot = items.intern("boot")?;
/// let mut scorer = Prequential::new().window_len(2).begin()?;
/// for hour in [0, 5, 20, 90] {
///     scorer.add(&[boot], boot, start + Duration::hours(hour));
/// }
/// // From its first interaction to its last: what lies between two windows belongs to neither.
/// let windows = scorer.finish(&items)?.windows;
/// assert_eq!((windows[0].from, windows[0].until), (start, start + Duration::hours(5)));
/// assert_eq!(windows[1].until - windows[1].from, Duration::hours(70));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WindowScores {
    /// When the first of its interactions was.
    pub from: Instant,
    /// When the last one was.
    pub until: Instant,
    /// How good the predictions in it were.
    pub scores: Scores,
}

impl Default for Prequential {
    fn default() -> Prequential {
        Prequential::new()
    }
}

impl Prequential {
    /// 20 recommendations a prediction, windows of a day, no repeats.
    #[must_use]
    pub fn new() -> Prequential {
        Prequential { k: 20, window: Window::Span(Duration::days(1)), allow_repeat: false }
    }

    /// How many items are recommended; from 1 to [`LIMIT_MAX`].
    #[must_use]
    pub fn k(mut self, k: usize) -> Prequential {
        self.k = k;
        self
    }

    /// Windows of so many predictions; at least 1.
    #[must_use]
    pub fn window_len(mut self, predictions: usize) -> Prequential {
        self.window = Window::Len(predictions);
        self
    }

    /// Windows of so much time, the first of which begins with the first interaction; more than 0.
    #[must_use]
    pub fn window_span(mut self, span: Duration) -> Prequential {
        self.window = Window::Span(span);
        self
    }

    /// Whether the item that a user looked at last may be recommended.
    #[must_use]
    pub fn allow_repeat(mut self, allow: bool) -> Prequential {
        self.allow_repeat = allow;
        self
    }

    /// Sends a stream, in order of time, through a recommender: one that has learned nothing, or goes on from where it is.
    /// Coverage and Gini are those of all `items`.
    ///
    /// # Errors
    /// [`Error::Setting`] for `k` and the window; [`Error::NothingToTest`] for an empty stream.
    pub fn run<'a>(
        &self,
        model: &mut dyn Recommender,
        items: &Items,
        interactions: impl IntoIterator<Item = Interaction<'a>>,
    ) -> Result<Stream, Error> {
        let mut scorer = self.begin()?;
        let query = Query::for_user().limit(self.k).allow_repeat(self.allow_repeat);
        for (number, interaction) in interactions.into_iter().enumerate() {
            let (user, item, at) = (interaction.user(), interaction.item(), interaction.at());
            if interaction.weight() > 0.0 {
                let answer = model.recommend(&query.resolve(items, Some(user), at)?);
                let ranked: Vec<ItemId> = answer.iter().map(|recommendation| recommendation.item).collect();
                scorer.add(&ranked, item, at);
            }
            model.learn(&interaction);
            if number % TICK_EVERY == 0 {
                model.tick(at, TICK_EVERY);
            }
        }
        scorer.finish(items)
    }

    /// Begins to score what somebody else predicts along a stream, such as an engine that is fed with messages.
    ///
    /// # Errors
    /// [`Error::Setting`] for `k` and the window.
    pub fn begin(&self) -> Result<Scorer, Error> {
        self.check()?;
        Ok(Scorer { settings: *self, all: Tally::new(self.k), open: None, closed: Vec::new() })
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=LIMIT_MAX).contains(&self.k) {
            return Err(Error::Setting { name: "k", found: self.k.to_string(), wanted: "from 1 to 1000" });
        }
        match self.window {
            Window::Len(0) => {
                Err(Error::Setting { name: "window_len", found: "0".to_owned(), wanted: "at least 1" })
            }
            Window::Span(span) if span <= Duration::ZERO => {
                Err(Error::Setting { name: "window_span", found: span.to_string(), wanted: "more than 0" })
            }
            Window::Len(_) | Window::Span(_) => Ok(()),
        }
    }

    fn is_over(&self, open: &Open, at: Instant) -> bool {
        match self.window {
            Window::Len(len) => open.predictions >= len,
            Window::Span(span) => at - open.from >= span,
        }
    }
}

/// Scores predictions along a stream as they come; made by [`Prequential::begin`].
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::recommend::{Items, evaluate::Prequential};
/// let (mut items, at) = (Items::new(), Instant::from_millis(0));
/// let [boot, sock] = ["boot", "sock"].map(|name| items.intern(name).unwrap());
/// let mut scorer = Prequential::new().k(2).begin()?;
/// scorer.add(&[boot, sock], sock, at);         // the second was what the user went for
/// scorer.add(&[boot], sock, at);
/// let stream = scorer.finish(&items)?;
/// assert_eq!((stream.scores.hit_rate, stream.scores.mrr, stream.scores.coverage), (0.5, 0.25, 1.0));
/// # Ok::<(), bespoke::recommend::evaluate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scorer {
    settings: Prequential,
    all: Tally,
    open: Option<Open>,
    closed: Vec<Open>,
}

impl Scorer {
    /// Takes down what was recommended, best first, and what the user then did something with, at what time: not before
    /// the one that was added last.
    pub fn add(&mut self, ranked: &[ItemId], item: ItemId, at: Instant) {
        if self.open.as_ref().is_some_and(|open| self.settings.is_over(open, at)) {
            self.closed.extend(self.open.take());
        }
        let empty = || Open { tally: Tally::new(self.settings.k), predictions: 0, from: at, until: at };
        let window = self.open.get_or_insert_with(empty);
        window.tally.add(ranked, &[item]);
        window.predictions += 1;
        window.until = at.max(window.until);
        self.all.add(ranked, &[item]);
    }

    /// How good all of them were. Coverage and Gini are those of `items`.
    ///
    /// # Errors
    /// [`Error::NothingToTest`] where nothing was added.
    pub fn finish(self, items: &Items) -> Result<Stream, Error> {
        let catalogue: Vec<ItemId> = items.iter().map(|(item, _)| item).collect();
        let windows = self.closed.into_iter().chain(self.open);
        let windows: Vec<WindowScores> = windows.map(|open| open.close(&catalogue)).collect();
        if windows.is_empty() {
            return Err(Error::NothingToTest("the stream has no interaction"));
        }
        Ok(Stream { scores: self.all.scores(&catalogue), windows })
    }
}

/// A window that takes predictions, or took them.
#[derive(Clone, Debug)]
struct Open {
    tally: Tally,
    predictions: usize,
    from: Instant,
    until: Instant,
}

impl Open {
    fn close(self, catalogue: &[ItemId]) -> WindowScores {
        WindowScores { from: self.from, until: self.until, scores: self.tally.scores(catalogue) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::Popularity;
    use proptest::prelude::*;

    /// Popularity of what all happens in one instant: counts, and then the lower id.
    fn naive(stream: &[u32], k: usize) -> Vec<f64> {
        let (mut hits, mut counts) = (Vec::new(), [0; 9]);
        for item in stream {
            let mut ranked: Vec<usize> = (0..9).filter(|item| counts[*item] > 0).collect();
            ranked.sort_by_key(|item| std::cmp::Reverse(counts[*item]));
            hits.push(f64::from(u8::from(ranked.iter().take(k).any(|ranked| *ranked == *item as usize))));
            counts[*item as usize] += 1;
        }
        hits
    }

    fn interactions(stream: &[(u32, i64)]) -> Vec<Interaction<'static>> {
        let at = |hour: i64| Instant::from_millis(0) + Duration::hours(hour);
        stream.iter().map(|(item, hour)| Interaction::new(1, ItemId::new(*item), at(*hour))).collect()
    }

    fn items() -> Items {
        let mut items = Items::new();
        for number in 0..9 {
            items.intern(&number.to_string()).unwrap();
        }
        items
    }

    proptest! {
        #[test]
        fn each_is_predicted_from_those_before(
            stream in prop::collection::vec(0_u32..9, 1..60),
            k in 1_usize..5,
            len in 1_usize..20,
        ) {
            let hits = naive(&stream, k);
            let stream: Vec<_> = stream.into_iter().map(|item| (item, 0)).collect();
            let prequential = Prequential::new().k(k).allow_repeat(true).window_len(len);
            let found = prequential.run(&mut Popularity::default(), &items(), interactions(&stream)).unwrap();
            let mean = |hits: &[f64]| hits.iter().sum::<f64>() / hits.len() as f64;
            let expected: Vec<f64> = hits.chunks(len).map(mean).collect();
            let rates: Vec<f64> = found.windows.iter().map(|window| window.scores.hit_rate).collect();
            prop_assert_eq!(rates, expected);
            prop_assert_eq!((found.scores.predictions, found.scores.hit_rate), (hits.len(), mean(&hits)));
        }
    }

    #[test]
    fn windows_of_time_begin_with_what_happens() {
        let stream = [(1, 0), (1, 23), (2, 24), (2, 100), (2, 101)];
        let run = |prequential: Prequential| {
            prequential.run(&mut Popularity::default(), &items(), interactions(&stream)).unwrap()
        };
        let days = run(Prequential::new().allow_repeat(true).k(1));
        let hours = |at: Instant| (at - Instant::from_millis(0)).as_millis() / 3_600_000;
        let found: Vec<_> = days
            .windows
            .iter()
            .map(|window| (hours(window.from), hours(window.until), window.scores.hit_rate))
            .collect();
        // A day halves little: at 100 the two of item 1 are still ahead of the one of item 2, and at 101 no longer.
        assert_eq!(found, [(0, 23, 0.5), (24, 24, 0.0), (100, 101, 0.5)]);
        assert_eq!(days.scores.hit_rate, 0.4);
    }

    #[test]
    fn what_is_without_weight_is_not_predicted() {
        let [first, second] = [0.0, 1.0].map(|weight| interactions(&[(1, 0)])[0].with_weight(weight));
        let run = |stream: &[Interaction<'static>]| {
            Prequential::new().run(&mut Popularity::default(), &items(), stream.iter().copied())
        };
        assert_eq!(run(&[first, second]).unwrap().scores.predictions, 1);
        assert!(matches!(run(&[first]), Err(Error::NothingToTest(_))));
        for refused in [
            Prequential::new().k(0),
            Prequential::new().window_len(0),
            Prequential::new().window_span(Duration::ZERO),
        ] {
            let run = refused.run(&mut Popularity::default(), &items(), [second]);
            assert!(matches!(run, Err(Error::Setting { .. })), "{refused:?}");
        }
    }
}
