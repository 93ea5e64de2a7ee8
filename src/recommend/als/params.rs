use super::Als;
use crate::model::Duration;
use crate::recommend::Error;
use crate::recommend::crowd::CROWD_MAX;

/// Parameters of [`Als`], not yet checked.
///
/// ```
/// use bespoke::recommend::{Als, Interaction, Items, Query, Recommender};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let mut films = Vec::new();
/// # for user in 0..40 {
/// #     let seen = if user % 2 == 0 { ["alien", "aliens", "solaris"] } else { ["heat", "ronin", "thief"] };
/// #     seen.iter().try_for_each(|film| items.intern(film).map(|film| films.push((user, film))))?;
/// # }
/// # ["alien", "aliens", "heat"].iter().try_for_each(|film| items.intern(film).map(|film| films.push((99, film))))?;
/// // Two films from space, and a heist last: more of what was liked at all, or of what was liked just now?
/// for (recency, best) in [(0.0, "solaris"), (2.0, "ronin")] {
///     let mut als = Als::params().factors(8).recency(recency).check()?;
///     films.iter().for_each(|(user, film)| als.learn(&Interaction::new(*user, *film, now)));
///     while als.tick(now, 100) {}
///     let query = Query::for_user().excluding(["alien", "aliens", "heat"]);
///     let answer = als.recommend(&query.resolve(&items, Some(99), now)?);
///     assert_eq!(items.name(answer[0].item), Some(best));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AlsParams {
    pub(super) half_life: Option<Duration>,
    pub(super) factors: usize,
    pub(super) history: usize,
    pub(super) unobserved: f64,
    pub(super) regularisation: f64,
    pub(super) frequency: f64,
    pub(super) recency: f64,
    pub(super) sweeps: usize,
    pub(super) k_min: usize,
}

impl AlsParams {
    /// After which time an interaction counts half, from a minute to a hundred years. By default nothing fades.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> AlsParams {
        self.half_life = Some(half_life);
        self
    }

    /// Numbers in a vector; 64 by default, from 1 to 256.
    #[must_use]
    pub fn factors(mut self, factors: usize) -> AlsParams {
        self.factors = factors;
        self
    }

    /// So many of a user's last interactions are kept; 1,000 by default, to 10,000.
    #[must_use]
    pub fn history(mut self, history: usize) -> AlsParams {
        self.history = history;
        self
    }

    /// `a0`, how much everything that was not chosen counts; 0.2 by default.
    #[must_use]
    pub fn unobserved(mut self, weight: f64) -> AlsParams {
        self.unobserved = weight;
        self
    }

    /// `reg`, how much long vectors cost; 0.02 by default. Little data wants more.
    #[must_use]
    pub fn regularisation(mut self, regularisation: f64) -> AlsParams {
        self.regularisation = regularisation;
        self
    }

    /// `nu`, how much more long vectors cost where there is much to fit; 1 by default, from 0 to 1.
    #[must_use]
    pub fn frequency(mut self, nu: f64) -> AlsParams {
        self.frequency = nu;
        self
    }

    /// How fast a user's earlier items count less when items are recommended, as the power of the distance from the
    /// newest; 0 by default, which is what the user likes at all, to 10. What comes next is best told by about 1.
    #[must_use]
    pub fn recency(mut self, recency: f64) -> AlsParams {
        self.recency = recency;
        self
    }

    /// So many sweeps are made where everything is new; 8 by default, to 1,000. After news that are a part of all that
    /// is kept, as large a part of them, but one at least.
    #[must_use]
    pub fn sweeps(mut self, sweeps: usize) -> AlsParams {
        self.sweeps = sweeps;
        self
    }

    /// An item is recommended only once so many users have chosen it; 1 by default, to 20. Counted in two bytes and never
    /// too high.
    #[must_use]
    pub fn k_min(mut self, users: usize) -> AlsParams {
        self.k_min = users;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<Als, Error> {
        let refuse = |name, found, wanted| Err(Error::Parameter { name, found, wanted });
        if !(1..=256).contains(&self.factors) {
            return refuse("factors", self.factors.to_string(), "from 1 to 256");
        }
        if !(1..=10_000).contains(&self.history) {
            return refuse("history", self.history.to_string(), "from 1 to 10000");
        }
        if !(1..=1_000).contains(&self.sweeps) {
            return refuse("sweeps", self.sweeps.to_string(), "from 1 to 1000");
        }
        for (name, number) in [("unobserved", self.unobserved), ("regularisation", self.regularisation)] {
            if !(1e-6..=1e6).contains(&number) {
                return refuse(name, number.to_string(), "from 0.000001 to 1000000");
            }
        }
        if !(0.0..=1.0).contains(&self.frequency) {
            return refuse("frequency", self.frequency.to_string(), "from 0 to 1");
        }
        if !(0.0..=10.0).contains(&self.recency) {
            return refuse("recency", self.recency.to_string(), "from 0 to 10");
        }
        if !(1..=CROWD_MAX).contains(&self.k_min) {
            return refuse("k_min", self.k_min.to_string(), "from 1 to 20");
        }
        Als::new(self)
    }
}
