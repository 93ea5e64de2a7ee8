//! # recommend: which items for whom, and why
//! In: [`Interaction`]s (who did what with which item, when) and [`Query`]s. Out: [`Recommendation`]s with
//! their [`Reason`]s. Imports only `model`; knows nothing of profiles, messages, segments or storage: the
//! engine maps messages to interactions and gives users dense numbers. Reads no clock, draws no random number.
//!
//! | file | concept |
//! | --- | --- |
//! | `item` | [`Items`]: the text id of an item and its dense [`ItemId`]; one owner for all recommenders of a partition |
//! | `query`, `request` | [`Query`] as a host writes it; [`Request`], the same resolved and checked |
//! | `recommender`, `reason` | the [`Recommender`] trait, what goes into it and what comes out |
//! | `popularity` | [`Popularity`]: decayed counts, also per context value |
//! | `trending` | [`Trending`]: what happens more often than it did |
//! | `covisitation` | [`CoVisitation`]: items seen together in a session |
//! | `knn` | [`SessionKnn`]: what followed in sessions like this one |
//! | `ease`, `inverse` | [`Ease`]: what users who like these items like too, in closed form |
//! | `als`, `factors`, `cholesky` | [`Als`]: what a user likes at all, by vectors |
//! | `users`, `history`, `tally`, `shortlist` | what both keep of users and items, and the best of many |
//! | `bought_together` | [`BoughtTogether`]: what goes with a basket |
//! | `twins` | [`Twins`]: items that are alike by what they are, so that a new one shows where its likes do |
//! | `again` | what a user had before and may want again |
//! | `blend`, `weights` | [`Blend`]: several recommenders as one, with weights that learn |
//! | `explorer`, `impressions`, `lift` | [`Explorer`]: learns from what was shown and chosen; orders items by it, and tries some at places that are kept for it |
//! | `rerank` | [`Rerank`]: rules, variety and kept places, from what fits to what is shown |
//! | `bandit` | [`bandit`]: policies that choose among arms and learn from what each brought |
//! | `decay`, `board`, `row`, `crowd`, `recent`, `baskets` | their parts: forward decay, a ranking, a bounded row, how many users, the users' sessions and baskets |
//! | `conformance` | [`conformance`]: what every recommender must keep, to be run on your own |
//! | `evaluate` | how good recommenders are on recorded interactions: metrics, protocols, tuning, estimates from logs |
//!
//! Invariants
//! 1. State is the fold of `learn` and `forget` in order: the same calls give the same bytes and answers, on
//!    every machine. Ties: score, then newest interaction, then item id.
//! 2. An answer holds no item twice and no excluded one, at most `limit`, scores finite, ≥ 0 and descending.
//! 3. `learn` costs O(1) in the number of items, users and past events, save a rescaling that comes once in
//!    sixty half-lives.
//! 4. Every input is accepted or refused by a typed error; weights and instants that make no sense teach nothing.
//!
//! # How much memory
//! Beside 30,000 items, as many users and 16 interactions an item, `--bin items` of `benches/peers` counted 1,600 bytes an
//! item at the allocator, with the parameters that an engine has. Where they go, and what follows for ten million items, ten
//! million users and a hundred million interactions on paper:
//!
//! | what | counted, bytes an item | grows with | then |
//! | --- | --- | --- | --- |
//! | ids ([`Items`]) | 37 | items | 0.4 GB |
//! | [`SessionKnn`] of 131,072 sessions | 324 | items, 32 bytes each; sessions, to their limit | 0.3 GB |
//! | [`CoVisitation`] | 902 | items, 96 bytes each, and users, 88; interactions, 45 each, to 9 for each of the `neighbours` of an item | 6.3 GB |
//! | [`BoughtTogether`], with a tenth bought | 253 | items, 96 bytes each; interactions, 10 each, to the same limit | 2.0 GB |
//! | [`Popularity`] | 27 | items | 0.3 GB |
//! | [`Trending`] | 56 | items | 0.6 GB |
//!
//! That is 10 GB. What goes with what is most of it, and `neighbours` bounds it: with 20 instead of 200 of them
//! [`CoVisitation`] takes 3.6 GB at most, however many interactions there are. Each partition has all of the items that its
//! users touch. No more than [`ITEMS_MAX`] can be numbered. [`Ease`] and [`Als`] are not in it: the one is for the best few
//! thousand items, the other takes 292 bytes an item and 368 a user at 64 factors, and 9 for each interaction that is kept.
//!
//! To recommend takes about as long beside more items: what is looked at is bounded by parameters. From 10,000 to a million
//! items the median of sessions went from 27 to 32 µs, and that of co-visitation fell; what is on the rise is looked for
//! among the thousand items that were touched most, which a small catalogue does not have. [`Als`] goes through the lengths of all
//! vectors, and through the few vectors that are long enough. To learn takes longer where memory is farther away.
//!
//! Deliberately absent: which events count and how much (definitions say), who may be shown what
//! (whoever calls [`Rerank`] supplies the [`Facts`]) and consent.
//! Forgetting drops what is kept per user and subtracts nothing from counts over all users; the engine, which knows what
//! a user's history proves, has that taken back before.
//!
//! ```
//! use bespoke::model::{Duration, Instant};
//! use bespoke::recommend::{CoVisitation, Interaction, Items, Query, Recommender};
//!
//! let mut items = Items::new();
//! let mut together = CoVisitation::params().half_life(Duration::days(30)).check()?;
//! let start: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
//!
//! // Three users look at boots and then at socks, one looks at a tent.
//! for user in 0..3 {
//!     for (minute, sku) in ["boot-7", "sock-1"].into_iter().enumerate() {
//!         let at = start + Duration::minutes(minute as i64);
//!         together.learn(&Interaction::new(user, items.intern(sku)?, at));
//!     }
//! }
//! together.learn(&Interaction::new(3, items.intern("tent-2")?, start));
//! together.learn(&Interaction::new(3, items.intern("boot-7")?, start));
//!
//! let query = Query::similar_to("boot-7").limit(10);
//! let answer = together.recommend(&query.resolve(&items, None, start)?);
//! let shown: Vec<_> = answer.iter().map(|r| items.name(r.item).unwrap_or("?")).collect();
//! assert_eq!(shown, ["sock-1", "tent-2"]);
//! assert_eq!(answer[0].reason.display(&items).to_string(), "similar to boot-7");
//!
//! let answer = together.recommend(&Query::for_user().resolve(&items, Some(3), start)?);
//! assert_eq!(answer[0].reason.display(&items).to_string(), "because you viewed boot-7");
//! # Ok::<(), bespoke::recommend::Error>(())
//! ```

mod again;
mod als;
pub mod bandit;
mod baskets;
mod blend;
mod board;
mod bought_together;
mod cholesky;
mod conformance;
mod covisitation;
mod crowd;
mod decay;
mod ease;
mod error;
pub mod evaluate;
mod explorer;
mod factors;
mod history;
mod impressions;
mod inverse;
mod item;
mod knn;
mod lift;
#[cfg(test)]
mod merge_test;
mod popularity;
mod query;
mod reason;
mod recent;
mod recommender;
mod request;
mod rerank;
mod row;
mod shortlist;
mod tally;
mod trending;
mod twins;
mod users;
mod vectors;
mod weights;

pub use als::{Als, AlsParams};
pub use blend::{Blend, BlendBuilder, SOURCES_MAX};
pub use bought_together::{BoughtTogether, BoughtTogetherParams};
pub use conformance::{Violation, conformance};
pub use covisitation::{CoVisitation, CoVisitationParams};
pub use ease::{Ease, EaseParams};
pub use error::Error;
pub use explorer::Explorer;
pub use item::{ITEM_BYTES_MAX, ITEMS_MAX, ItemId, Items};
pub use knn::{SessionKnn, SessionKnnParams};
pub use lift::EXPLORER_FEATURES_MAX;
pub use popularity::{CONTEXT_VALUES_MAX, Popularity, PopularityParams};
pub use query::{EXCLUSIONS_MAX, LIMIT_MAX, QUERY_ITEMS_MAX, Query, RULES_MAX};
pub use reason::{Action, Reason, ReasonDisplay};
pub use recommender::{Interaction, Recommendation, Recommender, WEIGHT_MAX};
pub use request::{Basis, Request};
pub use rerank::{
    Because, Dropped, Effect, Facts, Occasion, Rerank, RerankParams, Reranked, STAGE_RULES_MAX, cosine,
    jaccard,
};
pub use trending::{Trending, TrendingParams};
pub use twins::{Twins, TwinsParams};

pub(crate) use again::again;
pub(crate) use blend::blended;
pub(crate) use recent::Recent;
pub(crate) use weights::Weights;
