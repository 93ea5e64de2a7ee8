//! What recommenders answer together.

use crate::engine::consent::RECOMMEND;
use crate::engine::eligible::Eligible;
use crate::engine::elsewhere::{Heard, Source};
use crate::engine::models::Models;
use crate::engine::reorder::Known;
use crate::engine::{Error, Partition, RecentItem, Refusal};
use crate::model::Instant;
use crate::profile::{ProfileStore, UserKey};
use crate::recommend::{self, Basis, Effect, Occasion, Query, Recommendation, Request, again, blended};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// How many items may come next, of what sessions say and what co-visitation says.
pub(super) const NEXT: usize = 50;
/// How much co-visitation counts beside sessions.
pub(super) const BESIDE: f64 = 0.1;
/// How many items may go with those of a query before what is looked at instead is taken away.
pub(super) const COMPLEMENTS: usize = 200;
/// How much that takes away: half of what the best complement has, from what is most looked at instead.
const INSTEAD: f64 = -0.5;

/// An item that is recommended.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}, recommend::Query};
/// # let text = "version = 1\n[events.view]\nsku = \"string\"\n[catalogue]\ntitle = \"string\"\n\
/// #     [recommend]\nk_min = 1\ninteractions = { view = { item = \"sku\" } }";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::item("boot-7").with("title", "Trail boot"), now)?;
/// for (user, sku) in [("ada", "boot-7"), ("ada", "sock-1"), ("bob", "boot-7")] {
///     engine.ingest(Message::track(user, "view").with("sku", sku), now)?;
/// }
/// let items = engine.recommend("bob", &Query::for_user(), now)?;
/// assert_eq!((&*items[0].item, &*items[0].reason), ("sock-1", "because you viewed Trail boot"));
/// assert_eq!(items[0].because_of.as_deref(), Some("boot-7")); // for a link
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Recommended {
    /// Its id.
    pub item: String,
    /// How much it is recommended: comparable within one answer only.
    pub score: f64,
    /// Why, in words: items by their `title` where the catalogue has one, else by their id.
    pub reason: String,
    /// The item that the reason names, by its id, where it names one: for a link, or a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because_of: Option<String>,
    /// What boosts, caps and other stages of re-ranking did to it, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
    /// With which probability it was tried at its place, where [`explore`](Query::explore) did that: to be logged with what
    /// comes of it, for estimates of what another policy would have earned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Why the answer is that for somebody unknown, where the user is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

impl Partition {
    /// Items for a user, best first: what goes with what the user or the query names, filled up with what is
    /// popular; beside them what hardly anybody has touched and is like them, as the catalogue describes it. What the
    /// catalogue says is removed, not available or expired is never among them, nor what the query filters out.
    ///
    /// For a user who does not agree to `recommend`, where that is declared, or whose processing is restricted, they are
    /// those for somebody unknown, and each says so.
    ///
    /// # Errors
    /// A query about items of which none is known, or one that passes a limit; an expression that is not right, with
    /// all that is wrong in it.
    pub fn recommend(&self, user: &str, query: &Query, now: Instant) -> Result<Vec<Recommended>, Error> {
        self.recommend_with(user, query, &[], now)
    }

    /// The same with what the models of other partitions say.
    pub(super) fn recommend_with(
        &self,
        user: &str,
        query: &Query,
        others: &[Heard],
        now: Instant,
    ) -> Result<Vec<Recommended>, Error> {
        let now = now.max(self.clock);
        let (id, user) = (user, self.store.find(user));
        let refused = user.and_then(|user| self.withholds(user, RECOMMEND, now));
        let user = user.filter(|_| refused.is_none());
        let items = self.models.items();
        let eligible = self.eligible(id, user, query, now)?;
        let answer = self.models.recommend(user, query, others, &self.store, &eligible, now)?;
        let id = |item| items.name(item).unwrap_or_default();
        let title = |item| self.catalogue.title(item, &self.store.symbols).unwrap_or(id(item));
        let named = |r: Recommendation| Recommended {
            item: id(r.item).to_owned(),
            score: r.score,
            reason: r.reason.in_words(title),
            because_of: r.reason.item().map(|item| id(item).to_owned()),
            effects: r.effects().iter().map(ToString::to_string).collect(),
            probability: r.effects().iter().find_map(|effect| match effect {
                Effect::Tried { probability, .. } => Some(*probability),
                _ => None,
            }),
            refused,
        };
        Ok(answer.into_iter().map(named).collect())
    }
}

impl Models {
    /// What a user did last, newest first.
    pub(crate) fn recent_items(&self, user: UserKey) -> Vec<RecentItem> {
        let named = |(item, action)| {
            let item = self.items.name(item).unwrap_or_default().to_owned();
            RecentItem { item, action }
        };
        self.covisitation.recent_items(user.0).map(named).collect()
    }

    /// What goes with what the user or the query names, filled up with what is popular. Nothing against which the user
    /// spoke last, nothing with which the user did what the query says, and nothing that is not eligible; of what a user
    /// had before, only that.
    pub(super) fn recommend(
        &self,
        user: Option<UserKey>,
        query: &Query,
        others: &[Heard],
        store: &ProfileStore,
        eligible: &Eligible<'_>,
        now: Instant,
    ) -> Result<Vec<Recommendation>, recommend::Error> {
        let admits = |item| eligible.admits(item);
        let request = query.resolve(&self.items, user.map(|user| user.0), now)?;
        let unwanted = user.map(|user| self.unwanted(user, query.done(), store, now)).unwrap_or_default();
        let request = request.excluding(unwanted).with_filter(&admits);
        let reorders = self.reorders(&request);
        if query.stages().is_neutral() && !reorders && query.chance().is_none() {
            return Ok(self.candidates(&request, others, store));
        }
        // Stages may bring up what would be below the limit.
        let occasion = Occasion { limit: request.limit(), seed: request.seed(), now };
        let request = request.with_more();
        let (answer, rows) = match reorders {
            true => self.reorder(self.next_with_sources(&request, others), eligible, now),
            false => (self.candidates(&request, others, store), HashMap::default()),
        };
        let answer = match query.chance() {
            Some(target) => self.at_chance(answer, target, &request)?,
            None => answer,
        };
        let known = Known { eligible, explorer: self.explorer.as_ref(), rows, now };
        Ok(query.stages().clone().check()?.apply(answer, &known, occasion).shown)
    }

    fn candidates(
        &self,
        request: &Request<'_>,
        others: &[Heard],
        store: &ProfileStore,
    ) -> Vec<Recommendation> {
        let beside = |request: &Request<'_>| self.beside_say(request, others);
        let mut answer = match request.basis() {
            Basis::Again(user) => return again(&self.had(UserKey(user), store, request.now()), request),
            Basis::Complementary(_) => {
                // What is looked at instead of an item does not go with it.
                let deeper = request.clone().with_limit(COMPLEMENTS);
                let mut answers = vec![
                    self.says(Source::Baskets, &deeper, others),
                    self.says(Source::Instead, &deeper, others),
                ];
                answers.extend(beside(request));
                blended(answers, &self.weigh_first(&[1.0, INSTEAD]), request.limit())
            }
            Basis::User(_) | Basis::Session(_) => {
                let deeper = request.clone().with_limit(request.limit().max(NEXT));
                self.blend_next(self.next(&deeper, others), request)
            }
            Basis::Similar(_) => {
                let deeper = request.clone().with_limit(request.limit().max(NEXT));
                let mut answers = vec![self.says(Source::CoVisitation, &deeper, others)];
                answers.extend(beside(&deeper));
                let answer = match answers.len() {
                    1 => answers.swap_remove(0),
                    _ => blended(answers, &self.weigh_first(&[1.0]), deeper.limit()),
                };
                self.with_alike(answer, request)
            }
            Basis::Trending => self.says(Source::Rising, request, others),
            // What is popular fills it up.
            _ => Vec::new(),
        };
        self.fill(request, others, &mut answer);
        answer
    }

    /// What comes next, of what models say that does, with what is alike.
    pub(super) fn blend_next(
        &self,
        answers: Vec<Vec<Recommendation>>,
        request: &Request<'_>,
    ) -> Vec<Recommendation> {
        let answer = blended(answers, self.weights.get(), request.limit().max(NEXT));
        self.with_alike(answer, request)
    }

    /// Fills an answer up with what is popular, as far as it is shorter than was asked for.
    pub(super) fn fill(&self, request: &Request<'_>, others: &[Heard], answer: &mut Vec<Recommendation>) {
        if answer.len() < request.limit() {
            let least = answer.last().map_or(1.0, |last| last.score);
            fill_up(self.says(Source::Popular, request, others), request.limit(), least, answer);
        }
    }

    /// What comes next, by each of the models that say so, in the order of their weights.
    pub(super) fn next(&self, request: &Request<'_>, others: &[Heard]) -> Vec<Vec<Recommendation>> {
        let first = [Source::Sessions, Source::CoVisitation].map(|source| self.says(source, request, others));
        first.into_iter().chain(self.beside_say(request, others)).collect()
    }

    /// What each of the models says that answer beside sessions and co-visitation.
    fn beside_say(&self, request: &Request<'_>, others: &[Heard]) -> Vec<Vec<Recommendation>> {
        let sources = (0..self.beside().count()).map(Source::Beside);
        sources.map(|source| self.says(source, request, others)).collect()
    }

    /// What others count beside models that are not those of what comes next.
    fn weigh_first(&self, first: &[f64]) -> SmallVec<[f64; 8]> {
        first.iter().chain(&self.weights.get()[2..]).copied().collect()
    }
}

/// Adds popular items below those that are there: their scores are scaled to stay below.
fn fill_up(popular: Vec<Recommendation>, limit: usize, least: f64, answer: &mut Vec<Recommendation>) {
    let Some(most) = popular.first().map(|first| first.score).filter(|most| *most > 0.0) else { return };
    let related = answer.len();
    for mut item in popular {
        if answer.len() >= limit {
            return;
        }
        if !answer[..related].iter().any(|known| known.item == item.item) {
            if related > 0 {
                item.score = item.score / most * least;
            }
            answer.push(item);
        }
    }
}
