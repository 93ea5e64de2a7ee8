use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::recommend::crowd::{Crowd, Size};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::{Error, Interaction, ItemId, Reason, Recommendation, Request};
use std::cmp::Ordering;

/// What is known of every item by itself: how much happened to it, when last, and how many users were in it.
///
/// It also knows what an interaction is worth as time passes, which may be the same for ever.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    decay: Option<ForwardDecay>,
    crowd: Size,
    /// By number of the item.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    count: f64,
    newest: Instant,
    crowd: Crowd,
}

impl Tally {
    /// Without a half-life nothing decays. `k_min` was checked.
    pub(super) fn new(half_life: Option<Duration>, k_min: usize) -> Result<Tally, Error> {
        let decay = half_life.map(ForwardDecay::new).transpose()?;
        Ok(Tally { decay, crowd: Size::new(k_min), entries: Vec::new() })
    }

    /// Counts an interaction and gives its weight as it is to be kept, and the factor for weights that were kept before
    /// where the landmark had to move. What speaks against an item is not counted, but has a weight.
    pub(super) fn note(&mut self, interaction: &Interaction<'_>) -> (f32, Option<f32>) {
        let (item, at) = (interaction.item(), interaction.at());
        let factor = self.decay.as_mut().and_then(|decay| decay.advance(at));
        if let Some(factor) = factor {
            self.entries.iter_mut().for_each(|entry| entry.count *= factor);
        }
        if item.index() >= self.entries.len() {
            let unseen = Entry { count: 0.0, newest: Instant::MIN, crowd: Crowd::default() };
            self.entries.resize(item.index() + 1, unseen);
        }
        let grown = self.decay.map_or(1.0, |decay| decay.weight(at));
        let weight = (f64::from(interaction.weight()) * grown) as f32;
        let entry = &mut self.entries[item.index()];
        entry.newest = entry.newest.max(at);
        if weight > 0.0 {
            entry.count += f64::from(weight);
            if !self.crowd.is_any() {
                entry.crowd.add(interaction.user(), self.crowd);
            }
        }
        (weight, factor.map(|factor| factor as f32))
    }

    /// Factor from a weight that is kept to its worth at `now`.
    pub(super) fn worth(&self, now: Instant) -> f32 {
        self.decay.map_or(1.0, |decay| decay.worth(now)) as f32
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Items that anybody chose, best first: by count, then newest, then number. O(items · log).
    pub(super) fn ranking(&self) -> Vec<ItemId> {
        let all = (0..self.entries.len() as u32).map(ItemId::new);
        let mut items: Vec<ItemId> = all.filter(|item| self.count(*item) > 0.0).collect();
        items.sort_unstable_by(|a, b| self.order(&(self.count(*a), *a), &(self.count(*b), *b)));
        items
    }

    fn count(&self, item: ItemId) -> f64 {
        self.entries[item.index()].count
    }

    /// Whether enough users chose an item, and it is not the one that is looked at now.
    pub(super) fn may_be(&self, item: ItemId, current: Option<ItemId>) -> bool {
        self.entries[item.index()].crowd.is_enough(self.crowd) && Some(item) != current
    }

    /// The best of the `scored` that may be shown, in order: score, then newest interaction, then number. Scores that
    /// are not above 0, or too large for a number, are left out. The request is asked for about as many as it wants.
    pub(super) fn best(
        &self,
        mut scored: Vec<(f64, ItemId)>,
        request: &Request<'_>,
        current: Option<ItemId>,
    ) -> Vec<(f64, ItemId)> {
        scored.retain(|(score, item)| *score > 0.0 && score.is_finite() && self.may_be(*item, current));
        let mut best = Vec::with_capacity(request.limit().min(scored.len()));
        let (mut from, mut piece) = (0, request.limit() + 16);
        while from < scored.len() && best.len() < request.limit() {
            let rest = &mut scored[from..];
            let len = piece.min(rest.len());
            if len < rest.len() {
                rest.select_nth_unstable_by(len - 1, |a, b| self.order(a, b));
            }
            rest[..len].sort_unstable_by(|a, b| self.order(a, b));
            let admitted = rest[..len].iter().copied().filter(|(_, item)| request.admits(*item));
            best.extend(admitted.take(request.limit() - best.len()));
            (from, piece) = (from + len, piece * 2);
        }
        best
    }

    /// What most chose, for when there is nothing better yet.
    pub(super) fn popular(&self, request: &Request<'_>, current: Option<ItemId>) -> Vec<Recommendation> {
        let worth = f64::from(self.worth(request.now()));
        let items = (0..self.entries.len() as u32).map(ItemId::new);
        let scored = items.map(|item| (worth * self.count(item), item)).collect();
        let best = self.best(scored, request, current).into_iter();
        best.map(|(score, item)| Recommendation::new(item, score, Reason::Popular)).collect()
    }

    fn order(&self, (score_a, a): &(f64, ItemId), (score_b, b): &(f64, ItemId)) -> Ordering {
        let newest = |item: &ItemId| self.entries[item.index()].newest;
        let scores = score_b.total_cmp(score_a);
        scores.then_with(|| newest(b).cmp(&newest(a))).then_with(|| a.cmp(b))
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if let Some(decay) = &self.decay {
            decay.write(out);
        }
        self.entries.len().write(out);
        for Entry { count, newest, crowd } in &self.entries {
            (*count, *newest, *crowd).write(out);
        }
    }

    /// Reads what one with the same parameters wrote of at most so many items.
    pub(super) fn read(&mut self, items: usize, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        if let Some(decay) = &mut self.decay {
            decay.read(from)?;
        }
        let len = from.len("counts of items")?;
        if len > items {
            return Err(from.malformed("counts of items"));
        }
        self.entries.clear();
        for _ in 0..len {
            let count = from.weight("the count of an item")?;
            self.entries.push(Entry { count, newest: from.read()?, crowd: from.read()? });
        }
        Ok(())
    }
}
