use crate::model::{Instant, Value};
use crate::profile::{Applied, Packed, ProfileStore, Symbols, UserKey};
use crate::segment::candidates::Touch;
use crate::segment::change::{Cause, Change, Transition, shared_name};
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::Parts;
use crate::segment::parts::PartEnd;
use crate::segment::plan::{Plan, SegmentId};
use crate::segment::rows::{Edits, Rows, Tag};
use crate::segment::scratch::Scratch;
use crate::segment::value::{NEVER, Val};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// The memberships of one user, and when each can next change by time alone.
///
/// Only what differs from a user of whom nothing is known takes memory: of a segment that such a user is in, that
/// this one is not; of all others, that this one is.
///
/// Invariants: 1. a segment that is not listed is as it is for a user of whom nothing is known, entered as the
/// profile began. 2. parts are sorted by segment and key. 3. keys hold shares in `Symbols`. 4. time
/// alone changes nothing before `least`.
#[derive(Debug, Clone)]
pub(crate) struct Memberships {
    pub(super) rows: Rows,
    /// The earliest instant of what is due.
    pub(super) least: i64,
    /// Behind a pointer, because most users have none.
    #[allow(clippy::box_collection)]
    pub(super) keyed: Option<Box<Vec<Part>>>,
}

/// Up to so many parts, each looks for its events among all of a long history.
const PARTS_FEW: usize = 8;

/// Stands for no stay.
pub(super) const OUT: i64 = i64::MIN;

#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) segment: SegmentId,
    pub(super) key: Packed,
    /// Since when it is a member; [`OUT`] where it is none.
    pub(super) since: i64,
    pub(super) until: i64,
    /// Its latest event: the part that has been idle longest goes when there are too many.
    pub(super) latest: i64,
}

/// What a look at a user works with.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a mut ProfileStore,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) user: UserKey,
    pub(crate) now: Instant,
    /// Counts parts that went because there were too many.
    pub(crate) dropped: &'a mut u64,
    pub(crate) changes: &'a mut Vec<Change>,
    /// What the changes were told as to the segments that ask for them. Its shares have to be given back.
    pub(crate) recorded: &'a mut Vec<Applied>,
}

impl Default for Memberships {
    fn default() -> Memberships {
        Memberships { rows: Rows::default(), least: NEVER, keyed: None }
    }
}

impl Memberships {
    /// Those of a user of whom nothing is known.
    pub(crate) fn begin(plan: &Plan, now: Instant) -> Memberships {
        let mut memberships = Memberships::default();
        if !plan.defaults.is_empty() {
            memberships.rows.edit(&[(Tag::BEGAN, Some(now.as_millis()))]);
        }
        memberships
    }

    /// Those of a user who begins and is not looked at: in nothing, whatever holds of somebody of whom nothing is known.
    pub(crate) fn begin_outside(plan: &Plan, now: Instant) -> Memberships {
        let mut memberships = Memberships::begin(plan, now);
        let mut outside: Vec<_> =
            plan.defaults.iter().map(|segment| (Tag::stay(*segment), Some(OUT))).collect();
        outside.sort_unstable_by_key(|(tag, _)| *tag);
        memberships.rows.edit(&outside);
        memberships
    }

    pub(super) fn parts(&self) -> &[Part] {
        self.keyed.as_deref().map_or(&[], Vec::as_slice)
    }

    fn parts_mut(&mut self) -> &mut Vec<Part> {
        self.keyed.get_or_insert_default()
    }

    /// The earliest instant at which time alone can change something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.least != NEVER).then(|| Instant::from_millis(self.least))
    }

    /// The same, looked for. O(blocks of rows + parts).
    pub(super) fn find_least(&self) -> i64 {
        let parts = self.parts().iter().map(|part| part.until);
        parts.fold(self.rows.least_due(), i64::min)
    }

    /// The segments that can change by time alone at `now` or before.
    pub(crate) fn due(&self, now: i64) -> impl Iterator<Item = SegmentId> {
        self.rows
            .due(now)
            .chain(self.parts().iter().filter(move |part| part.until <= now).map(|part| part.segment))
    }

    /// The segments that are not keyed and that the user is in, each with the beginning of the stay.
    pub(super) fn whole<'s>(&'s self, plan: &'s Plan) -> impl Iterator<Item = (SegmentId, i64)> + 's {
        let unlisted = plan.defaults.iter().filter(|segment| self.rows.get(Tag::stay(**segment)).is_none());
        let began = self.rows.began();
        let unlisted = unlisted.filter_map(move |segment| Some((*segment, began?)));
        unlisted.chain(self.rows.stays().filter(|(_, since)| *since != OUT))
    }

    /// The stays in the parts of a segment, each with its key.
    pub(crate) fn stays_by_key(&self, segment: SegmentId) -> impl Iterator<Item = (Packed, Instant)> {
        let parts = self.parts().iter().filter(move |part| part.segment == segment && part.since != OUT);
        parts.map(|part| (part.key, Instant::from_millis(part.since)))
    }

    /// The segments that a user of whom nothing is known is in, and this one is not.
    pub(crate) fn outside(&self) -> impl Iterator<Item = SegmentId> {
        self.rows.stays().filter(|(_, since)| *since == OUT).map(|(segment, _)| segment)
    }

    /// Every segment that the user is in or of which anything is known; some more than once.
    pub(crate) fn listed(&self, plan: &Plan) -> impl Iterator<Item = SegmentId> {
        let rows = self.rows.stays().chain(self.rows.dues()).map(|(segment, _)| segment);
        rows.chain(plan.defaults.iter().copied()).chain(self.parts().iter().map(|part| part.segment))
    }

    /// The segments that the user is in, in order of definition, each with the beginning of the stay: for a keyed
    /// one, of the longest.
    pub(crate) fn stays(&self, plan: &Plan) -> Vec<(SegmentId, Instant)> {
        let parts =
            self.parts().iter().filter(|part| part.since != OUT).map(|part| (part.segment, part.since));
        let mut stays: Vec<_> = self.whole(plan).chain(parts).collect();
        stays.sort_unstable();
        stays.dedup_by_key(|(id, _)| *id);
        stays.into_iter().map(|(id, since)| (id, Instant::from_millis(since))).collect()
    }

    /// Whether the user is in a segment; in one that is keyed, in any part of it.
    pub(crate) fn contains(&self, plan: &Plan, segment: SegmentId) -> bool {
        self.since(plan, segment).is_some()
    }

    /// The beginning of the stay in a segment; in one that is keyed, of the longest.
    pub(crate) fn since(&self, plan: &Plan, segment: SegmentId) -> Option<Instant> {
        let whole = match self.rows.get(Tag::stay(segment)) {
            Some(since) => Some(since).filter(|since| *since != OUT),
            None if plan.is_default(segment) => self.rows.began(),
            None => None,
        };
        let parts = self.parts().iter().filter(|part| part.segment == segment && part.since != OUT);
        whole.or_else(|| parts.map(|part| part.since).min()).map(Instant::from_millis)
    }

    /// The segments that may have changed, or may be due earlier than they were; in order.
    pub(crate) fn candidates(&self, look: &mut Look<'_>, touch: Touch<'_>) -> Vec<SegmentId> {
        look.find_candidates(self, touch);
        look.scratch.take_candidates()
    }

    /// Looks at those of some segments, and of those that ask for what these do, that are below a stratum, and reports
    /// what changed in order of segment and key. The others stay in the list.
    ///
    /// Segments that ask what others do are looked at behind those, each once: what is found is what all of them say
    /// together, whatever they were before.
    pub(crate) fn refresh_below(
        &mut self,
        look: &mut Look<'_>,
        touch: Touch<'_>,
        candidates: &mut Vec<SegmentId>,
        below: u32,
    ) {
        if candidates.is_empty() {
            // Nothing is due after all: whoever is told that something is would look for ever.
            if self.least <= look.now.as_millis() {
                self.least = self.find_least();
            }
            return;
        }
        let mut least = Least { before: self.least, is_gone: false, new: NEVER };
        let from = look.changes.len();
        let strata = &look.plan.echoes.strata;
        if strata.is_flat() {
            self.refresh_all(look, candidates, touch, &mut least);
            candidates.clear();
            if look.echo(self, from) {
                look.note_recorded();
            }
        }
        let lowest = |candidates: &[SegmentId]| candidates.iter().map(|segment| strata.of(*segment)).min();
        while let Some(stratum) = lowest(candidates).filter(|stratum| *stratum < below) {
            let told = look.changes.len();
            let own: Vec<SegmentId> =
                candidates.extract_if(.., |segment| strata.of(*segment) == stratum).collect();
            self.refresh_all(look, &own, touch, &mut least);
            if look.echo(self, told) {
                self.hear(look, candidates, stratum + 1);
            }
        }
        if !strata.is_flat() {
            look.changes[from..].sort_by_key(|change| change.id);
        }
        self.least = if least.is_gone { self.find_least() } else { least.before.min(least.new) };
    }

    /// Adds the segments from a stratum on that ask for what was recorded last.
    pub(crate) fn hear(&self, look: &mut Look<'_>, candidates: &mut Vec<SegmentId>, least: u32) {
        let Some(recorded) = look.recorded.pop() else { return };
        let mut found = self.candidates(look, Touch::Message(&recorded));
        look.recorded.push(recorded);
        found.retain(|segment| look.plan.echoes.strata.of(*segment) >= least);
        candidates.append(&mut found);
        candidates.sort_unstable();
        candidates.dedup();
        look.scratch.give_back(found);
    }

    fn refresh_all(
        &mut self,
        look: &mut Look<'_>,
        candidates: &[SegmentId],
        touch: Touch<'_>,
        least: &mut Least,
    ) {
        let mut edits = look.scratch.take_edits();
        let is_keyed = |segment: &SegmentId| look.plan.segments[segment.0 as usize].parts.is_some();
        for run in candidates.chunk_by(|a, b| !is_keyed(a) && !is_keyed(b)) {
            match (&look.plan.segments[run[0].0 as usize].parts, run) {
                (Some(parts), [segment]) => self.refresh_parts(look, *segment, parts, touch, least),
                _ => self.refresh_run(look, run, touch.is_first(), least, &mut edits),
            }
        }
        self.rows.edit(&edits.edits);
        look.scratch.give_back_edits(edits);
    }

    /// Looks at segments that are not keyed, in order.
    fn refresh_run(
        &self,
        look: &mut Look<'_>,
        segments: &[SegmentId],
        is_first: bool,
        least: &mut Least,
        edits: &mut Edits,
    ) {
        let Look { plan, store, user, now, changes, .. } = look;
        let evaluation = Evaluation::new(plan, store, *user, *now).with(look.scratch);
        let now = now.as_millis();
        for segment in segments.iter().copied() {
            let truth = evaluation.segment_truth(segment);
            let unlisted = if plan.is_default(segment) { self.rows.began() } else { None };
            let [listed, due] = self.rows.of_segment(&mut edits.cursor, segment);
            let until = (truth.until != NEVER).then_some(truth.until);
            // Before its first message a user was nobody, and in nothing.
            let before = if is_first { None } else { listed.or(unlisted).filter(|since| *since != OUT) };
            let after = truth.holds.then(|| before.unwrap_or(now));
            if let Some(transition) = Transition::of(before.is_some(), after.is_some()) {
                changes.push(Change {
                    cause: Cause::Ordinary,
                    id: segment,
                    at: evaluation.instant(),
                    user: shared_name(changes, &evaluation.profile.name),
                    segment: plan.name(segment).into(),
                    key: None,
                    transition,
                });
            }
            let stay = (after != unlisted).then(|| after.unwrap_or(OUT));
            if listed != stay {
                edits.edits.push((Tag::stay(segment), stay));
            }
            if due != until {
                least.change(due.unwrap_or(NEVER), truth.until);
                edits.edits.push((Tag::due(segment), until));
            }
        }
    }

    fn refresh_parts(
        &mut self,
        look: &mut Look<'_>,
        segment: SegmentId,
        parts: &Parts,
        touch: Touch<'_>,
        least: &mut Least,
    ) {
        let root = look.plan.segments[segment.0 as usize].root;
        let keys = self.touched_keys(look, segment, parts, touch);
        let mut outcomes: SmallVec<[(Packed, Truth, i64); 4]> = SmallVec::new();
        {
            let evaluation = look.evaluation();
            let parted = match keys.len() {
                0..=PARTS_FEW => evaluation.known_part_rows(parts.by),
                _ => Some(evaluation.part_rows(parts.by)),
            };
            for key in keys {
                let own = parted.as_ref().and_then(|parted| parted.few_places_of(key, evaluation.symbols));
                let PartEnd { end, latest, .. } = evaluation.part_end(parts, key, own.as_deref());
                let truth = evaluation.part_truth(parts, root, key, own.as_deref());
                // A part that is over keeps nothing, not even a deadline.
                let until = if end <= look.now.as_millis() { OUT } else { truth.until };
                outcomes.push((key, Truth::new(truth.holds, until), latest));
            }
        }
        let gone = self.idle_parts(look, segment, &outcomes);
        let symbols = &look.store.symbols;
        let is_among = |key: Packed| gone.binary_search_by(|own| key_order(*own, key, symbols)).is_ok();
        let looked_at = outcomes.len();
        for key in gone.iter().copied() {
            if outcomes[..looked_at].binary_search_by(|(own, ..)| key_order(*own, key, symbols)).is_err() {
                outcomes.push((key, Truth::new(false, OUT), OUT));
            }
        }
        outcomes.sort_by(|a, b| key_order(a.0, b.0, symbols));
        let is_idle: SmallVec<[bool; 4]> = outcomes.iter().map(|(key, ..)| is_among(*key)).collect();
        for ((key, truth, latest), is_idle) in outcomes.into_iter().zip(is_idle) {
            let is_over = truth.until == OUT || is_idle;
            let found = self.place(segment, key, &look.store.symbols);
            let before = found.ok().map(|place| self.parts()[place].since).filter(|since| *since != OUT);
            let after = (truth.holds && !is_idle).then(|| before.unwrap_or(look.now.as_millis()));
            look.report(segment, Some(key), before, after);
            let since = after.unwrap_or(OUT);
            let due = found.map_or(NEVER, |place| self.parts()[place].until);
            least.change(due, if is_over { NEVER } else { truth.until });
            match found {
                Ok(place) if is_over => {
                    let part = self.parts_mut().remove(place);
                    look.store.symbols.release(part.key);
                    *look.dropped += u64::from(is_idle);
                }
                Ok(place) => {
                    let part = &mut self.parts_mut()[place];
                    (part.since, part.until, part.latest) = (since, truth.until, latest);
                }
                Err(_) if is_over => {}
                Err(place) => {
                    let key = look.store.symbols.share(key);
                    let part = Part { segment, key, since, until: truth.until, latest };
                    self.parts_mut().insert(place, part);
                }
            }
        }
    }

    /// The parts that are too many of those that were looked at and the others, the ones idle longest; in order of their keys.
    /// What comes and goes at once is never there, so nothing is told of it.
    fn idle_parts(
        &self,
        look: &Look<'_>,
        segment: SegmentId,
        outcomes: &[(Packed, Truth, i64)],
    ) -> SmallVec<[Packed; 4]> {
        let (symbols, most) = (&look.store.symbols, look.plan.parts_max);
        let listed = self.parts().iter().filter(|part| part.segment == segment);
        if listed.clone().count() + outcomes.len() <= most {
            return SmallVec::new();
        }
        let is_looked_at =
            |key: Packed| outcomes.binary_search_by(|(own, ..)| key_order(*own, key, symbols)).is_ok();
        let others = listed.filter(|part| !is_looked_at(part.key)).map(|part| (part.latest, part.key));
        let live = outcomes.iter().filter(|(_, truth, _)| truth.until != OUT);
        let mut there: Vec<_> = live.map(|(key, _, latest)| (*latest, *key)).chain(others).collect();
        let too_many = there.len().saturating_sub(most);
        if too_many > 0 {
            there.select_nth_unstable_by(too_many - 1, |a, b| idle_order(*a, *b, symbols));
        }
        let mut gone: SmallVec<[Packed; 4]> = there[..too_many].iter().map(|(_, key)| *key).collect();
        gone.sort_by(|a, b| key_order(*a, *b, symbols));
        gone
    }

    /// The keys of the parts to look at, in order.
    fn touched_keys(
        &self,
        look: &Look<'_>,
        segment: SegmentId,
        parts: &Parts,
        touch: Touch<'_>,
    ) -> SmallVec<[Packed; 8]> {
        let Look { plan, store, .. } = look;
        let symbols = &store.symbols;
        let mut keys: SmallVec<[Packed; 8]> = SmallVec::new();
        let mut all = match touch {
            Touch::Everything(_) | Touch::Anew(_) => true,
            Touch::Redefined(moves) => moves.is_changed(segment),
            _ => false,
        };
        let by_touch = match touch {
            Touch::Message(applied) | Touch::First(applied) => Some(applied),
            _ => None,
        };
        for applied in by_touch.into_iter().chain(look.recorded.iter()) {
            for (kind, start) in &applied.events {
                if parts.reads.iter().any(|(kinds, _)| kinds.contains(*kind, &plan.keep)) {
                    let place = plan.keep.place(*kind, parts.by);
                    keys.extend(
                        place.map(|place| applied.values[start + place]).filter(|key| key.is_key(symbols)),
                    );
                }
            }
            all |= !applied.attributes.is_empty();
        }
        all |= plan.segments[segment.0 as usize].parts_linked;
        let of_segment = self.parts().iter().filter(|part| part.segment == segment);
        // Where there are as many as may be, one that ends has room for one that had to go.
        let mut due = of_segment.clone().filter(|part| part.until <= look.now.as_millis());
        all |= due.next().is_some() && of_segment.clone().count() >= plan.parts_max;
        if all {
            // Another zone or session can bring parts back that were over, so history is asked, not the list.
            keys.extend(look.evaluation().live_keys(parts));
        }
        keys.extend(of_segment.filter(|part| all || part.until <= look.now.as_millis()).map(|part| part.key));
        keys.sort_by(|a, b| key_order(*a, *b, symbols));
        keys.dedup_by(|a, b| symbols.same(*a, *b));
        keys
    }

    fn place(&self, segment: SegmentId, key: Packed, symbols: &Symbols) -> Result<usize, usize> {
        self.parts().binary_search_by(|part| {
            part.segment.cmp(&segment).then_with(|| key_order(part.key, key, symbols))
        })
    }

    /// Ends all memberships of a user who is no more, and reports it.
    pub(crate) fn end(
        self,
        plan: &Plan,
        name: &str,
        symbols: &mut Symbols,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        let whole = self.whole(plan).map(|(segment, _)| (segment, None));
        let parts =
            self.parts().iter().filter(|part| part.since != OUT).map(|part| (part.segment, Some(part.key)));
        let mut ended: Vec<_> = whole.chain(parts).collect();
        ended.sort_by_key(|(segment, _)| *segment);
        for (segment, key) in ended {
            changes.push(Change {
                cause: Cause::Ordinary,
                id: segment,
                at: now,
                user: shared_name(changes, name),
                segment: plan.name(segment).into(),
                key: key.map(|key| symbols.value(key)),
                transition: Transition::Left,
            });
        }
        self.release(symbols);
    }

    /// Everything, for a digest of the state: segment, key, beginning of the stay, next look.
    pub(crate) fn rows<'a>(
        &'a self,
        plan: &'a Plan,
        symbols: &'a Symbols,
    ) -> impl Iterator<Item = (SegmentId, Value, Option<Instant>, i64)> + 'a {
        let instant = |since: i64| (since != OUT).then(|| Instant::from_millis(since));
        let whole =
            self.whole(plan).map(move |(segment, since)| (segment, Value::Null, instant(since), NEVER));
        let due = self.rows.dues().map(|(segment, until)| (segment, Value::Null, None, until));
        let parts = self
            .parts()
            .iter()
            .map(move |part| (part.segment, symbols.value(part.key), instant(part.since), part.until));
        whole.chain(due).chain(parts)
    }
}

/// How the least of many instants moves while some of them change.
#[derive(Debug)]
struct Least {
    before: i64,
    /// Whether one that was the least, or became it in this look, is another one now.
    is_gone: bool,
    /// The least of the new ones.
    new: i64,
}

impl Least {
    fn change(&mut self, from: i64, to: i64) {
        self.is_gone |= (from == self.before || from == self.new) && from != to && from != NEVER;
        self.new = self.new.min(to);
    }
}

impl Look<'_> {
    pub(crate) fn evaluation(&self) -> Evaluation<'_> {
        Evaluation::new(self.plan, self.store, self.user, self.now).with(self.scratch)
    }

    fn report(&mut self, segment: SegmentId, key: Option<Packed>, before: Option<i64>, after: Option<i64>) {
        let Some(transition) = Transition::of(before.is_some(), after.is_some()) else { return };
        self.changes.push(Change {
            cause: Cause::Ordinary,
            id: segment,
            at: self.now,
            user: shared_name(self.changes, self.store.name(self.user)),
            segment: self.plan.name(segment).into(),
            key: key.map(|key| self.store.symbols.value(key)),
            transition,
        });
    }
}

/// The order of parts by how long they are idle, the longest first: an event of theirs came last, and of equals the keys say.
pub(super) fn idle_order(a: (i64, Packed), b: (i64, Packed), symbols: &Symbols) -> Ordering {
    a.0.cmp(&b.0).then_with(|| key_order(a.1, b.1, symbols))
}

/// Numbers before texts, each in their own order.
pub(super) fn key_order(a: Packed, b: Packed, symbols: &Symbols) -> Ordering {
    let (a, b) = (Val::unpack(a, symbols), Val::unpack(b, symbols));
    a.order(&b, symbols).unwrap_or_else(|| b.number().is_some().cmp(&a.number().is_some()))
}
