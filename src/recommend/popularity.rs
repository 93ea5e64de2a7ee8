use crate::model::{Bytes, Duration, Instant, Malformed, Pieces, Record};
use crate::recommend::board::{Board, Count};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::error::restored;
use crate::recommend::reason::text;
use crate::recommend::{
    Error, ITEM_BYTES_MAX, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request,
};
use ahash::RandomState;
use hashbrown::HashTable;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most values of the context key that get counts of their own. What is seen with a further one, or with one
/// longer than [`ITEM_BYTES_MAX`], counts everywhere only.
pub const CONTEXT_VALUES_MAX: usize = 1_000;

/// What is popular now: exponentially decayed counts, also per value of one part of the context.
///
/// Answers every query, so it is what to fall back to. The score of an item is its share of all that
/// happened, `p = n / N`, where `n` is the sum of the weights of its interactions, each halved every half-life.
///
/// With [`context`](PopularityParams::context), a request with a value of it is answered from what happened
/// there, shrunk towards what happens everywhere: `(n_there + kappa p) / (N_there + kappa)`. Where little
/// happened, as much as `kappa` interactions would say is taken from everywhere.
///
/// `learn`: O(1) but for a move within the thousand best items, no allocation for known items.
/// `recommend`: O(limit + exclusions), with a context typically O(limit); looks at the [1,000](crate::recommend::LIMIT_MAX) best items
/// (everywhere and there) at most, so an answer is short where exclusions cover most of those.
/// Memory: 24 bytes an item, and about 32 for each item and context value that met.
///
/// Reference: forward decay, Cormode et al., ICDE 2009; the merging of both orders is the threshold algorithm
/// of Fagin, Lotem and Naor, 2003.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::recommend::{Interaction, Items, Popularity, Query, Recommender};
/// let (mut items, start) = (Items::new(), Instant::from_millis(0));
/// let mut popularity = Popularity::params().half_life(Duration::days(7)).context("place").check()?;
/// for user in 0..30 {
///     popularity.learn(&Interaction::new(user, items.intern("yoga")?, start).with_context(&[("place", "home")]));
/// }
/// for user in 0..20 {
///     popularity.learn(&Interaction::new(user, items.intern("squats")?, start).with_context(&[("place", "gym")]));
/// }
/// let best = |query: Query| {
///     let answer = popularity.recommend(&query.resolve(&items, None, start)?);
///     Ok::<_, bespoke::recommend::Error>(format!("{:.2} {}", answer[0].score, answer[0].reason.display(&items)))
/// };
/// assert_eq!(best(Query::popular())?, "0.60 popular now");                         // yoga: 30 of 50
/// assert_eq!(best(Query::popular().context("place", "gym"))?, "0.70 popular now for gym");
/// // squats there: (20 + 20 * 0.4) / (20 + 20)
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Popularity {
    params: PopularityParams,
    decay: ForwardDecay,
    /// The place of an item is its number.
    everywhere: Board,
    /// By first sight of the value.
    places: Vec<Place>,
    /// Which of `places` a value has. Its order is never seen.
    #[serde(skip)]
    values: HashTable<u32>,
    #[serde(skip)]
    hasher: RandomState,
}

/// Counts of one context value.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Place {
    #[serde(serialize_with = "text")]
    pub(super) value: Arc<str>,
    pub(super) board: Board,
    /// Where in `board` an item is. Its order is never seen.
    #[serde(skip)]
    index: HashTable<u32>,
}

/// Parameters of [`Popularity`], not yet checked.
///
/// ```
/// use bespoke::model::Duration;
/// use bespoke::recommend::{Interaction, Items, Popularity, Query, Recommender};
/// # let (mut items, start) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (coat, hat, today) = (items.intern("coat")?, items.intern("hat")?, start + Duration::days(30));
/// # let touches = [(1, coat, start), (2, coat, start), (3, coat, start), (4, hat, today), (5, hat, today)];
/// // Three chose the coat a month ago, and two choose the hat today.
/// for (half_life, best) in [(Duration::days(7), hat), (Duration::days(365), coat)] {
///     let mut popularity = Popularity::params().half_life(half_life).check()?;
///     touches.iter().for_each(|(user, item, at)| popularity.learn(&Interaction::new(*user, *item, *at)));
///     let answer = popularity.recommend(&Query::popular().resolve(&items, None, today)?);
///     assert_eq!(answer[0].item, best);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopularityParams {
    half_life: Duration,
    kappa: f64,
    #[serde(serialize_with = "key")]
    context: Option<Arc<str>>,
}

fn key<S: serde::Serializer>(key: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    Serialize::serialize(&key.as_deref(), serializer)
}

impl PopularityParams {
    /// After which time an interaction counts half; 7 d by default, from a minute to a hundred years.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> PopularityParams {
        self.half_life = half_life;
        self
    }

    /// Counts per value of this part of the context too; none by default.
    #[must_use]
    pub fn context(mut self, key: impl Into<Arc<str>>) -> PopularityParams {
        self.context = Some(key.into());
        self
    }

    /// How many interactions in a context it takes to count as much as everywhere else; 20 by default.
    #[must_use]
    pub fn kappa(mut self, kappa: f64) -> PopularityParams {
        self.kappa = kappa;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<Popularity, Error> {
        let decay = ForwardDecay::new(self.half_life)?;
        if !(self.kappa > 0.0 && self.kappa <= 1e9) {
            let wanted = "above 0 and at most 1e9";
            return Err(Error::Parameter { name: "kappa", found: self.kappa.to_string(), wanted });
        }
        Ok(Popularity {
            params: self,
            decay,
            everywhere: Board::default(),
            places: Vec::new(),
            values: HashTable::new(),
            hasher: RandomState::new(),
        })
    }
}

impl Default for Popularity {
    fn default() -> Popularity {
        Popularity::params().check().expect("the defaults are in range")
    }
}

impl Popularity {
    /// The default parameters.
    #[must_use]
    pub fn params() -> PopularityParams {
        PopularityParams { half_life: Duration::days(7), kappa: 20.0, context: None }
    }

    /// The counts of a context value.
    fn place(&self, value: &str) -> Option<&Place> {
        self.place_number(value).map(|number| &self.places[number as usize])
    }

    fn place_number(&self, value: &str) -> Option<u32> {
        let same = |&number: &u32| *self.places[number as usize].value == *value;
        self.values.find(self.hasher.hash_one(value), same).copied()
    }

    /// The same to count in; a new one while there may be more.
    fn place_mut(&mut self, value: &str) -> Option<&mut Place> {
        let Popularity { places, values, hasher, .. } = self;
        let hash = hasher.hash_one(value);
        let number = match values.find(hash, |&number| *places[number as usize].value == *value) {
            Some(&number) => number as usize,
            None if places.len() >= CONTEXT_VALUES_MAX || value.len() > ITEM_BYTES_MAX => return None,
            None => {
                let number = places.len();
                values.insert_unique(hash, number as u32, |&n| hasher.hash_one(&*places[n as usize].value));
                places.push(Place { value: value.into(), board: Board::default(), index: HashTable::new() });
                number
            }
        };
        places.get_mut(number)
    }

    /// Takes back what interactions taught, everywhere, and where `in_context` also for the values of the context that
    /// they have. Exact but for the rounding of sums. A move within the best of every board that they are
    /// on; O(items) where many fell out of it.
    pub(crate) fn unlearn(&mut self, interactions: &[Interaction<'_>], in_context: bool) {
        let key = self.params.context.clone();
        let mut everywhere = Vec::new();
        let mut places: BTreeMap<u32, Vec<(usize, f64)>> = BTreeMap::new();
        for interaction in interactions {
            let amount = self.decay.weight(interaction.at()) * f64::from(interaction.weight());
            if amount <= 0.0 {
                continue;
            }
            everywhere.push((interaction.item().index(), amount));
            let value = key.as_deref().filter(|_| in_context).and_then(|key| interaction.context(key));
            let place = value.and_then(|value| self.place_number(value));
            if let Some(number) = place
                && let Some(place) = self.places[number as usize].place_of(interaction.item())
            {
                places.entry(number).or_default().push((place as usize, amount));
            }
        }
        if !everywhere.is_empty() {
            self.everywhere.subtract(everywhere);
        }
        for (number, amounts) in places {
            self.places[number as usize].board.subtract(amounts);
        }
    }

    /// What is to be written of what was learned; the parameters are not in it.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.decay.write(out));
        self.everywhere.write_later(false, pieces);
        pieces.push_now(|out| self.places.len().write(out));
        for Place { value, board, .. } in &self.places {
            pieces.push_now(|out| value.write(out));
            board.write_later(true, pieces);
        }
    }

    /// One with the same parameters that had learned what a checkpoint says of so many items.
    fn read(&self, bytes: &[u8], items: usize) -> Result<Popularity, Error> {
        let mut read = self.params.clone().check().expect("they were checked");
        restored(self.name(), bytes, |from| read.read_state(from, items))?;
        Ok(read)
    }

    /// Takes over what one with the same parameters had learned about so many items that there are.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about items which there are not. Nothing is taken over then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        let mut read = Popularity {
            params: self.params.clone(),
            decay: self.decay,
            everywhere: Board::default(),
            places: Vec::new(),
            values: HashTable::new(),
            hasher: self.hasher.clone(),
        };
        read.decay.read(from)?;
        read.everywhere = Board::read(false, items, from)?;
        for number in 0..from.len("values of the context")? {
            let value = from.text()?;
            let board = Board::read(true, items, from)?;
            let malformed = from.malformed("counts of a context");
            match read.place_mut(value) {
                Some(place) if place.board.len() == 0 => place.fill(board).ok_or(malformed)?,
                _ => return Err(malformed),
            }
            // A value that is there already, and has no counts, makes no new place.
            if read.places.len() != number + 1 {
                return Err(malformed);
            }
        }
        *self = read;
        Ok(())
    }

    /// Counts an item everywhere.
    fn add(&mut self, item: ItemId, amount: f64, at: Instant) {
        while self.everywhere.len() <= item.index() {
            let number = u32::try_from(self.everywhere.len()).expect("no longer than the number of an item");
            self.everywhere.push(ItemId::new(number));
        }
        self.everywhere.add(item.index(), amount, at);
    }

    fn rescale(&mut self, factor: f64) {
        self.everywhere.rescale(factor);
        for place in &mut self.places {
            place.board.rescale(factor);
        }
    }

    fn popular_everywhere(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let total = self.everywhere.total();
        let admitted = self.everywhere.head().iter().filter(|count| request.admits(count.item));
        let shown = admitted.take(request.limit());
        shown.map(|count| Recommendation::new(count.item, count.weight / total, Reason::Popular)).collect()
    }

    /// Walks both orders side by side. No item further down in both can score more than the two counts at the
    /// present depth would together; once `limit` items do, the answer is exact.
    fn popular_in(&self, key: &Arc<str>, place: &Place, request: &Request<'_>) -> Vec<Recommendation> {
        let (here, all) = (&place.board, &self.everywhere);
        let (worth, kappa) = (self.decay.worth(request.now()), self.params.kappa);
        let score = |here_weight: f64, all_weight: f64| {
            (here_weight * worth + kappa * (all_weight / all.total())) / (here.total() * worth + kappa)
        };
        let mut best = Best { ranked: Vec::new(), limit: request.limit() };
        for depth in 0..all.head().len() {
            let (at_here, at_all) = (here.head().get(depth), &all.head()[depth]);
            if let Some(count) = at_here
                && let Some(parent) = all.count(count.item.index())
                && !(depth > 0 && parent.rank(&all.head()[depth - 1]).is_le())
                && request.admits(count.item)
            {
                best.offer(Ranked { score: score(count.weight, parent.weight), here: true, count: *parent });
            }
            let inner = place.find(at_all.item).filter(|inner| inner.weight > 0.0);
            let offered = inner.is_some_and(|inner| at_here.is_none_or(|at| inner.rank(at).is_le()));
            // Where the order here has ended because all were shown, `inner` was among them. Where it ended
            // with the head, so does this one.
            if !offered && request.admits(at_all.item) {
                let weight = inner.map_or(0.0, |inner| inner.weight);
                best.offer(Ranked {
                    score: score(weight, at_all.weight),
                    here: weight > 0.0,
                    count: *at_all,
                });
            }
            let bound = score(at_here.map_or(0.0, |count| count.weight), at_all.weight);
            if best.is_above(bound) {
                break;
            }
        }
        let reason = |here: bool| match here {
            true => Reason::PopularFor { key: Arc::clone(key), value: Arc::clone(&place.value) },
            false => Reason::Popular,
        };
        let shown = best.ranked.into_iter();
        shown.map(|r| Recommendation::new(r.count.item, r.score, reason(r.here))).collect()
    }
}

impl Place {
    pub(super) fn find(&self, item: ItemId) -> Option<&Count> {
        self.board.count(self.place_of(item)? as usize)
    }

    fn place_of(&self, item: ItemId) -> Option<u32> {
        let same = |&place: &u32| self.board.count(place as usize).is_some_and(|count| count.item == item);
        self.index.find(item.spread(), same).copied()
    }

    /// Takes over a board, unless an item is in it twice.
    fn fill(&mut self, board: Board) -> Option<()> {
        let Place { board: own, index, .. } = self;
        *own = board;
        let item_at =
            |&place: &u32| own.count(place as usize).expect("the index holds places of the board").item;
        for place in 0..own.len() as u32 {
            let item = item_at(&place);
            if index.find(item.spread(), |place| item_at(place) == item).is_some() {
                return None;
            }
            index.insert_unique(item.spread(), place, |place| item_at(place).spread());
        }
        Some(())
    }

    fn add(&mut self, item: ItemId, amount: f64, at: Instant) {
        let Place { board, index, .. } = self;
        let item_at =
            |&place: &u32| board.count(place as usize).expect("the index holds places of the board").item;
        let place = match index.find(item.spread(), |place| item_at(place) == item) {
            Some(&place) => place as usize,
            None => {
                let place = board.len();
                index.insert_unique(item.spread(), place as u32, |place| item_at(place).spread());
                board.push(item);
                place
            }
        };
        board.add(place, amount, at);
    }
}

/// The best few of what was offered, in order.
pub(super) struct Best {
    pub(super) ranked: Vec<Ranked>,
    pub(super) limit: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Ranked {
    pub(super) score: f64,
    pub(super) here: bool,
    pub(super) count: Count,
}

impl Best {
    pub(super) fn offer(&mut self, new: Ranked) {
        let before = |old: &Ranked| {
            let scores = new.score.total_cmp(&old.score);
            let ties = || old.count.newest.cmp(&new.count.newest).reverse();
            scores.then_with(ties).then_with(|| old.count.item.cmp(&new.count.item)).is_lt()
        };
        let place = self.ranked.partition_point(before);
        if place < self.limit {
            self.ranked.truncate(self.limit - 1);
            self.ranked.insert(place, new);
        }
    }

    /// Whether all places are taken by items that are better than `bound`.
    pub(super) fn is_above(&self, bound: f64) -> bool {
        self.ranked.len() == self.limit && self.ranked.last().is_none_or(|last| last.score > bound)
    }
}

impl Recommender for Popularity {
    fn name(&self) -> &str {
        "popularity"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if interaction.weight() <= 0.0 {
            return;
        }
        let (item, at) = (interaction.item(), interaction.at());
        if let Some(factor) = self.decay.advance(at) {
            self.rescale(factor);
        }
        let amount = self.decay.weight(at) * f64::from(interaction.weight());
        if amount <= 0.0 {
            return; // from a past so distant that it counts nothing
        }
        self.add(item, amount, at);
        let value = self.params.context.as_deref().and_then(|key| interaction.context(key));
        if let Some(place) = value.and_then(|value| self.place_mut(value)) {
            place.add(item, amount, at);
        }
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        match self.place_of_request(request) {
            _ if request.limit() == 0 => Vec::new(),
            Some((key, place)) => self.popular_in(key, place, request),
            None => self.popular_everywhere(request),
        }
    }

    /// Nothing is kept per user.
    fn forget(&mut self, _user: u32) {}

    fn bytes(&self) -> usize {
        let places = self.places.iter().map(|place| {
            size_of::<Place>() + place.value.len() + place.board.bytes() + place.index.allocation_size()
        });
        self.everywhere.bytes() + self.values.allocation_size() + places.sum::<usize>()
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = self.read(bytes, items.len())?;
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        let other = self.read(bytes, items.len())?;
        self.take_in(&other, items);
        Ok(())
    }
}

impl Popularity {
    /// Adds what another one counted: `items[n]` is the number here of its item `n`.
    pub(super) fn take_in(&mut self, other: &Popularity, items: &[ItemId]) {
        let (rescaled, factor) = self.decay.take_in(&other.decay);
        if let Some(factor) = rescaled {
            self.rescale(factor);
        }
        // What happened so long ago that nothing is left of it was never there.
        let left = |count: &Count| Some(count.weight * factor).filter(|left| *left > 0.0);
        for count in other.everywhere.counts() {
            if let Some(left) = left(count) {
                self.add(items[count.item.index()], left, count.newest);
            }
        }
        for Place { value, board, .. } in &other.places {
            let Some(place) = self.place_mut(value) else { continue };
            for count in board.counts() {
                if let Some(left) = left(count) {
                    place.add(items[count.item.index()], left, count.newest);
                }
            }
        }
    }

    /// The counts of everywhere.
    pub(super) fn everywhere(&self) -> &Board {
        &self.everywhere
    }

    /// What counts are to be multiplied with at an instant.
    pub(super) fn worth(&self, now: Instant) -> f64 {
        self.decay.worth(now)
    }

    /// The key of the context that is counted by, and the counts of its value in a request, if there are some.
    pub(super) fn place_of_request(&self, request: &Request<'_>) -> Option<(&Arc<str>, &Place)> {
        let key = self.params.context.as_ref()?;
        Some((key, self.place(request.context(key)?)?))
    }
}

#[cfg(test)]
#[path = "popularity_test.rs"]
mod tests;
