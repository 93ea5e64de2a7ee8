use crate::profile::{Packed, PartRows, ProfileStore, PropertyId, UserKey};
use crate::segment::gates::Fact;
use crate::segment::node::{SlotId, SourceId};
use crate::segment::places::{Known, Mask};
use crate::segment::plan::{Plan, SegmentId};
use crate::segment::rows::Edits;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// What one look at a user works out once and many expressions ask for: the attributes by slot, and which kept
/// events belong to a source. Room that is used again for the next user; no part of the state.
///
/// Invariant: what stands beside an older `stamp` than the present one says nothing.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    facts: Vec<Fact>,
    /// The slots that are not missing.
    filled: Vec<SlotId>,
    masks: Vec<Cell<(u32, u32, Mask)>>,
    stamp: u32,
    marks: Marks,
    candidates: Vec<SegmentId>,
    edits: Edits,
    /// The sources of what happened.
    sources: Vec<SourceId>,
    /// Who asks for them and may care.
    askers: Vec<u32>,
    /// The rows sorted out by properties, each beside its `stamp`.
    parted: RefCell<Vec<(u32, Arc<PartRows>)>>,
}

/// A set of segments that gives them in order.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    words: Vec<u64>,
    /// Which words are not zero.
    summary: Vec<u64>,
}

impl Marks {
    pub(crate) fn begin(&mut self, segments: usize) {
        let words = segments.div_ceil(64);
        if self.words.len() != words {
            self.words = vec![0; words];
            self.summary = vec![0; words.div_ceil(64)];
        }
    }

    pub(crate) fn mark(&mut self, segment: SegmentId) {
        let word = segment.0 as usize / 64;
        self.words[word] |= 1 << (segment.0 % 64);
        self.summary[word / 64] |= 1 << (word % 64);
    }

    /// Takes them out, in order.
    pub(crate) fn drain_into(&mut self, out: &mut Vec<SegmentId>) {
        for (i, summary) in self.summary.iter_mut().enumerate() {
            let mut rest = std::mem::take(summary);
            while rest != 0 {
                let word = i * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let mut bits = std::mem::take(&mut self.words[word]);
                while bits != 0 {
                    out.push(SegmentId(word as u32 * 64 + bits.trailing_zeros()));
                    bits &= bits - 1;
                }
            }
        }
    }
}

impl Scratch {
    /// Begins a look at a user, or another one after something happened.
    pub(crate) fn begin(&mut self, plan: &Plan, store: &ProfileStore, user: UserKey) {
        // A band that looks at nothing looks at the first one.
        let slots = plan.slots.len().max(1);
        if self.facts.len() != slots || self.masks.len() != plan.sources.len() {
            *self = Scratch {
                marks: std::mem::take(&mut self.marks),
                candidates: std::mem::take(&mut self.candidates),
                edits: std::mem::take(&mut self.edits),
                sources: std::mem::take(&mut self.sources),
                askers: std::mem::take(&mut self.askers),
                facts: vec![Fact::MISSING; slots],
                masks: vec![Cell::new((0, 0, 0)); plan.sources.len()],
                ..Scratch::default()
            };
        }
        for slot in self.filled.drain(..) {
            self.facts[slot.0 as usize] = Fact::MISSING;
        }
        for attribute in store.get(user).attributes.iter().chain(store.world.iter()) {
            if let Some(slot) = plan.slot_of.get(&attribute.name) {
                self.facts[slot.0 as usize] = Fact::new(attribute.value);
                self.filled.push(*slot);
            }
        }
        self.forget_events();
    }

    /// Forgets which events belong to what: there are other ones now.
    pub(crate) fn forget_events(&mut self) {
        match self.stamp.checked_add(1) {
            Some(next) => self.stamp = next,
            None => {
                self.masks.iter().for_each(|mask| mask.set((0, 0, 0)));
                self.parted.get_mut().clear();
                self.stamp = 1;
            }
        }
    }

    /// Patches one attribute of the user who is looked at.
    pub(crate) fn set_fact(&mut self, slot: SlotId, value: Packed) {
        let fact = std::mem::replace(&mut self.facts[slot.0 as usize], Fact::new(value));
        if fact.value.is_missing() {
            self.filled.push(slot);
        }
    }

    pub(crate) fn take_marks(&mut self) -> Marks {
        std::mem::take(&mut self.marks)
    }

    pub(crate) fn put_marks(&mut self, marks: Marks) {
        self.marks = marks;
    }

    /// The segments that were marked, in order; the room is given back.
    pub(crate) fn take_candidates(&mut self) -> Vec<SegmentId> {
        let mut candidates = std::mem::take(&mut self.candidates);
        self.marks.drain_into(&mut candidates);
        candidates
    }

    /// Room for sources, empty.
    pub(crate) fn take_sources(&mut self) -> Vec<SourceId> {
        std::mem::take(&mut self.sources)
    }

    pub(crate) fn give_back_sources(&mut self, mut sources: Vec<SourceId>) {
        sources.clear();
        self.sources = sources;
    }

    /// Room for askers; what it holds means nothing.
    pub(crate) fn take_askers(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.askers)
    }

    pub(crate) fn give_back_askers(&mut self, askers: Vec<u32>) {
        self.askers = askers;
    }

    pub(crate) fn take_edits(&mut self) -> Edits {
        std::mem::take(&mut self.edits)
    }

    pub(crate) fn give_back(&mut self, mut candidates: Vec<SegmentId>) {
        candidates.clear();
        self.candidates = candidates;
    }

    pub(crate) fn give_back_edits(&mut self, mut edits: Edits) {
        edits.clear();
        self.edits = edits;
    }

    /// The attributes by slot.
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    pub(crate) fn fact(&self, slot: SlotId) -> Packed {
        self.facts[slot.0 as usize].value
    }

    /// What is known of which rows belong to a source.
    pub(crate) fn known(&self, source: SourceId) -> Option<Known> {
        let (stamp, from, mask) = self.masks[source.0 as usize].get();
        (stamp == self.stamp).then_some(Known { from: from as usize, mask })
    }

    /// The rows sorted out by a property, where somebody did that.
    pub(crate) fn part_rows(&self, by: PropertyId) -> Option<Arc<PartRows>> {
        let parted = self.parted.borrow();
        let own = parted.iter().find(|(stamp, parted)| *stamp == self.stamp && parted.by() == by);
        own.map(|(_, parted)| parted.clone())
    }

    /// Sorts rows out by a property, in room that was used before.
    pub(crate) fn sort_out(&self, by: PropertyId, sort: impl FnOnce(&mut PartRows)) -> Arc<PartRows> {
        let room = self.parted.borrow().iter().position(|(stamp, _)| *stamp != self.stamp);
        let room = room.map(|room| self.parted.borrow_mut().swap_remove(room).1);
        let mut parted = room.unwrap_or_else(|| Arc::new(PartRows::new(by)));
        let own = Arc::make_mut(&mut parted);
        own.begin(by);
        sort(own);
        self.parted.borrow_mut().push((self.stamp, parted.clone()));
        parted
    }

    pub(crate) fn set_known(&self, source: SourceId, known: Known) {
        self.masks[source.0 as usize].set((self.stamp, known.from as u32, known.mask));
    }
}
