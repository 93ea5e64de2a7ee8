use crate::model::Duration;
use crate::recommend::Error;
use crate::recommend::decay::ForwardDecay;
use crate::recommend::knn::SessionKnn;
use crate::recommend::knn::candidates::Nearness;
use crate::recommend::knn::neighbours::BASES_MAX;
use crate::recommend::knn::session::SESSION_LEN;

/// Most sessions that can be kept.
const SESSIONS_MAX: usize = 1 << 26;
/// Most users that an item can be asked for.
const USERS_MAX: usize = 100;

/// Parameters of [`SessionKnn`], not yet checked.
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
    pub(super) shared_rarity: f64,
    pub(super) length: f64,
}

impl SessionKnnParams {
    pub(super) fn new() -> SessionKnnParams {
        SessionKnnParams {
            half_life: Duration::days(60),
            session_gap: Duration::minutes(30),
            sessions: 1 << 20,
            sessions_per_item: 1_000,
            neighbours: 200,
            items: 15,
            k_min: 1,
            recency: 5.0,
            after: 1.5,
            before: 3.0,
            back: 0.8,
            others: 0.5,
            in_row: 0.4,
            rarity: 10.0,
            shared_rarity: 0.5,
            length: 0.25,
        }
    }

    /// After which time a session counts half; 60 d by default, from a minute to a hundred years. News and other things
    /// that are soon old do better with days.
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

    /// At how many places after the shared item one counts `1/e`; 1.5 by default.
    #[must_use]
    pub fn after(mut self, places: f64) -> SessionKnnParams {
        self.after = places;
        self
    }

    /// At how many places before the shared item one counts `1/e`; 3 by default.
    #[must_use]
    pub fn before(mut self, places: f64) -> SessionKnnParams {
        self.before = places;
        self
    }

    /// What places before the shared item count beside those after it; 0.8 by default, from 0 to 10.
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

    /// How much more a neighbour counts in which the two newest items follow on one another; 0.4 by default, from 0
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

    /// How much more it counts to share items that are in few sessions; 0.5 by default, from 0 to 1,000.
    #[must_use]
    pub fn shared_rarity(mut self, rarity: f64) -> SessionKnnParams {
        self.shared_rarity = rarity;
        self
    }

    /// How much long sessions are held back: 0 not at all, 1 as much as they are long; 0.25 by default.
    #[must_use]
    pub fn length(mut self, length: f64) -> SessionKnnParams {
        self.length = length;
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
            ("back", self.back, 10.0, "from 0 to 10"),
            ("others", self.others, 10.0, "from 0 to 10"),
            ("in_row", self.in_row, 10.0, "from 0 to 10"),
            ("rarity", self.rarity, 1_000.0, "from 0 to 1000"),
            ("shared_rarity", self.shared_rarity, 1_000.0, "from 0 to 1000"),
            ("length", self.length, 1.0, "from 0 to 1"),
        ] {
            if !(0.0..=max).contains(&found) {
                return Err(Error::Parameter { name, found: found.to_string(), wanted });
            }
        }
        for (name, found) in [("recency", self.recency), ("after", self.after), ("before", self.before)] {
            if !(0.1..=1_000.0).contains(&found) {
                return Err(Error::Parameter { name, found: found.to_string(), wanted: "from 0.1 to 1000" });
            }
        }
        Ok(SessionKnn::from_checked(self, decay))
    }
}

/// What the parameters say, worked out once.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// By place in the query, the newest first.
    pub(super) recency: Vec<f64>,
    pub(super) nearness: Nearness,
    /// By number of visits.
    pub(super) lengths: [f64; SESSION_LEN + 1],
    /// Logarithms of small numbers.
    logarithms: Vec<f64>,
}

impl Tables {
    pub(super) fn new(params: &SessionKnnParams) -> Tables {
        let fading = |distance: usize, scale: f64| libm::exp(-(distance as f64) / scale);
        let after = |distance| fading(distance, params.after);
        let before = |distance| params.back * fading(distance, params.before);
        Tables {
            recency: (0..params.items).map(|place| fading(place, params.recency)).collect(),
            nearness: Nearness::new(after, before),
            lengths: std::array::from_fn(|len| libm::pow(len.max(1) as f64, -params.length)),
            logarithms: (0..1_024_u32).map(|number| libm::log(f64::from(number.max(1)))).collect(),
        }
    }

    pub(super) fn logarithm(&self, number: u32) -> f64 {
        let known = self.logarithms.get(number as usize).copied();
        known.unwrap_or_else(|| libm::log(f64::from(number)))
    }
}
