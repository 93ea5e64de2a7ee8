//! What is chosen of what is shown: what is known of items for whoever asks, and the order that follows from it.

use crate::engine::Partition;
use crate::engine::answer::NEXT;
use crate::engine::eligible::Eligible;
use crate::engine::elsewhere::{Heard, Source};
use crate::engine::models::Models;
use crate::model::{Instant, Message};
use crate::profile::UserKey;
use crate::recommend::{
    Action, Basis, EXPLORER_FEATURES_MAX, Explorer, Facts, ItemId, Query, Recommendation, Recommender,
    Request,
};
use hashbrown::HashMap;

/// How much better what fits best is than what fits least before anything was learned, in log-odds: the order that comes in
/// is the one that goes out then.
const FIT: f64 = 1.0;

/// What is known of an item where it is shown, in the order of [`features`].
pub(super) type Row = Box<[f32]>;

/// The scores of an answer, each as its share of the best.
type Shares = HashMap<ItemId, f32, ahash::RandomState>;

/// What comes next, and what each model says of it.
pub(super) struct Next {
    pub(super) answer: Vec<Recommendation>,
    /// Of what is popular and what is rising, and then of each model.
    sources: Vec<Shares>,
}

impl Models {
    /// Has the explorer learn of the features that there are, anew where they are others than before.
    pub(super) fn name_features(&mut self) {
        let Some(explorer) = self.explorer.take() else { return };
        self.explorer = Some(match self.new_explorer() {
            Some(fresh) => explorer.with_features_of(fresh),
            None => explorer,
        });
    }

    /// One that has learned nothing yet, where the definition asks for it.
    pub(super) fn new_explorer(&self) -> Option<Explorer> {
        let (window, half_life) = self.definition.explore?;
        let mut explorer = Explorer::new(window, half_life).expect(CHECKED);
        for (name, weight) in self.features() {
            explorer = explorer.feature(name, weight).expect(CHECKED);
        }
        Some(explorer)
    }

    /// The names of what is known of items, and what each is believed to say before anything is learned.
    fn features(&self) -> Vec<(Box<str>, f64)> {
        let Some(rules) = &self.definition.rerank else { return Vec::new() };
        let mut features: Vec<(Box<str>, f64)> =
            vec![("how well it fits".into(), FIT), ("how new it is".into(), 0.0), ("its place".into(), 0.0)];
        features.extend(rules.iter().map(|rule| (rule.clone(), 0.0)));
        features.push(("how popular it is".into(), 0.0));
        features.push(("how fast it rises".into(), 0.0));
        let own = 2 + usize::from(self.ease.is_some()) + usize::from(self.als.is_some());
        let first: [&dyn Recommender; 2] = [&self.sessions, &self.covisitation];
        for (number, model) in first.into_iter().chain(self.beside()).enumerate() {
            let whose = if number < own { "" } else { "your " };
            features.push((format!("what {whose}{} says", model.name()).into(), 0.0));
        }
        features.truncate(EXPLORER_FEATURES_MAX);
        features
    }

    /// Whether what fits is ordered by what is chosen of it.
    pub(super) fn reorders(&self, request: &Request<'_>) -> bool {
        self.definition.rerank.is_some() && matches!(request.basis(), Basis::User(_) | Basis::Session(_))
    }

    /// What comes next, with what each model says of it.
    pub(super) fn next_with_sources(&self, request: &Request<'_>, others: &[Heard]) -> Next {
        let deeper = request.clone().with_limit(request.limit().max(NEXT));
        let answers = self.next(&deeper, others);
        let [popular, rising] =
            [Source::Popular, Source::Rising].map(|source| self.says(source, &deeper, others));
        let sources = [&popular, &rising].into_iter().chain(&answers).map(|answer| shares(answer)).collect();
        let mut answer = self.blend_next(answers, request);
        self.fill(request, others, &mut answer);
        Next { answer, sources }
    }

    /// What is known of an item that fits so well; places begin at 0.
    fn row(&self, item: ItemId, fit: f32, place: usize, next: &Next, eligible: &Eligible<'_>) -> Row {
        let place = 1.0 - 1.0 / libm::log2(place as f64 + 2.0);
        let mut row = vec![fit, self.twins.coldness(item) as f32, place as f32];
        row.extend(eligible.features(item));
        row.extend(next.sources.iter().map(|shares| shares.get(&item).copied().unwrap_or(0.0)));
        row.into()
    }

    /// Orders what comes next by what is chosen when it is shown, as if each were shown first. Gives what is known of each.
    pub(super) fn reorder(
        &self,
        next: Next,
        eligible: &Eligible<'_>,
        now: Instant,
    ) -> (Vec<Recommendation>, HashMap<ItemId, Row, ahash::RandomState>) {
        let Some(explorer) = &self.explorer else { return (next.answer, HashMap::default()) };
        let fit = shares(&next.answer);
        let row = |item| (item, self.row(item, fit.get(&item).copied().unwrap_or(0.0), 0, &next, eligible));
        let rows: HashMap<ItemId, Row, ahash::RandomState> =
            next.answer.iter().map(|shown| row(shown.item)).collect();
        let with_row = |shown: Recommendation| {
            let row = rows.get(&shown.item).map_or(&[][..], |row| row);
            (shown, row)
        };
        (explorer.rank(next.answer.into_iter().map(with_row).collect(), now), rows)
    }
}

impl Partition {
    /// What is known of each item that a message says was shown to a user, in their order: nothing where that is not learned.
    pub(super) fn rows_of_shown(&self, user: UserKey, message: &Message, at: Instant) -> Vec<Row> {
        let models = &self.models;
        if models.definition.rerank.is_none() {
            return Vec::new();
        }
        let mut shown = Vec::new();
        models.each_touched(message, |rule, item, _| {
            if rule.action == Action::Shown {
                shown.push(models.items().get(item));
            }
        });
        let query = Query::for_user();
        let Some(eligible) = (!shown.is_empty())
            .then(|| self.eligible(self.store.name(user), Some(user), &query, at).ok())
            .flatten()
        else {
            return Vec::new();
        };
        let next = models.next_with_sources(&Request::of_user(user.0, at).with_limit(NEXT), &[]);
        let fit = shares(&next.answer);
        let row = |(place, item): (usize, Option<ItemId>)| {
            let item = item?;
            Some(models.row(item, fit.get(&item).copied().unwrap_or(0.0), place, &next, &eligible))
        };
        shown.into_iter().enumerate().map(|shown| row(shown).unwrap_or_default()).collect()
    }
}

const CHECKED: &str = "parameters are checked with the definitions";

fn shares(answer: &[Recommendation]) -> Shares {
    let Some(most) = answer.iter().map(|shown| shown.score).reduce(f64::max).filter(|most| *most > 0.0)
    else {
        return Shares::default();
    };
    answer.iter().map(|shown| (shown.item, (shown.score / most) as f32)).collect()
}

/// What stages of re-ranking ask of items, with what is known of them for whoever asks.
pub(super) struct Known<'a> {
    pub(super) eligible: &'a Eligible<'a>,
    pub(super) explorer: Option<&'a Explorer>,
    pub(super) rows: HashMap<ItemId, Row, ahash::RandomState>,
    pub(super) now: Instant,
}

impl Facts for Known<'_> {
    fn holds(&self, item: ItemId, rule: &str) -> bool {
        self.eligible.holds(item, rule)
    }

    fn attribute(&self, item: ItemId, name: &str, each: &mut dyn FnMut(&str)) {
        self.eligible.attribute(item, name, each);
    }

    fn impressions(&self, item: ItemId, since: Instant) -> u32 {
        self.eligible.impressions(item, since)
    }

    fn choose(&self, items: &[ItemId], seed: u64) -> Option<(usize, f64)> {
        let row = |item: &ItemId| (*item, self.rows.get(item).map_or(&[][..], |row| &**row));
        let items: Vec<(ItemId, &[f32])> = items.iter().map(row).collect();
        self.explorer?.choose(&items, seed, self.now)
    }

    fn similarity(&self, one: ItemId, other: ItemId) -> f64 {
        self.eligible.similarity(one, other)
    }
}
