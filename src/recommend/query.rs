use crate::model::{Duration, Instant};
use crate::recommend::request::Subject;
use crate::recommend::{Action, Error, ItemId, Items, Request, Rerank, RerankParams};
use smallvec::SmallVec;

/// Most recommendations in one answer.
pub const LIMIT_MAX: usize = 1_000;
/// Most items that a query may name; of a longer session the newest count.
pub const QUERY_ITEMS_MAX: usize = 100;
/// Most conditions of a query on items.
pub const RULES_MAX: usize = 16;
/// Among how many of the best items a diverse list is chosen.
const DIVERSE_DEPTH: usize = 100;
/// How many of the best one is tried of.
const EXPLORE_DEPTH: usize = 20;
/// Most items that a query may exclude.
pub const EXCLUSIONS_MAX: usize = 10_000;

/// What a host asks for, with items by their text ids.
///
/// ```
/// use bespoke::recommend::Query;
/// let beside_a_product = Query::similar_to("boot-7").limit(10).excluding(["boot-8"]);
/// let home_page = Query::for_user().context("place", "gym");
/// let next_click = Query::session(["sock-1", "boot-7"]).limit(20).allow_repeat(true);
/// let at_the_checkout = Query::complementary_to(["boot-7"]).limit(3);
/// # let _ = (beside_a_product, home_page, next_click, at_the_checkout);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    about: About,
    limit: usize,
    excluded: Vec<String>,
    allow_repeat: bool,
    context: Vec<(String, String)>,
    seed: u64,
    done: SmallVec<[Action; 4]>,
    only: Vec<String>,
    chance: Option<f64>,
    stages: RerankParams,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    User,
    Session(Vec<String>),
    Similar(Vec<String>),
    Complementary(Vec<String>),
    Again,
    Popular,
    Trending,
}

impl Query {
    fn about(about: About) -> Query {
        Query {
            about,
            limit: 10,
            excluded: Vec::new(),
            allow_repeat: false,
            context: Vec::new(),
            seed: 0,
            done: SmallVec::new(),
            only: Vec::new(),
            chance: None,
            stages: Rerank::params(),
        }
    }

    /// For the user who asks, from what the recommender itself keeps of them.
    #[must_use]
    pub fn for_user() -> Query {
        Query::about(About::User)
    }

    /// What comes next after these items, oldest first: for visitors whom the engine does not know.
    #[must_use]
    pub fn session<I: Into<String>>(items: impl IntoIterator<Item = I>) -> Query {
        Query::about(About::Session(items.into_iter().map(Into::into).collect()))
    }

    /// Items like this one.
    #[must_use]
    pub fn similar_to(item: impl Into<String>) -> Query {
        Query::about(About::Similar(vec![item.into()]))
    }

    /// Items like these, such as the contents of a basket; their order means nothing but in ties of reasons.
    #[must_use]
    pub fn similar_to_all<I: Into<String>>(items: impl IntoIterator<Item = I>) -> Query {
        Query::about(About::Similar(items.into_iter().map(Into::into).collect()))
    }

    /// Items that go with these, such as the contents of a basket: bought together rather than instead.
    #[must_use]
    pub fn complementary_to<I: Into<String>>(items: impl IntoIterator<Item = I>) -> Query {
        Query::about(About::Complementary(items.into_iter().map(Into::into).collect()))
    }

    /// What the user who asks had before and may want again: what is used up, or played every week.
    #[must_use]
    pub fn again() -> Query {
        Query::about(About::Again)
    }

    /// What most choose now.
    #[must_use]
    pub fn popular() -> Query {
        Query::about(About::Popular)
    }

    /// What is on the rise: chosen more now than it used to be.
    #[must_use]
    pub fn trending() -> Query {
        Query::about(About::Trending)
    }

    /// At most so many items; 10 by default, at most [`LIMIT_MAX`]. 0 gives an empty answer.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Query {
        self.limit = limit;
        self
    }

    /// Never these items; adds to those given before. Unknown ones are fine.
    #[must_use]
    pub fn excluding<I: Into<String>>(mut self, items: impl IntoIterator<Item = I>) -> Query {
        self.excluded.extend(items.into_iter().map(Into::into));
        self
    }

    /// Never items with which the user did one of these, as far back as the engine remembers: what was bought is not
    /// shown again. Adds to those given before. A recommender that stands alone knows nothing of it.
    ///
    /// ```
    /// use bespoke::recommend::{Action, Query};
    /// let new_to_them = Query::for_user().excluding_done([Action::Bought, Action::Finished]);
    /// # let _ = new_to_them;
    /// ```
    #[must_use]
    pub fn excluding_done(mut self, actions: impl IntoIterator<Item = Action>) -> Query {
        self.done.extend(actions);
        self
    }

    /// First what the user succeeds with at about this chance, from 0.05 to 0.95, as far as attempts have told: how able the
    /// user is, and how difficult items are. At 0.75 to 0.85 users stay, and 0.5 tells most of them. What fits otherwise counts
    /// up to a third more than what only is as difficult; what was done lately comes later, and what is a jump from the last
    /// session comes behind. The chance is among the
    /// effects. For workouts, lessons, levels of a game.
    ///
    /// Definitions say what is an attempt: an interaction with an `outcome`. A recommender that stands alone does not heed it;
    /// there is [`Skills`](crate::predict::Skills) then.
    #[must_use]
    pub fn at_chance(mut self, chance: f64) -> Query {
        self.chance = Some(chance);
        self
    }

    /// At which chance of success items are asked for.
    pub(crate) fn chance(&self) -> Option<f64> {
        self.chance
    }

    /// What the user may not have done with an item.
    pub(crate) fn done(&self) -> &[Action] {
        &self.done
    }

    /// Whether the item that the user looks at now (the newest of the session), or one that
    /// [`similar_to`](Query::similar_to) or [`complementary_to`](Query::complementary_to) names, may be recommended
    /// again; `false` by default.
    #[must_use]
    pub fn allow_repeat(mut self, allow: bool) -> Query {
        self.allow_repeat = allow;
        self
    }

    /// Where and how the answer is shown; of a name that is given twice the last value counts.
    #[must_use]
    pub fn context(mut self, key: impl Into<String>, value: impl Into<String>) -> Query {
        let (key, value) = (key.into(), value.into());
        match self.context.iter_mut().find(|(name, _)| *name == key) {
            Some((_, old)) => *old = value,
            None => self.context.push((key, value)),
        }
        self
    }

    /// What models that explore take their chances from; 0 by default. The same seed at the same state gives the same
    /// answer: give the number of the request, or a hash of it, where answers are to vary.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Query {
        self.seed = seed;
        self
    }

    /// Only items for which an expression of the segment language holds; of several all have to. A plain name is an
    /// attribute of the item, as the definitions declare it under `[catalogue]`, and so is `item.NAME`; `user.NAME` is one
    /// of whoever asks, whose behaviour, segments and time are known too. Of an item that the catalogue does not describe
    /// everything is missing, and so is a property of events that no definition reads.
    ///
    /// The engine compiles it when it is first asked, and tells what is wrong with it then. A recommender without an engine
    /// knows no attributes, and does not heed it.
    ///
    /// ```
    /// use bespoke::recommend::Query;
    /// let query = Query::for_user().only(r#"price < 100 and category in ["boots", "socks"]"#);
    /// let affordable = Query::trending().only("item.price <= user.budget");
    /// # let _ = (query, affordable);
    /// ```
    #[must_use]
    pub fn only(mut self, condition: impl Into<String>) -> Query {
        self.only.push(condition.into());
        self
    }

    /// Multiplies the scores of items for which an expression holds, as for [`only`](Query::only): above 1 they come
    /// earlier, below 1 later. Of several that hold all do. It chooses among five times as many items as are asked for, and
    /// at least a hundred.
    #[must_use]
    pub fn boost(mut self, condition: impl Into<String>, factor: f64) -> Query {
        self.stages = self.stages.weigh(condition.into(), factor);
        self
    }

    /// At most so many items with the same value of an attribute of the catalogue: two of a brand.
    #[must_use]
    pub fn at_most(mut self, items: usize, attribute: impl Into<String>) -> Query {
        self.stages = self.stages.cap(attribute.into(), items);
        self
    }

    /// Prefers items that are unlike those before them, as much as `theta` says: 0, as by default, is what fits best,
    /// and 1 what differs most; 0.2 to 0.3 does well. Items are alike as their vectors are, or else as the texts and
    /// tags that the catalogue has of them.
    #[must_use]
    pub fn diverse(mut self, theta: f64) -> Query {
        self.stages = self.stages.diversify(theta, DIVERSE_DEPTH);
        self
    }

    /// Multiplies the score of an item by `delta` for each time that it was shown to the user within the window before now,
    /// and not chosen since: from 0.1 to 1, as by default; 0.8 to 0.9 does well. Definitions say by which event the host
    /// tells that an item was shown, with `action = "shown"`.
    #[must_use]
    pub fn fatigue(mut self, delta: f64, window: Duration) -> Query {
        self.stages = self.stages.fatigue(delta, window);
        self
    }

    /// Lets items that fit about equally well change places from [seed](Query::seed) to seed: 0, as by default, not at
    /// all, to 1.
    #[must_use]
    pub fn rotated(mut self, strength: f64) -> Query {
        self.stages = self.stages.rotate(strength);
        self
    }

    /// Keeps a place, 0 being the first, for one of the best twenty that the engine does not know well enough yet, or that is
    /// chosen most when it is shown: it learns from what the host says was [shown](Query::fatigue), and what was chosen
    /// then. Which one changes from [seed](Query::seed) to seed; how probable it was is among the
    /// [effects](crate::recommend::Recommendation::effects), to be logged. Of several places, from the first on, each tries
    /// what is left: the probability of all is the product of theirs.
    #[must_use]
    pub fn explore(mut self, place: usize) -> Query {
        self.stages = self.stages.explore(place, EXPLORE_DEPTH);
        self
    }

    /// Keeps a place, 0 being the first, for the best item for which an expression holds, as for
    /// [`only`](Query::only): one that is new, or sponsored.
    #[must_use]
    pub fn slot(mut self, place: usize, condition: impl Into<String>) -> Query {
        self.stages = self.stages.slot(place, condition.into());
        self
    }

    /// The same question to those who do not know who asks: of what the user saw, oldest first, so many answers at least, and
    /// without what only whoever knows the user can tell. None where only the user's own history is asked for.
    pub(crate) fn for_others(&self, saw: Vec<String>, least: usize) -> Option<Query> {
        let about = match &self.about {
            About::Again => return None,
            About::User => About::Session(saw),
            about => about.clone(),
        };
        Some(Query {
            // One that is too large is refused where the answers are put together.
            limit: self.limit.saturating_mul(5).clamp(least, LIMIT_MAX),
            excluded: self.excluded.clone(),
            allow_repeat: self.allow_repeat,
            context: self.context.clone(),
            ..Query::about(about)
        })
    }

    /// The same question about nothing that anybody saw.
    pub(crate) fn for_others_of_nothing(&self) -> Query {
        Query { about: About::Session(Vec::new()), ..self.clone() }
    }

    /// The conditions that items have to meet.
    pub(crate) fn rules(&self) -> &[String] {
        &self.only
    }

    /// What becomes of the items that fit: checked once the query is resolved.
    pub(crate) fn stages(&self) -> &RerankParams {
        &self.stages
    }

    /// The query with items by number, as recommenders take it, asked by `user` at `now`.
    ///
    /// Items that are not known are left out. For a user without a number, [`for_user`](Query::for_user) and
    /// [`again`](Query::again) are the query for an empty session. O(items named + exclusions · log).
    ///
    /// # Errors
    /// [`Error::UnknownItem`] when the query is about items and none of them is known;
    /// [`Error::LimitTooLarge`], [`Error::TooManyItems`], [`Error::TooManyExclusions`], [`Error::TooManyRules`], and
    /// [`Error::Parameter`] for a boost, a cap or another stage of re-ranking that is out of range.
    ///
    /// ```
    /// use bespoke::model::Instant;
    /// use bespoke::recommend::{Error, Items, Query};
    /// let (mut items, now) = (Items::new(), Instant::from_millis(0));
    /// items.intern("boot-7")?;
    /// assert!(Query::similar_to_all(["boot-7", "boot-9"]).resolve(&items, None, now).is_ok());
    /// let error = Query::similar_to("boot-9").resolve(&items, None, now).unwrap_err();
    /// assert_eq!(error, Error::UnknownItem("boot-9".into()));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn resolve(&self, items: &Items, user: Option<u32>, now: Instant) -> Result<Request<'_>, Error> {
        if self.limit > LIMIT_MAX {
            return Err(Error::LimitTooLarge(self.limit));
        }
        if self.excluded.len() > EXCLUSIONS_MAX {
            return Err(Error::TooManyExclusions(self.excluded.len()));
        }
        let rules = self.only.len() + self.stages.rules().count();
        if rules > RULES_MAX {
            return Err(Error::TooManyRules(rules));
        }
        self.stages.clone().check().map_err(as_asked)?;
        if let Some(chance) = self.chance.filter(|chance| !(0.05..=0.95).contains(chance)) {
            let wanted = "a chance from 0.05 to 0.95";
            return Err(Error::Parameter { name: "at_chance", found: chance.to_string(), wanted });
        }
        let subject = match &self.about {
            About::User => user.map_or(Subject::Session(SmallVec::new()), Subject::User),
            About::Session(names) => {
                let newest = &names[names.len().saturating_sub(QUERY_ITEMS_MAX)..];
                Subject::Session(known(newest, items)?)
            }
            About::Similar(names) | About::Complementary(names) if names.len() > QUERY_ITEMS_MAX => {
                return Err(Error::TooManyItems(names.len()));
            }
            About::Similar(names) => Subject::Similar(known(names, items)?),
            About::Complementary(names) => Subject::Complementary(known(names, items)?),
            About::Again => user.map_or(Subject::Session(SmallVec::new()), Subject::Again),
            About::Popular => Subject::Popular,
            About::Trending => Subject::Trending,
        };
        let mut excluded: SmallVec<[ItemId; 16]> =
            self.excluded.iter().filter_map(|name| items.get(name)).collect();
        if !self.allow_repeat {
            match &subject {
                Subject::Session(session) => excluded.extend(session.last().copied()),
                Subject::Similar(named) | Subject::Complementary(named) => excluded.extend_from_slice(named),
                Subject::User(_) | Subject::Again(_) | Subject::Popular | Subject::Trending => {}
            }
        }
        excluded.sort_unstable();
        Ok(Request {
            subject,
            user,
            limit: self.limit,
            excluded,
            allow_repeat: self.allow_repeat,
            context: &self.context,
            seed: self.seed,
            now,
            filter: None,
        })
    }
}

/// The known ones of `names`, in order; an error where there are names and none is known.
fn known(names: &[String], items: &Items) -> Result<SmallVec<[ItemId; 16]>, Error> {
    let known: SmallVec<[ItemId; 16]> = names.iter().filter_map(|name| items.get(name)).collect();
    match names.first() {
        Some(name) if known.is_empty() => Err(Error::UnknownItem(name.as_str().into())),
        _ => Ok(known),
    }
}

/// The parameter of a stage by the name that a query has for it.
fn as_asked(error: Error) -> Error {
    let Error::Parameter { name, found, wanted } = error else { return error };
    let name = match name {
        "weigh" => "boost",
        "cap" => "at_most",
        "diversify" => "diverse",
        "rotate" => "rotated",
        "pin" => "slot",
        name => name,
    };
    Error::Parameter { name, found, wanted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::Basis;

    #[test]
    fn what_a_request_admits() {
        let mut items = Items::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| items.intern(name).unwrap());
        let all = [a, b, c];
        for (query, admitted) in [
            (Query::session(["a", "b"]), vec![a, c]),
            (Query::session(["a", "b"]).allow_repeat(true), vec![a, b, c]),
            (Query::session(["a", "b", "zebra"]), vec![a, c]),
            (Query::session(["a"]).excluding(["c", "zebra"]).excluding(["b"]), vec![]),
            (Query::similar_to_all(["a", "b"]), vec![c]),
            (Query::similar_to("a").allow_repeat(true), vec![a, b, c]),
            (Query::complementary_to(["a", "b"]), vec![c]),
            (Query::popular().excluding(["a"]), vec![b, c]),
            (Query::again(), vec![a, b, c]),
            (Query::for_user(), vec![a, b, c]),
        ] {
            let request = query.resolve(&items, Some(1), Instant::default()).unwrap();
            let found: Vec<_> = all.into_iter().filter(|item| request.admits(*item)).collect();
            assert_eq!(found, admitted, "{query:?}");
        }
    }

    #[test]
    fn limits_have_errors() {
        let mut items = Items::new();
        let a = items.intern("a").unwrap();
        let many = |n: usize| vec!["a"; n];
        for (query, error) in [
            (Query::popular().limit(1_001), Error::LimitTooLarge(1_001)),
            (Query::popular().excluding(many(10_001)), Error::TooManyExclusions(10_001)),
            (Query::similar_to_all(many(101)), Error::TooManyItems(101)),
            (Query::complementary_to(many(101)), Error::TooManyItems(101)),
            (Query::session(["x", "y"]), Error::UnknownItem("x".into())),
            ((0..17).fold(Query::popular(), |query, _| query.only("x")), Error::TooManyRules(17)),
            (
                Query::popular().boost("x", -1.0),
                Error::Parameter {
                    name: "boost",
                    found: "-1".into(),
                    wanted: "from 0.001 to 1000; exclude what is not to be shown",
                },
            ),
        ] {
            assert_eq!(query.resolve(&items, None, Instant::default()).unwrap_err(), error);
        }
        let long = Query::session(many(1_000));
        let request = long.resolve(&items, None, Instant::default()).unwrap();
        assert_eq!(request.basis(), Basis::Session(&[a; QUERY_ITEMS_MAX]));
        let nobody = Query::for_user();
        assert_eq!(nobody.resolve(&items, None, Instant::default()).unwrap().basis(), Basis::Session(&[]));
        let nothing = Query::session(Vec::<String>::new());
        assert_eq!(nothing.resolve(&items, None, Instant::default()).unwrap().basis(), Basis::Session(&[]));
    }
}
