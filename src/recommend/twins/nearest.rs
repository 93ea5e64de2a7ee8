use crate::recommend::ItemId;
use crate::recommend::twins::index::{Index, Like, Pool};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

/// Of most how many items it is remembered which are most like them.
const KEPT_MAX: usize = 1 << 16;

/// Which items are most like others, as it was looked up. No state: it follows from the index alone.
#[derive(Debug, Default)]
pub(super) struct Nearest(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Of which revision of the index.
    revision: u64,
    touched: Likes,
    cold: Likes,
}

type Likes = HashMap<ItemId, Arc<[Like]>, ahash::RandomState>;

impl Kept {
    fn of(&mut self, revision: u64, pool: Pool) -> &mut Likes {
        if self.revision != revision {
            *self = Kept { revision, ..Kept::default() };
        }
        match pool {
            Pool::Touched => &mut self.touched,
            Pool::Cold => &mut self.cold,
        }
    }
}

/// Forgets: it is looked up again.
impl Clone for Nearest {
    fn clone(&self) -> Nearest {
        Nearest::default()
    }
}

impl Nearest {
    /// Those of a pool that are most like each of some items, at most `limit`, which has to be the same for a pool each
    /// time.
    pub(super) fn of(&self, index: &Index, items: &[ItemId], pool: Pool, limit: usize) -> Vec<Arc<[Like]>> {
        let revision = index.revision();
        let known: Vec<Option<Arc<[Like]>>> = {
            let mut kept = self.0.lock();
            let kept = kept.of(revision, pool);
            items.iter().map(|item| kept.get(item).cloned()).collect()
        };
        let missing: Vec<ItemId> =
            items.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(item, _)| *item).collect();
        if missing.is_empty() {
            return known.into_iter().flatten().collect();
        }
        // Others may look things up meanwhile.
        let found: Vec<Arc<[Like]>> =
            missing.iter().map(|item| index.nearest(*item, pool, limit).into()).collect();
        let mut kept = self.0.lock();
        let kept = kept.of(revision, pool);
        if kept.len() + found.len() > KEPT_MAX {
            kept.clear();
        }
        kept.extend(missing.into_iter().zip(found.iter().cloned()));
        let mut found = found.into_iter();
        known.into_iter().filter_map(|known| known.or_else(|| found.next())).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let kept = self.0.lock();
        let likes = |likes: &Likes| {
            let all: usize = likes.values().map(|likes| size_of_val(&**likes)).sum();
            all + likes.allocation_size()
        };
        likes(&kept.touched) + likes(&kept.cold)
    }
}
