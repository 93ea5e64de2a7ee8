use crate::model::{Instant, Value};
use crate::profile::{Applied, Packed, ProfileStore, Symbols, UserKey};
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::plan::{Parts, Plan, SegmentId};
use crate::segment::value::NEVER;
use serde::Serialize;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A membership that began or ended.
///
/// ```
/// # fn show(changes: &[bespoke::segment::Change]) {
/// for change in changes {
///     println!("{change}"); // u42 entered sneakerhead
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The segment's number.
    #[serde(skip)]
    pub(crate) id: SegmentId,
    /// The instant at which it happened, to the millisecond.
    pub at: Instant,
    /// The user's id.
    pub user: Arc<str>,
    /// The segment's name.
    pub segment: Arc<str>,
    /// Which way.
    #[serde(rename = "change")]
    pub transition: Transition,
    /// The part, where the segment is keyed: a string or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
}

/// Which way a membership changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// It began.
    Entered,
    /// It ended.
    Left,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.transition {
            Transition::Entered => "entered",
            Transition::Left => "left",
        };
        write!(f, "{} {verb} {}", self.user, self.segment)?;
        match &self.key {
            Some(Value::String(key)) => write!(f, " ({key})"),
            Some(Value::Int(key)) => write!(f, " ({key})"),
            Some(Value::Float(key)) => write!(f, " ({key})"),
            _ => Ok(()),
        }
    }
}

/// How often a segment was entered and left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentStats {
    /// Memberships that began.
    pub entries: u64,
    /// Memberships that ended.
    pub exits: u64,
}

impl SegmentStats {
    /// Memberships now; in a keyed segment each part of a user is one.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.entries - self.exits
    }

    pub(crate) fn note(&mut self, transition: Transition) {
        match transition {
            Transition::Entered => self.entries += 1,
            Transition::Left => self.exits += 1,
        }
    }
}

/// The memberships of one user, and when each can next change by time alone.
///
/// Invariants: 1. what is not listed is no member, and time alone does not make it one. 2. sorted by segment, and
/// by key within it. 3. keys hold shares in `Symbols`. 4. `until` is never later than the next change.
#[derive(Debug, Default)]
pub(crate) struct Memberships {
    whole: Vec<Whole>,
    /// Behind a pointer, because most users have none.
    #[allow(clippy::box_collection)]
    keyed: Option<Box<Vec<Part>>>,
}

#[derive(Debug, Clone, Copy)]
struct Whole {
    segment: SegmentId,
    /// Since when it is a member.
    entered: Option<Stay>,
    until: i64,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    segment: SegmentId,
    key: Packed,
    entered: Option<Stay>,
    until: i64,
    /// Its latest event: the part that has been idle longest goes when there are too many.
    latest: i64,
}

/// The beginning of a stay. One more than the least number stands for none, so that a row stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stay(std::num::NonZeroI64);

impl Stay {
    fn since(at: Instant) -> Stay {
        // Instants lie far from the least number, so the shifted one is never zero.
        Stay(
            std::num::NonZeroI64::new(at.as_millis() - Instant::MIN.as_millis() + 1)
                .expect("instants start at MIN"),
        )
    }

    fn instant(self) -> Instant {
        Instant::from_millis(self.0.get() - 1 + Instant::MIN.as_millis())
    }
}

/// What happened to a user, so that only what it can change is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Touch<'a> {
    /// Time alone.
    Time,
    /// What a message said.
    Message(&'a Applied),
    /// The profile is new, or another one now.
    Everything,
}

impl Memberships {
    fn parts(&self) -> &[Part] {
        self.keyed.as_deref().map_or(&[], Vec::as_slice)
    }

    fn parts_mut(&mut self) -> &mut Vec<Part> {
        self.keyed.get_or_insert_default()
    }

    /// The earliest instant at which time alone can change something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let whole = self.whole.iter().map(|row| row.until);
        let deadline =
            whole.chain(self.parts().iter().map(|row| row.until)).min().filter(|at| *at != NEVER)?;
        Some(Instant::from_millis(deadline))
    }

    /// The segments that the user is in, in order of definition, each with the beginning of the stay: for a keyed
    /// one, of the longest.
    pub(crate) fn stays(&self) -> Vec<(SegmentId, Instant)> {
        let whole = self.whole.iter().map(|row| (row.segment, row.entered));
        let parts = self.parts().iter().map(|row| (row.segment, row.entered));
        let mut stays: Vec<_> =
            whole.chain(parts).filter_map(|(id, stay)| Some((id, stay?.instant()))).collect();
        stays.sort_unstable();
        stays.dedup_by_key(|(id, _)| *id);
        stays
    }

    /// Whether the user is in a segment; in one that is keyed, in any part of it.
    pub(crate) fn contains(&self, segment: SegmentId) -> bool {
        let whole = self.whole.binary_search_by_key(&segment, |row| row.segment);
        whole.is_ok_and(|place| self.whole[place].entered.is_some())
            || self.parts().iter().any(|row| row.segment == segment && row.entered.is_some())
    }

    /// Looks at what may have changed, and reports what did, in order of segment and key.
    #[allow(clippy::too_many_arguments)] // takes apart what its caller holds together
    pub(crate) fn refresh(
        &mut self,
        plan: &Plan,
        store: &mut ProfileStore,
        user: UserKey,
        touch: Touch<'_>,
        now: Instant,
        dropped: &mut u64,
        changes: &mut Vec<Change>,
    ) {
        let from = changes.len();
        let candidates = self.candidates(plan, store, touch, now);
        for segment in candidates {
            match &plan.segments[segment.0 as usize].parts {
                None => self.refresh_whole(plan, store, user, segment, now, changes),
                Some(parts) => {
                    self.refresh_parts(plan, store, user, segment, parts, touch, now, dropped, changes)
                }
            }
        }
        debug_assert!(changes[from..].iter().all(|change| change.at == now));
    }

    /// The segments to look at, in order.
    fn candidates(
        &self,
        plan: &Plan,
        store: &ProfileStore,
        touch: Touch<'_>,
        now: Instant,
    ) -> SmallVec<[SegmentId; 16]> {
        let mut candidates: SmallVec<[SegmentId; 16]> = SmallVec::new();
        match touch {
            Touch::Everything => return (0..plan.segments.len() as u32).map(SegmentId).collect(),
            Touch::Time => {}
            Touch::Message(applied) => {
                for (kind, _) in &applied.events {
                    candidates.extend_from_slice(&plan.by_kind[kind.0 as usize]);
                }
                for attribute in &applied.attributes {
                    candidates.extend(plan.by_attribute.get(attribute).into_iter().flatten().copied());
                    let name = store.symbols.text(*attribute);
                    let below = plan.by_prefix.iter().filter(|(prefix, _)| name.starts_with(&**prefix));
                    candidates.extend(below.map(|(_, segment)| *segment));
                }
            }
        }
        let now = now.as_millis();
        candidates.extend(self.whole.iter().filter(|row| row.until <= now).map(|row| row.segment));
        candidates.extend(self.parts().iter().filter(|row| row.until <= now).map(|row| row.segment));
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    fn refresh_whole(
        &mut self,
        plan: &Plan,
        store: &ProfileStore,
        user: UserKey,
        segment: SegmentId,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        let truth = Evaluation::new(plan, store, user, now).truth(plan.segments[segment.0 as usize].root);
        let found = self.whole.binary_search_by_key(&segment, |row| row.segment);
        let entered = found.ok().and_then(|place| self.whole[place].entered);
        let stay = stay(entered, truth.holds, now);
        report(plan, store, user, segment, None, entered, stay, now, changes);
        let row = Whole { segment, entered: stay, until: truth.until };
        let is_default = stay.is_none() && truth.until == NEVER;
        match found {
            Ok(place) if is_default => {
                self.whole.remove(place);
            }
            Ok(place) => self.whole[place] = row,
            Err(_) if is_default => {}
            Err(place) => {
                self.whole.reserve_exact(1);
                self.whole.insert(place, row);
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // takes apart what its caller holds together
    fn refresh_parts(
        &mut self,
        plan: &Plan,
        store: &mut ProfileStore,
        user: UserKey,
        segment: SegmentId,
        parts: &Parts,
        touch: Touch<'_>,
        now: Instant,
        dropped: &mut u64,
        changes: &mut Vec<Change>,
    ) {
        let root = plan.segments[segment.0 as usize].root;
        let keys = self.touched_keys(plan, store, user, segment, parts, touch, now);
        let mut outcomes: SmallVec<[(Packed, Truth, i64); 4]> = SmallVec::new();
        {
            let evaluation = Evaluation::new(plan, store, user, now);
            for key in keys {
                let (end, latest) = evaluation.part_end(parts, key);
                let truth = evaluation.part_truth(parts, root, key);
                // A part that is over keeps nothing, not even a deadline.
                let until = if end <= now.as_millis() { None } else { Some(truth.until) };
                outcomes.push((key, Truth::new(truth.holds, until.unwrap_or(i64::MIN)), latest));
            }
        }
        for (key, truth, latest) in outcomes {
            let is_over = truth.until == i64::MIN;
            let found = self.place(segment, key, &store.symbols);
            let entered = found.ok().and_then(|place| self.parts()[place].entered);
            let stay = stay(entered, truth.holds, now);
            report(plan, store, user, segment, Some(key), entered, stay, now, changes);
            match found {
                Ok(place) if is_over => {
                    let part = self.parts_mut().remove(place);
                    store.symbols.release(part.key);
                }
                Ok(place) => {
                    let part = &mut self.parts_mut()[place];
                    (part.entered, part.until, part.latest) = (stay, truth.until, latest);
                }
                Err(_) if is_over => {}
                Err(place) => {
                    let key = store.symbols.share(key);
                    self.parts_mut()
                        .insert(place, Part { segment, key, entered: stay, until: truth.until, latest });
                }
            }
        }
        self.drop_idle(plan, store, user, segment, now, dropped, changes);
    }

    /// The keys of the parts to look at, in order.
    #[allow(clippy::too_many_arguments)] // takes apart what its caller holds together
    fn touched_keys(
        &self,
        plan: &Plan,
        store: &ProfileStore,
        user: UserKey,
        segment: SegmentId,
        parts: &Parts,
        touch: Touch<'_>,
        now: Instant,
    ) -> SmallVec<[Packed; 8]> {
        let symbols = &store.symbols;
        let mut keys: SmallVec<[Packed; 8]> = SmallVec::new();
        let mut all = match touch {
            Touch::Everything => true,
            Touch::Time => false,
            Touch::Message(applied) => {
                for (kind, start) in &applied.events {
                    if parts.reads.iter().any(|(kinds, _)| kinds.contains(*kind, &plan.keep)) {
                        let place = plan.keep.place(*kind, parts.by);
                        keys.extend(
                            place
                                .map(|place| applied.values[start + place])
                                .filter(|key| key.is_key(symbols)),
                        );
                    }
                }
                !applied.attributes.is_empty()
            }
        };
        all |= plan.segments[segment.0 as usize].parts_linked;
        if all {
            // Another zone or session can bring parts back that were over, so history is asked, not the list.
            keys.extend(Evaluation::new(plan, store, user, now).keys(parts));
        }
        let of_segment = self.parts().iter().filter(|part| part.segment == segment);
        keys.extend(of_segment.filter(|part| all || part.until <= now.as_millis()).map(|part| part.key));
        keys.sort_by(|a, b| key_order(*a, *b, symbols));
        keys.dedup_by(|a, b| symbols.same(*a, *b));
        keys
    }

    fn place(&self, segment: SegmentId, key: Packed, symbols: &Symbols) -> Result<usize, usize> {
        self.parts().binary_search_by(|part| {
            part.segment.cmp(&segment).then_with(|| key_order(part.key, key, symbols))
        })
    }

    /// Keeps a segment's parts within their number: the one idle longest goes.
    #[allow(clippy::too_many_arguments)] // takes apart what its caller holds together
    fn drop_idle(
        &mut self,
        plan: &Plan,
        store: &mut ProfileStore,
        user: UserKey,
        segment: SegmentId,
        now: Instant,
        dropped: &mut u64,
        changes: &mut Vec<Change>,
    ) {
        loop {
            let of_segment = self.parts().iter().enumerate().filter(|(_, part)| part.segment == segment);
            if of_segment.clone().count() <= plan.parts_max {
                return;
            }
            let Some((place, _)) = of_segment.min_by_key(|(_, part)| part.latest) else { return };
            let part = self.parts_mut().remove(place);
            report(plan, store, user, segment, Some(part.key), part.entered, None, now, changes);
            store.symbols.release(part.key);
            *dropped += 1;
        }
    }

    /// Ends all memberships of a user who is no more, and reports it.
    pub(crate) fn end(
        self,
        plan: &Plan,
        name: &Arc<str>,
        symbols: &mut Symbols,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        let whole = self.whole.iter().filter(|row| row.entered.is_some()).map(|row| (row.segment, None));
        let parts =
            self.parts().iter().filter(|row| row.entered.is_some()).map(|row| (row.segment, Some(row.key)));
        let mut ended: Vec<_> = whole.chain(parts).collect();
        ended.sort_by_key(|(segment, _)| *segment);
        for (segment, key) in ended {
            changes.push(Change {
                id: segment,
                at: now,
                user: name.clone(),
                segment: plan.segments[segment.0 as usize].name.clone(),
                key: key.map(|key| symbols.value(key)),
                transition: Transition::Left,
            });
        }
        self.keyed.into_iter().flat_map(|parts| *parts).for_each(|part| symbols.release(part.key));
    }

    /// Everything, for a digest of the state: segment, key, beginning of the stay, next look.
    pub(crate) fn rows<'a>(
        &'a self,
        symbols: &'a Symbols,
    ) -> impl Iterator<Item = (SegmentId, Value, Option<Instant>, i64)> + 'a {
        let whole = self.whole.iter().map(|row| (row.segment, Value::Null, row.entered, row.until));
        let parts =
            self.parts().iter().map(|row| (row.segment, symbols.value(row.key), row.entered, row.until));
        whole.chain(parts).map(|(segment, key, stay, until)| (segment, key, stay.map(Stay::instant), until))
    }
}

fn stay(entered: Option<Stay>, holds: bool, now: Instant) -> Option<Stay> {
    holds.then(|| entered.unwrap_or_else(|| Stay::since(now)))
}

#[allow(clippy::too_many_arguments)] // a leaf that builds one value of many parts
fn report(
    plan: &Plan,
    store: &ProfileStore,
    user: UserKey,
    segment: SegmentId,
    key: Option<Packed>,
    before: Option<Stay>,
    after: Option<Stay>,
    now: Instant,
    changes: &mut Vec<Change>,
) {
    let transition = match (before, after) {
        (None, Some(_)) => Transition::Entered,
        (Some(_), None) => Transition::Left,
        _ => return,
    };
    changes.push(Change {
        id: segment,
        at: now,
        user: store.get(user).name.clone(),
        segment: plan.segments[segment.0 as usize].name.clone(),
        key: key.map(|key| store.symbols.value(key)),
        transition,
    });
}

/// Numbers before texts, each in their own order.
fn key_order(a: Packed, b: Packed, symbols: &Symbols) -> Ordering {
    use crate::segment::value::Val;
    let (a, b) = (Val::unpack(a, symbols), Val::unpack(b, symbols));
    a.order(&b, symbols).unwrap_or_else(|| b.number().is_some().cmp(&a.number().is_some()))
}
