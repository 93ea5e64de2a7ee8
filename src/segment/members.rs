use crate::profile::UserKey;
use crate::segment::{Plan, SegmentId, SegmentMoves};
use roaring::RoaringBitmap;
use std::sync::Arc;

/// Who is in which segment, for questions about everybody: compressed sets of users' numbers.
///
/// Invariants: 1. a segment that a user of whom nothing is known is in has the set of those who are *not* in it, so
/// that what is default takes no memory; every other one has the set of its members. 2. no set holds the number of a
/// user who is no more.
#[derive(Debug, Clone)]
pub(crate) struct Members(Vec<Set>);

#[derive(Debug, Clone)]
pub(super) struct Set {
    /// Shared with a checkpoint that is being written: whoever changes it then copies it first, an eighth of a byte a user.
    pub(super) users: Arc<RoaringBitmap>,
    /// Whether it holds those who are not in the segment.
    is_of_others: bool,
}

impl Members {
    /// Those of nobody.
    pub(crate) fn new(plan: &Plan) -> Members {
        let set = |segment: &crate::segment::plan::Segment| Set {
            users: Arc::default(),
            is_of_others: segment.is_default,
        };
        Members(plan.segments.iter().map(set).collect())
    }

    /// Goes on under other definitions, for all users that there are. Who is in a segment that means something else is
    /// as before, until that is looked at; in one that is new nobody is yet.
    pub(crate) fn relocate(
        &mut self,
        moves: &SegmentMoves,
        plan: &Plan,
        users: impl Iterator<Item = UserKey>,
    ) {
        let mut old = std::mem::replace(self, Members::new(plan)).0;
        let everybody: Arc<RoaringBitmap> = Arc::new(users.map(|user| user.0).collect());
        for set in self.0.iter_mut().filter(|set| set.is_of_others) {
            set.users = everybody.clone();
        }
        for (from, to) in moves.kept() {
            let new = &mut self.0[to.0 as usize];
            let known = std::mem::take(&mut old[from].users);
            let is_same = old[from].is_of_others == new.is_of_others;
            new.users = if is_same { known } else { Arc::new(&*everybody - &*known) };
        }
    }

    pub(super) fn sets(&self) -> &[Set] {
        &self.0
    }

    pub(super) fn sets_mut(&mut self) -> &mut [Set] {
        &mut self.0
    }

    fn set(&self, segment: SegmentId) -> &Set {
        &self.0[segment.0 as usize]
    }

    /// Notes that a user is in a segment now, or is not.
    pub(crate) fn note(&mut self, segment: SegmentId, user: UserKey, is_member: bool) {
        let set = &mut self.0[segment.0 as usize];
        let is_listed = is_member != set.is_of_others;
        if is_listed != set.users.contains(user.0) {
            let users = Arc::make_mut(&mut set.users);
            if is_listed {
                users.insert(user.0)
            } else {
                users.remove(user.0)
            };
        }
    }

    /// Forgets a user who is no more. O(segments) look-ups.
    pub(crate) fn forget(&mut self, user: UserKey) {
        self.0.iter_mut().filter(|set| set.users.contains(user.0)).for_each(|set| {
            Arc::make_mut(&mut set.users).remove(user.0);
        });
    }

    /// How many users are in a segment, of so many in all. O(1) in users.
    pub(crate) fn size(&self, segment: SegmentId, users: u64) -> u64 {
        let set = self.set(segment);
        if set.is_of_others { users - set.users.len() } else { set.users.len() }
    }

    /// How many users are in all of some segments, of so many in all. O(their compressed size).
    pub(crate) fn size_of_all(&self, segments: &[SegmentId], users: u64) -> u64 {
        let sets = || segments.iter().map(|segment| self.set(*segment));
        let mut members: Vec<&RoaringBitmap> =
            sets().filter(|set| !set.is_of_others).map(|set| &*set.users).collect();
        let others = sets().filter(|set| set.is_of_others).map(|set| &*set.users);
        // The smallest first: what is left of it only shrinks.
        members.sort_by_key(|users| users.len());
        match members.split_first() {
            Some((first, rest)) => {
                let mut left = (*first).clone();
                rest.iter().for_each(|users| left &= *users);
                others.for_each(|users| left -= users);
                left.len()
            }
            None => users - others.fold(RoaringBitmap::new(), |union, users| union | users).len(),
        }
    }

    /// Whether a user is in a segment; of a keyed one, in any part of it. O(log users).
    pub(crate) fn contains(&self, segment: SegmentId, user: UserKey) -> bool {
        let set = self.set(segment);
        set.users.contains(user.0) != set.is_of_others
    }

    /// The members among some users.
    pub(crate) fn among(
        &self,
        segment: SegmentId,
        users: impl Iterator<Item = UserKey>,
    ) -> impl Iterator<Item = UserKey> {
        let set = self.set(segment);
        users.filter(|user| set.users.contains(user.0) != set.is_of_others)
    }

    /// The members from a number on, in order of their numbers; nothing where only those are known who are not.
    pub(crate) fn listed(&self, segment: SegmentId, from: UserKey) -> Option<impl Iterator<Item = UserKey>> {
        let set = self.set(segment);
        (!set.is_of_others).then(|| set.users.range(from.0..).map(UserKey))
    }
}
