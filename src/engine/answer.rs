//! What recommenders answer together.

use crate::engine::RecentItem;
use crate::engine::eligible::Eligible;
use crate::engine::models::Models;
use crate::model::Instant;
use crate::profile::{ProfileStore, UserKey};
use crate::recommend::{Basis, Error, Occasion, Query, Recommendation, Recommender, Request, again, blended};
use smallvec::SmallVec;

/// How many items may come next, of what sessions say and what co-visitation says.
pub(super) const NEXT: usize = 50;
/// How much co-visitation counts beside sessions.
pub(super) const BESIDE: f64 = 0.1;
/// How many items may go with those of a query before what is looked at instead is taken away.
const COMPLEMENTS: usize = 200;
/// How much that takes away: half of what the best complement has, from what is most looked at instead.
const INSTEAD: f64 = -0.5;

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
        store: &ProfileStore,
        eligible: &Eligible<'_>,
        now: Instant,
    ) -> Result<Vec<Recommendation>, Error> {
        let admits = |item| eligible.admits(item);
        let request = query.resolve(&self.items, user.map(|user| user.0), now)?;
        let unwanted = user.map(|user| self.unwanted(user, query.done(), store, now)).unwrap_or_default();
        let request = request.excluding(unwanted).with_filter(&admits);
        if query.stages().is_neutral() {
            return Ok(self.candidates(&request, store));
        }
        // Stages may bring up what would be below the limit.
        let occasion = Occasion { limit: request.limit(), seed: request.seed(), now };
        let answer = self.candidates(&request.with_more(), store);
        Ok(query.stages().clone().check()?.apply(answer, eligible, occasion).shown)
    }

    fn candidates(&self, request: &Request<'_>, store: &ProfileStore) -> Vec<Recommendation> {
        let mut answer = match request.basis() {
            Basis::Again(user) => return again(&self.had(UserKey(user), store, request.now()), request),
            Basis::Complementary(_) => {
                // What is looked at instead of an item does not go with it.
                let mut answers = vec![
                    self.baskets.recommend(&request.clone().with_limit(COMPLEMENTS)),
                    self.covisitation.recommend(&request.as_similar().with_limit(COMPLEMENTS)),
                ];
                answers.extend(self.beside().map(|model| model.recommend(request)));
                blended(answers, &self.weigh_first(&[1.0, INSTEAD]), request.limit())
            }
            Basis::User(_) | Basis::Session(_) => {
                let deeper = request.clone().with_limit(request.limit().max(NEXT));
                let answer = blended(self.next(&deeper), self.weights.get(), deeper.limit());
                self.with_alike(answer, request)
            }
            Basis::Similar(_) => {
                let deeper = request.clone().with_limit(request.limit().max(NEXT));
                let mut answers = vec![self.covisitation.recommend(&deeper)];
                answers.extend(self.beside().map(|model| model.recommend(&deeper)));
                let answer = match answers.len() {
                    1 => answers.swap_remove(0),
                    _ => blended(answers, &self.weigh_first(&[1.0]), deeper.limit()),
                };
                self.with_alike(answer, request)
            }
            Basis::Trending => self.trending.recommend(request),
            _ => self.covisitation.recommend(request),
        };
        if answer.len() < request.limit() {
            let least = answer.last().map_or(1.0, |last| last.score);
            self.fill_up(request, least, &mut answer);
        }
        answer
    }

    /// What comes next, by each of the models that say so, in the order of their weights.
    pub(super) fn next(&self, request: &Request<'_>) -> Vec<Vec<Recommendation>> {
        let mut answers = vec![self.sessions.recommend(request), self.covisitation.recommend(request)];
        answers.extend(self.beside().map(|model| model.recommend(request)));
        answers
    }

    /// What others count beside models that are not those of what comes next.
    fn weigh_first(&self, first: &[f64]) -> SmallVec<[f64; 8]> {
        first.iter().chain(&self.weights.get()[2..]).copied().collect()
    }

    /// Adds popular items below those that are there: their scores are scaled to stay below.
    fn fill_up(&self, request: &Request<'_>, least: f64, answer: &mut Vec<Recommendation>) {
        // The first part of the context that the host has named, or everybody.
        let place = self.contexts.iter().position(|name| request.context(name).is_some());
        let popular = place.map_or(&self.popularity, |place| &self.models[place]).recommend(request);
        let Some(most) = popular.first().map(|first| first.score).filter(|most| *most > 0.0) else { return };
        let related = answer.len();
        for mut item in popular {
            if answer.len() >= request.limit() {
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
}
