use crate::model::{Bytes, Duration, Instant, Malformed, Pieces, Record, SUM_MAX, Shared};
use crate::recommend::crowd::{CROWD_MAX, Size};
use crate::recommend::decay::ForwardDecay;
use crate::recommend::error::restored;
use crate::recommend::recent::{RECENT_MAX, Recent, RecentItems};
use crate::recommend::row::Row;
use crate::recommend::{
    Action, Basis, Error, Interaction, ItemId, Items, Reason, Recommendation, Recommender, Request,
};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::Serialize;
use smallvec::SmallVec;
use std::cmp::Ordering;

/// Added to the total of a row: an item seen with another once is no proof.
const SUPPORT: f64 = 5.0;
/// How far items that go with everything are held back: 0 not at all, 1 as much as they are seen.
const COMMONNESS: f64 = 0.3;

/// Items that are seen together in a session: what comes next, and what is similar.
///
/// When a user touches item `j` at distance `d ≤ 10` after item `i` in a session,
/// `C[i,j] += w decay / d` and `C[j,i] += back w decay / d`, `w` the weight of the interaction with `j`.
/// The likeness is `S[i,j] = C[i,j] / (C[i,·] + 5) / (C[·,j] + 5)^0.3`, all of them worth what they are at `now`.
/// The score of `j` for the items `i_0` (newest), `i_1` … is `Σ g^p S[i_p, j]`; for items that a query calls
/// similar, `g` is 1. The reason is the largest term.
///
/// An item that follows on itself counts like any other, `i = j`: it tells what users come back to, so an item
/// of the session other than the current one can be its own reason. (On the last day of RSC15, HR@20 is .395
/// with such pairs and .382 without, and .626 against .442 where repeats are allowed.)
///
/// Per user it keeps the last 10 items of the last session. An interaction that comes late by more than
/// the session gap is of a session that is no longer kept, and teaches nothing.
///
/// With [`k_min`](CoVisitationParams::k_min), two items go with one another only once so many users have touched both.
/// That is counted in two bytes a neighbour and never too high: on average it takes some 15 users until 10 are certain.
///
/// `learn`: at most 20 row updates, each O([`neighbours`](CoVisitationParams::neighbours)); a typical session
/// of four needs three. No allocation for users and items whose rows are full. `recommend`: O(items · neighbours).
/// Memory: 96 bytes an item and 8 for each neighbour, 10 with `k_min`; 80 bytes a user.
///
/// Answers nothing for a [`Basis`] that names neither user nor items like which others are wanted, for a user whom it
/// does not know, and for an item that nobody saw with others.
///
/// References: item-to-item rules with 1/distance weights are `SR` in Ludewig and Jannach, "Evaluation of
/// session-based recommendation algorithms", UMUAI 2018.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::recommend::{CoVisitation, Interaction, Items, Query, Recommender};
/// let (mut items, now) = (Items::new(), Instant::from_millis(0));
/// let mut together = CoVisitation::default();
/// for sku in ["boot-7", "sock-1", "lace-3"] {
///     together.learn(&Interaction::new(42, items.intern(sku)?, now));
/// }
/// // C[boot,·] = 1 + 1/2, C[·,sock] = 1 + .3, C[·,lace] = 1 + 1/2
/// let answer = together.recommend(&Query::similar_to("boot-7").resolve(&items, None, now)?);
/// assert_eq!(items.name(answer[0].item), Some("sock-1"));
/// assert!((answer[0].score - 1.0 / (1.5 + 5.0) / 6.3_f64.powf(0.3)).abs() < 1e-9);
/// assert!((answer[1].score - 0.5 / (1.5 + 5.0) / 6.5_f64.powf(0.3)).abs() < 1e-9);
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct CoVisitation {
    params: CoVisitationParams,
    decay: ForwardDecay,
    /// By number of the item.
    rows: Rows,
    recent: RecentItems,
}

/// A chunk takes some 25 KB where rows are full.
type Rows = Shared<ItemRow, 16>;

/// What is known of an item `i`.
#[derive(Clone, Debug, Serialize)]
struct ItemRow {
    /// `C[i,j]` for the heaviest `j`.
    neighbours: Row,
    /// `C[i,·]`
    outgoing: f64,
    /// `C[·,i]`
    incoming: f64,
    newest: Instant,
}

/// Parameters of [`CoVisitation`], not yet checked.
///
/// ```
/// use bespoke::model::Duration;
/// use bespoke::recommend::{CoVisitation, Interaction, Items, Query, Recommender};
/// # let (mut items, start) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, sock, now) = (items.intern("boot-7")?, items.intern("sock-1")?, start + Duration::hours(1));
/// let visits = [(boot, start), (sock, now)].map(|(item, at)| Interaction::new(42, item, at)); // an hour apart
/// for (gap, found) in [(Duration::minutes(30), 0), (Duration::hours(2), 1)] {
///     let mut together = CoVisitation::params().session_gap(gap).check()?;
///     visits.iter().for_each(|visit| together.learn(visit));
///     let beside = Query::similar_to("boot-7");
///     assert_eq!(together.recommend(&beside.resolve(&items, None, now)?).len(), found);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoVisitationParams {
    half_life: Duration,
    session_gap: Duration,
    neighbours: usize,
    back: f64,
    position_decay: f64,
    k_min: usize,
    skip_bought: bool,
}

impl CoVisitationParams {
    /// After which time a visit counts half; 30 d by default, from a minute to a hundred years.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> CoVisitationParams {
        self.half_life = half_life;
        self
    }

    /// A pause longer than this ends a session; 30 min by default.
    #[must_use]
    pub fn session_gap(mut self, gap: Duration) -> CoVisitationParams {
        self.session_gap = gap;
        self
    }

    /// At most so many items are kept beside each item, the heaviest; 200 by default.
    #[must_use]
    pub fn neighbours(mut self, neighbours: usize) -> CoVisitationParams {
        self.neighbours = neighbours;
        self
    }

    /// How much the earlier item counts for the later one; 0.3 by default, from 0 to 1.
    #[must_use]
    pub fn back(mut self, back: f64) -> CoVisitationParams {
        self.back = back;
        self
    }

    /// `g`, how much each item of a session counts beside the one after it; 0.7 by default, from 0 to 1.
    #[must_use]
    pub fn position_decay(mut self, g: f64) -> CoVisitationParams {
        self.position_decay = g;
        self
    }

    /// An item is recommended beside another only where at least so many users stand behind the pair; 1 by default,
    /// which is every pair, to 20. A user who was two profiles before they were merged counts as two.
    #[must_use]
    pub fn k_min(mut self, users: usize) -> CoVisitationParams {
        self.k_min = users;
        self
    }

    /// Whether what is bought goes with nothing, and nothing with it; `false` by default. What is looked at together is
    /// alike, what is bought together is not: that is for [`BoughtTogether`](crate::recommend::BoughtTogether).
    #[must_use]
    pub fn skip_bought(mut self, skip: bool) -> CoVisitationParams {
        self.skip_bought = skip;
        self
    }

    /// Makes the recommender.
    ///
    /// # Errors
    /// [`Error::Parameter`] names the first parameter that is out of range.
    pub fn check(self) -> Result<CoVisitation, Error> {
        let decay = ForwardDecay::new(self.half_life)?;
        let refuse = |name, found, wanted| Err(Error::Parameter { name, found, wanted });
        if self.session_gap <= Duration::ZERO {
            return refuse("session_gap", self.session_gap.to_string(), "more than 0");
        }
        if !(1..=10_000).contains(&self.neighbours) {
            return refuse("neighbours", self.neighbours.to_string(), "from 1 to 10000");
        }
        if !(1..=CROWD_MAX).contains(&self.k_min) {
            return refuse("k_min", self.k_min.to_string(), "from 1 to 20");
        }
        for (name, share) in [("back", self.back), ("position_decay", self.position_decay)] {
            if !(0.0..=1.0).contains(&share) {
                return refuse(name, share.to_string(), "from 0 to 1");
            }
        }
        Ok(CoVisitation { params: self, decay, rows: Rows::default(), recent: RecentItems::default() })
    }
}

impl Default for CoVisitation {
    fn default() -> CoVisitation {
        CoVisitation::params().check().expect("the defaults are in range")
    }
}

/// An item that stands beside one of the query, and the largest of its terms.
struct Candidate {
    item: ItemId,
    sum: f64,
    largest: f64,
    /// Which base gave it.
    base: usize,
}

/// An item that the query rests on.
struct Base {
    item: ItemId,
    weight: f64,
    reason: Reason,
}

impl CoVisitation {
    /// The default parameters.
    #[must_use]
    pub fn params() -> CoVisitationParams {
        CoVisitationParams {
            half_life: Duration::days(30),
            session_gap: Duration::minutes(30),
            neighbours: 200,
            back: 0.3,
            position_decay: 0.7,
            k_min: 1,
            skip_bought: false,
        }
    }

    /// How many users have to stand behind a pair.
    fn crowd(&self) -> Size {
        Size::new(self.params.k_min)
    }

    /// Counts an interaction of a user, and gives how many there were on its day (UTC), this one among them.
    pub(crate) fn count_of_day(&mut self, user: u32, at: Instant) -> u32 {
        self.recent.get_mut(user).count_of_day(at)
    }

    /// What a user did in the last session, newest first.
    pub(crate) fn recent_items(&self, user: u32) -> impl Iterator<Item = (ItemId, Action)> + '_ {
        self.recent.get(user).into_iter().flat_map(|recent| recent.iter())
    }

    /// What is to be written of what was learned about items. The parameters are not in it, and sessions are with their
    /// users.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| {
            self.decay.write(out);
            self.rows.len().write(out);
        });
        let write = |ItemRow { neighbours, outgoing, incoming, newest }: &ItemRow, out: &mut Vec<u8>| {
            neighbours.write(out);
            (*outgoing, *incoming, *newest).write(out);
        };
        self.rows.write_later(0, write, pieces);
    }

    /// Takes over what one with the same parameters had learned about items, of which there are so many. Sessions come
    /// after.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about items which there are not. Nothing is taken over then.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        let mut decay = self.decay;
        decay.read(from)?;
        let len = from.len("rows of items")?;
        if len > items {
            return Err(from.malformed("rows of items"));
        }
        let mut rows = Rows::default();
        for _ in 0..len {
            let neighbours = Row::read(from, self.params.neighbours, len, self.crowd())?;
            let (outgoing, incoming) = (from.weight("a sum of weights")?, from.weight("a sum of weights")?);
            rows.push(ItemRow { neighbours, outgoing, incoming, newest: from.read()? });
        }
        (self.decay, self.rows, self.recent) = (decay, rows, RecentItems::default());
        Ok(())
    }

    /// One with the same parameters that had learned what a checkpoint says of so many items, and of users.
    fn read(&self, bytes: &[u8], items: usize) -> Result<CoVisitation, Error> {
        let mut read = self.params.clone().check().expect("they were checked");
        restored(self.name(), bytes, |from| {
            read.read_state(from, items)?;
            read.recent = from.read()?;
            let of = read.recent.users().flat_map(|(_, recent)| recent.iter());
            let is_known = of.map(|(item, _)| item.index()).all(|item| item < read.rows.len());
            if is_known { Ok(()) } else { Err(from.malformed("sessions of users")) }
        })?;
        Ok(read)
    }

    /// Takes out the last session of a user.
    pub(crate) fn take_user(&mut self, user: u32) -> Option<Box<Recent>> {
        self.recent.take(user)
    }

    /// Puts in what was taken out or read, in place of what is there.
    pub(crate) fn put_user(&mut self, user: u32, recent: Option<Box<Recent>>) {
        self.recent.put(user, recent);
    }

    /// The same of a user who comes from another partition: about items that may be new.
    pub(crate) fn take_in_user(&mut self, user: u32, recent: Recent) {
        recent.iter().for_each(|(item, _)| self.make_room(item));
        self.recent.put(user, Some(Box::new(recent)));
    }

    /// Writes what [`take_user`](CoVisitation::take_user) takes out.
    pub(crate) fn write_user(&self, user: u32, out: &mut Vec<u8>) {
        let recent = self.recent.get(user);
        recent.is_some().write(out);
        if let Some(recent) = recent {
            recent.write(out);
        }
    }

    /// Reads what was written of a user; where that was by one that `is_gone` it may be about any items, and is of no
    /// use.
    ///
    /// # Errors
    /// Bytes that were not written so, or that are about items of which nothing was learned.
    pub(crate) fn read_user(
        &self,
        from: &mut Bytes<'_>,
        is_gone: bool,
    ) -> Result<Option<Box<Recent>>, Malformed> {
        let items = if is_gone { usize::MAX } else { self.rows.len() };
        let recent = if bool::read(from)? { Some(Box::new(Recent::read(from, items)?)) } else { None };
        Ok(recent.filter(|_| !is_gone))
    }

    /// About how many bytes leave memory with a user.
    pub(crate) fn heap_bytes(&self, user: u32) -> usize {
        self.recent.get(user).map_or(0, |_| size_of::<Recent>())
    }

    /// `C[from,to] += amount`
    fn add(&mut self, from: ItemId, to: ItemId, amount: f64, user: u32) {
        let kept = amount as f32;
        if kept > 0.0 {
            let behind = (user, self.crowd());
            let row = &mut self.rows[from.index()];
            row.neighbours.add(to, kept, self.params.neighbours, behind);
            row.outgoing += amount;
            self.rows[to.index()].incoming += amount;
        }
    }

    /// `C[from,to] -= amount`. Of a pair that is no longer kept, others have the weight.
    fn subtract(&mut self, from: ItemId, to: ItemId, amount: f64, user: u32) {
        let kept = amount as f32;
        if kept > 0.0 {
            let behind = (user, self.crowd());
            // Of an item that nothing was learned of nothing can be taken back.
            if let Some(row) = self.rows.get_mut(from.index()) {
                row.neighbours.subtract(to, kept, behind);
                row.outgoing = (row.outgoing - amount).max(0.0);
            }
            if let Some(row) = self.rows.get_mut(to.index()) {
                row.incoming = (row.incoming - amount).max(0.0);
            }
        }
    }

    /// Takes back what a user's interactions taught: those at `known_from` or later, all of them, in the order in which
    /// they were learned; earlier ones may be missing. Those of a session that may have begun with a missing one teach
    /// nothing back. Gives how many were taken back.
    ///
    /// Exact but for the rounding of sums, as long as no row has been full: of a pair that had to go another one has
    /// taken over the weight.
    pub(crate) fn unlearn(&mut self, interactions: &[Interaction<'_>], known_from: Instant) -> u64 {
        let gap = self.params.session_gap;
        let is_all = known_from == Instant::MIN;
        // What the user was seen to do last; nothing while that may have been an interaction that is missing.
        let (mut session, mut newest) = (is_all.then_some(Recent::EMPTY), known_from);
        let mut taken = 0;
        for interaction in interactions.iter().filter(|interaction| interaction.weight() > 0.0) {
            let (item, at, user) = (interaction.item(), interaction.at(), interaction.user());
            if session.is_none() && at - newest > gap {
                session = Some(Recent::EMPTY);
            }
            newest = newest.max(at);
            let Some(recent) = &mut session else { continue };
            if !recent.open(at, gap) {
                continue;
            }
            let earlier = *recent;
            recent.push(item, interaction.action(), at);
            taken += 1;
            for (before, step) in self.pairs(&earlier, interaction) {
                self.subtract(before, item, step, user);
                self.subtract(item, before, self.params.back * step, user);
            }
        }
        taken
    }

    /// Learns what was [taken back](CoVisitation::unlearn) elsewhere, from the same interactions. What the user did last
    /// is not in it.
    pub(crate) fn relearn(&mut self, interactions: &[Interaction<'_>], known_from: Instant) {
        let gap = self.params.session_gap;
        let is_all = known_from == Instant::MIN;
        let (mut session, mut newest) = (is_all.then_some(Recent::EMPTY), known_from);
        for interaction in interactions.iter().filter(|interaction| interaction.weight() > 0.0) {
            let (item, at) = (interaction.item(), interaction.at());
            self.note(item, at);
            if session.is_none() && at - newest > gap {
                session = Some(Recent::EMPTY);
            }
            newest = newest.max(at);
            let Some(recent) = &mut session else { continue };
            if !recent.open(at, gap) {
                continue;
            }
            let earlier = *recent;
            recent.push(item, interaction.action(), at);
            self.teach(&earlier, interaction);
        }
    }

    /// Notes that something happened to an item.
    fn note(&mut self, item: ItemId, at: Instant) {
        if let Some(factor) = self.decay.advance(at) {
            self.rescale(factor);
        }
        self.make_room(item);
        let newest = &mut self.rows[item.index()].newest;
        *newest = at.max(*newest);
    }

    fn make_room(&mut self, item: ItemId) {
        let unseen =
            ItemRow { neighbours: Row::default(), outgoing: 0.0, incoming: 0.0, newest: Instant::MIN };
        self.rows.fill_up(item.index() + 1, &unseen);
    }

    /// Counts an interaction beside those before it in its session.
    fn teach(&mut self, earlier: &Recent, interaction: &Interaction<'_>) {
        for (before, step) in self.pairs(earlier, interaction) {
            self.add(before, interaction.item(), step, interaction.user());
            self.add(interaction.item(), before, self.params.back * step, interaction.user());
        }
    }

    /// The items before an interaction that go with it, and how much.
    fn pairs(
        &self,
        earlier: &Recent,
        interaction: &Interaction<'_>,
    ) -> SmallVec<[(ItemId, f64); RECENT_MAX]> {
        let amount = self.decay.weight(interaction.at()) * f64::from(interaction.weight());
        let counts = |action| !(self.params.skip_bought && action == Action::Bought);
        let pairs = earlier.iter().zip(1..).filter(|((_, action), _)| counts(*action));
        let pairs = pairs.map(|((before, _), distance)| (before, amount / f64::from(distance)));
        if counts(interaction.action()) { pairs.collect() } else { SmallVec::new() }
    }

    fn rescale(&mut self, factor: f64) {
        for row in self.rows.iter_mut() {
            row.neighbours.rescale(factor as f32);
            row.outgoing *= factor;
            row.incoming *= factor;
        }
    }

    /// `Σ weight_p S[i_p, ·]` over the `bases`.
    fn rank(
        &self,
        bases: &[Base],
        request: &Request<'_>,
        admits: impl Fn(ItemId) -> bool,
    ) -> Vec<Recommendation> {
        let worth = self.decay.worth(request.now());
        let rows = bases.iter().filter_map(|base| self.rows.get(base.item.index()));
        let candidates_max = rows.map(|row| row.neighbours.len()).sum();
        let mut candidates: Vec<Candidate> = Vec::with_capacity(candidates_max);
        let mut places: HashTable<u32> = HashTable::with_capacity(candidates_max);
        let crowd = self.crowd();
        for (base, Base { item, weight, .. }) in bases.iter().enumerate() {
            let Some(row) = self.rows.get(item.index()) else { continue };
            // The part of the term that depends on `j` alone waits until the sum is complete.
            let factor = weight * worth / (row.outgoing * worth + SUPPORT);
            for (item, count) in row.neighbours.iter_enough(crowd) {
                let term = factor * f64::from(count);
                let known = places.entry(
                    item.spread(),
                    |&place| candidates[place as usize].item == item,
                    |&place| candidates[place as usize].item.spread(),
                );
                match known {
                    Entry::Occupied(place) => {
                        let candidate = &mut candidates[*place.get() as usize];
                        candidate.sum += term;
                        // Of equal terms the first counts: that of the newest item.
                        if term > candidate.largest {
                            (candidate.largest, candidate.base) = (term, base);
                        }
                    }
                    Entry::Vacant(free) => {
                        free.insert(candidates.len() as u32);
                        candidates.push(Candidate { item, sum: term, largest: term, base });
                    }
                }
            }
        }
        let mut ranked: Vec<(f64, Candidate)> = Vec::with_capacity(candidates.len());
        for candidate in candidates.into_iter().filter(|candidate| admits(candidate.item)) {
            let incoming = self.rows[candidate.item.index()].incoming * worth + SUPPORT;
            let score = candidate.sum / libm::exp2(COMMONNESS * libm::log2(incoming));
            if score > 0.0 {
                ranked.push((score, candidate));
            }
        }
        if ranked.len() > request.limit() {
            ranked.select_nth_unstable_by(request.limit(), |a, b| self.order(a, b));
            ranked.truncate(request.limit());
        }
        ranked.sort_unstable_by(|a, b| self.order(a, b));
        let answer = ranked.into_iter();
        answer.map(|(score, c)| Recommendation::new(c.item, score, bases[c.base].reason.clone())).collect()
    }

    /// Score, then newest interaction, then id.
    fn order(&self, (score_a, a): &(f64, Candidate), (score_b, b): &(f64, Candidate)) -> Ordering {
        let newest = |candidate: &Candidate| self.rows[candidate.item.index()].newest;
        let scores = score_b.total_cmp(score_a);
        scores.then_with(|| newest(b).cmp(&newest(a))).then_with(|| a.item.cmp(&b.item))
    }
}

impl Recommender for CoVisitation {
    fn name(&self) -> &str {
        "co-visitation"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        if interaction.weight() <= 0.0 {
            return;
        }
        let (item, at) = (interaction.item(), interaction.at());
        self.note(item, at);
        let recent = self.recent.get_mut(interaction.user());
        if !recent.open(at, self.params.session_gap) {
            return;
        }
        let earlier = *recent;
        recent.push(item, interaction.action(), at);
        self.teach(&earlier, interaction);
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        if request.limit() == 0 {
            return Vec::new();
        }
        let fading = || std::iter::successors(Some(1.0), |weight| Some(weight * self.params.position_decay));
        let mut current = None;
        let bases: SmallVec<[Base; RECENT_MAX]> = match request.basis() {
            Basis::User(user) => {
                let Some(recent) = self.recent.get(user) else { return Vec::new() };
                if !request.allow_repeat() {
                    current = recent.iter().next().map(|(item, _)| item);
                }
                let bases = recent.iter().zip(fading()).map(|((item, action), weight)| {
                    let reason = Reason::Because { action, item };
                    Base { item, weight, reason }
                });
                bases.collect()
            }
            Basis::Session(items) => {
                let bases = items.iter().rev().take(RECENT_MAX).zip(fading()).map(|(&item, weight)| {
                    let reason = Reason::Because { action: Action::Viewed, item };
                    Base { item, weight, reason }
                });
                bases.collect()
            }
            Basis::Similar(items) => {
                let reason = |item| Reason::Similar { item };
                items.iter().map(|&item| Base { item, weight: 1.0, reason: reason(item) }).collect()
            }
            Basis::Complementary(_) | Basis::Again(_) | Basis::Popular | Basis::Trending => {
                return Vec::new();
            }
        };
        self.rank(&bases, request, |item| Some(item) != current && request.admits(item))
    }

    fn forget(&mut self, user: u32) {
        self.recent.take(user);
    }

    fn bytes(&self) -> usize {
        let neighbours: usize = self.rows.iter().map(|row| row.neighbours.bytes()).sum();
        self.rows.bytes() + neighbours + self.recent.bytes()
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
        self.recent.write(out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        *self = self.read(bytes, items.len())?;
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        let other = self.read(bytes, items.len())?;
        let (rescaled, factor) = self.decay.take_in(&other.decay);
        if let Some(factor) = rescaled {
            self.rescale(factor);
        }
        let (len_max, crowd) = (self.params.neighbours, self.crowd());
        for (row, &item) in other.rows.iter().zip(items) {
            if row.newest == Instant::MIN {
                continue;
            }
            self.make_room(item);
            let own = &mut self.rows[item.index()];
            own.outgoing = (own.outgoing + row.outgoing * factor).min(SUM_MAX);
            own.incoming = (own.incoming + row.incoming * factor).min(SUM_MAX);
            own.newest = own.newest.max(row.newest);
            for (neighbour, weight, behind) in row.neighbours.entries() {
                let weight = (f64::from(weight) * factor) as f32;
                if weight > 0.0 {
                    let neighbour = items[neighbour.index()];
                    self.make_room(neighbour);
                    self.rows[item.index()].neighbours.merge(neighbour, weight, behind, len_max, crowd);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "covisitation_test.rs"]
mod tests;
