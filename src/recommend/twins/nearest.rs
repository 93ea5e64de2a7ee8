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
    /// Those of a pool that are most like an item, at most `limit`, which has to be the same for a pool each time.
    pub(super) fn get(&self, index: &Index, item: ItemId, pool: Pool, limit: usize) -> Arc<[Like]> {
        let revision = index.revision();
        if let Some(known) = self.0.lock().of(revision, pool).get(&item) {
            return known.clone();
        }
        // Others may look things up meanwhile.
        let found: Arc<[Like]> = index.nearest(item, pool, limit).into();
        let mut kept = self.0.lock();
        let kept = kept.of(revision, pool);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(item, found.clone());
        found
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
