use crate::model::Duration;
use crate::recommend::Error;
use crate::recommend::decay::ForwardDecay;
use crate::recommend::knn::SessionKnn;
use crate::recommend::knn::candidates::Nearness;
use crate::recommend::knn::neighbours::BASES_MAX;
use crate::recommend::knn::session::SESSION_LEN;

/// Most sessions that can be kept.
const SESSIONS_MAX: usize = 1 << 26;
/// Added to the number of sessions of a shared item: one that is in few is no surer sign for that.
pub(super) const SUPPORT: f64 = 5.0;
/// Most users that an item can be asked for.
const USERS_MAX: usize = 100;

/// Parameters of [`SessionKnn`], not yet checked.
///
/// ```
/// use bespoke::recommend::{Interaction, Items, Query, Recommender, SessionKnn};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let query = Query::session(["lesson-2"]);
/// // In a shop what came before may come next; in a course, whose lessons build on one another, it may not.
/// for (back, found) in [(0.85, 1), (0.0, 0)] { // 0.85 by default
///     let mut model = SessionKnn::params().back(back).check()?;
///     for lesson in ["lesson-1", "lesson-2"] {
///         model.learn(&Interaction::new(1, items.intern(lesson)?, now));
///     }
///     assert_eq!(model.recommend(&query.resolve(&items, None, now)?).len(), found); // after lesson 2
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SessionKnnParams {
    pub(super) half_life: Duration,
    pub(super) session_gap: Duration,
    pub(super) sessions: usize,
    pub(super) sessions_per_item: usize,
    pub(super) neighbours: usize,
    pub(super) items: usize,
    pub(super) k_min: usize,
    pub(super) recency: f64,
    pub(super) after: f64,
    pub(super) before: f64,
    pub(super) back: f64,
    pub(super) others: f64,
    pub(super) in_row: f64,
    pub(super) rarity: f64,
    pub(super) commonness: f64,
    pub(super) length: f64,
    pub(super) returns: f64,
    pub(super) hop: f64,
}

impl SessionKnnParams {
    pub(super) fn new() -> SessionKnnParams {
        SessionKnnParams {
            half_life: Duration::days(90),
            session_gap: Duration::minutes(30),
            sessions: 1 << 20,
            sessions_per_item: 1_000,
            neighbours: 200,
            items: 15,
            k_min: 1,
            recency: 5.0,
            after: 1.0,
            before: 0.9,
            back: 0.85,
            others: 0.5,
            in_row: 0.5,
            rarity: 10.0,
            commonness: 0.5,
            length: 0.25,
            returns: 1.0,
            hop: 0.25,
        }
    }

    /// After which time a session counts half; 90 d by default, from a minute to a hundred years. A shop gains little by
    /// less; news and other things that are soon old do better with days.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> SessionKnnParams {
        self.half_life = half_life;
        self
    }

    /// A pause longer than this ends a session; 30 min by default.
    #[must_use]
    pub fn session_gap(mut self, gap: Duration) -> SessionKnnParams {
        self.session_gap = gap;
        self
    }

    /// At most so many sessions are kept, the newest; 1,048,576 by default, from 1 to 67,108,864, rounded up to a power
    /// of two. Memory is taken as they come.
    #[must_use]
    pub fn sessions(mut self, sessions: usize) -> SessionKnnParams {
        self.sessions = sessions;
        self
    }

    /// `m`: so many sessions, the newest, are known of an item, and so many are looked at in a query; 1,000 by default,
    /// from 1 to 100,000.
    #[must_use]
    pub fn sessions_per_item(mut self, sessions: usize) -> SessionKnnParams {
        self.sessions_per_item = sessions;
        self
    }

    /// `k`: so many of those looked at, the most alike, give items; 200 by default, from 1 to 10,000.
    #[must_use]
    pub fn neighbours(mut self, neighbours: usize) -> SessionKnnParams {
        self.neighbours = neighbours;
        self
    }

    /// So many of the newest visits of a query count; 15 by default, from 1 to 32.
    #[must_use]
    pub fn items(mut self, items: usize) -> SessionKnnParams {
        self.items = items;
        self
    }

    /// An item is recommended only where at least so many users visited it in the sessions that are known of it; 1 by
    /// default, which is every item, to 100.
    #[must_use]
    pub fn k_min(mut self, users: usize) -> SessionKnnParams {
        self.k_min = users;
        self
    }

    /// After how many visits one counts `1/e`; 5 by default.
    #[must_use]
    pub fn recency(mut self, visits: f64) -> SessionKnnParams {
        self.recency = visits;
        self
    }

    /// How much less a place after the shared item counts the farther it is: `distance^-after`; 1 by default, from 0
    /// to 10.
    #[must_use]
    pub fn after(mut self, exponent: f64) -> SessionKnnParams {
        self.after = exponent;
        self
    }

    /// The same of places before the shared item; 0.9 by default, from 0 to 10.
    #[must_use]
    pub fn before(mut self, exponent: f64) -> SessionKnnParams {
        self.before = exponent;
        self
    }

    /// What places before the shared item count beside those after it; 0.85 by default, from 0 to 10.
    #[must_use]
    pub fn back(mut self, back: f64) -> SessionKnnParams {
        self.back = back;
        self
    }

    /// What the shared items beside the newest one count; 0.5 by default, from 0 to 10.
    #[must_use]
    pub fn others(mut self, others: f64) -> SessionKnnParams {
        self.others = others;
        self
    }

    /// How much more a neighbour counts in which the two newest items follow on one another; 0.5 by default, from 0
    /// to 10.
    #[must_use]
    pub fn in_row(mut self, in_row: f64) -> SessionKnnParams {
        self.in_row = in_row;
        self
    }

    /// How much items that are in few sessions are preferred; 10 by default, from 0 to 1,000.
    #[must_use]
    pub fn rarity(mut self, rarity: f64) -> SessionKnnParams {
        self.rarity = rarity;
        self
    }

    /// How far items that are in many sessions are held back where they are shared: 0 not at all, 1 as much as there are
    /// sessions; 0.5 by default.
    #[must_use]
    pub fn commonness(mut self, commonness: f64) -> SessionKnnParams {
        self.commonness = commonness;
        self
    }

    /// How much long sessions are held back: 0 not at all, 1 as much as they are long; 0.25 by default.
    #[must_use]
    pub fn length(mut self, length: f64) -> SessionKnnParams {
        self.length = length;
        self
    }

    /// How much it counts that users come back to what they visited before: 1, the default, as often as they do; from 0,
    /// not at all, to 10.
    #[must_use]
    pub fn returns(mut self, returns: f64) -> SessionKnnParams {
        self.returns = returns;
        self
    }

    /// Where few items are found, what stands beside the best of them counts, the best of it so much of what the best of
    /// them has: 0.25 by default, from 0, nothing, to 10.
    #[must_use]
    pub fn hop(mut self, hop: f64) -> SessionKnnParams {
        self.hop = hop;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<SessionKnn, Error> {
        let decay = ForwardDecay::new(self.half_life)?;
        if self.session_gap <= Duration::ZERO {
            let found = self.session_gap.to_string();
            return Err(Error::Parameter { name: "session_gap", found, wanted: "more than 0" });
        }
        for (name, found, max, wanted) in [
            ("sessions", self.sessions, SESSIONS_MAX, "from 1 to 67108864"),
            ("sessions_per_item", self.sessions_per_item, 100_000, "from 1 to 100000"),
            ("neighbours", self.neighbours, 10_000, "from 1 to 10000"),
            ("items", self.items, BASES_MAX, "from 1 to 32"),
            ("k_min", self.k_min, USERS_MAX, "from 1 to 100"),
        ] {
            if !(1..=max).contains(&found) {
                return Err(Error::Parameter { name, found: found.to_string(), wanted });
            }
        }
        for (name, found, max, wanted) in [
            ("after", self.after, 10.0, "from 0 to 10"),
            ("before", self.before, 10.0, "from 0 to 10"),
            ("back", self.back, 10.0, "from 0 to 10"),
            ("others", self.others, 10.0, "from 0 to 10"),
            ("in_row", self.in_row, 10.0, "from 0 to 10"),
            ("rarity", self.rarity, 1_000.0, "from 0 to 1000"),
            ("returns", self.returns, 10.0, "from 0 to 10"),
            ("hop", self.hop, 10.0, "from 0 to 10"),
            ("commonness", self.commonness, 1.0, "from 0 to 1"),
            ("length", self.length, 1.0, "from 0 to 1"),
        ] {
            if !(0.0..=max).contains(&found) {
                return Err(Error::Parameter { name, found: found.to_string(), wanted });
            }
        }
        if !(0.1..=1_000.0).contains(&self.recency) {
            let found = self.recency.to_string();
            return Err(Error::Parameter { name: "recency", found, wanted: "from 0.1 to 1000" });
        }
        Ok(SessionKnn::from_checked(self, decay))
    }
}

/// What the parameters say, worked out once: powers and logarithms cost more than all else of a small query.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// By place in the query, the newest first.
    pub(super) recency: Vec<f64>,
    pub(super) nearness: Nearness,
    /// By number of visits.
    pub(super) lengths: [f64; SESSION_LEN + 1],
    /// Of numbers of sessions, as far as it goes.
    logarithms: Vec<f64>,
    /// What sharing an item counts that is in so many sessions, as far as it goes.
    shares: Vec<f64>,
    commonness: f64,
    /// What standing beside a candidate counts of an item that is in so many sessions, as far as it goes.
    rare: Vec<f64>,
}

/// An item that is popular in a month is in some thousand sessions, and is a candidate of nearly every query.
const LOGARITHMS: u32 = 8_192;
const SHARES: u32 = 1_024;
/// How far items that are in many sessions are held back in a second hop.
pub(super) const RARE: f64 = 0.1;

fn logarithm(sessions: u32) -> f64 {
    libm::log(f64::from(sessions.max(1)))
}

fn share(sessions: u32, commonness: f64) -> f64 {
    libm::pow(f64::from(sessions) + SUPPORT, -commonness)
}

impl Tables {
    pub(super) fn new(params: &SessionKnnParams) -> Tables {
        let near = |distance: usize, exponent: f64| libm::pow(distance as f64, -exponent);
        let after = |distance| near(distance, params.after);
        let before = |distance| params.back * near(distance, params.before);
        let recency = |place: usize| libm::exp(-(place as f64) / params.recency);
        let commonness = params.commonness;
        Tables {
            recency: (0..params.items).map(recency).collect(),
            nearness: Nearness::new(after, before),
            lengths: std::array::from_fn(|len| libm::pow(len.max(1) as f64, -params.length)),
            logarithms: (0..LOGARITHMS).map(logarithm).collect(),
            shares: (0..SHARES).map(|sessions| share(sessions, commonness)).collect(),
            commonness,
            rare: (0..SHARES).map(|sessions| share(sessions, RARE)).collect(),
        }
    }

    /// What standing beside a candidate counts of an item that is in so many sessions.
    pub(super) fn rare(&self, sessions: u32) -> f64 {
        self.rare.get(sessions as usize).copied().unwrap_or_else(|| share(sessions, RARE))
    }

    /// Natural logarithm of a number of sessions, 0 of none.
    pub(super) fn logarithm(&self, sessions: u32) -> f64 {
        self.logarithms.get(sessions as usize).copied().unwrap_or_else(|| logarithm(sessions))
    }

    /// What sharing an item counts that is in so many sessions.
    pub(super) fn share(&self, sessions: u32) -> f64 {
        let known = self.shares.get(sessions as usize).copied();
        known.unwrap_or_else(|| share(sessions, self.commonness))
    }
}
