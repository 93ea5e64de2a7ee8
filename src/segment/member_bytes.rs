//! Sets of members as bytes, in the format that all libraries of roaring bitmaps share.

use crate::model::{Bytes, Malformed, Pieces, Record};
use crate::segment::members::Members;
use roaring::RoaringBitmap;
use std::sync::Arc;

impl Members {
    /// What is to be written of them: a set is a piece.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.sets().len().write(out));
        for set in self.sets() {
            let users = Arc::clone(&set.users);
            pieces.push(move |out| {
                users.serialized_size().write(out);
                users.serialize_into(&mut *out).expect("memory takes every write");
            });
        }
    }

    /// Goes on with what was written under the same definitions; `is_there` says which numbers are users'.
    ///
    /// # Errors
    /// Bytes that were not written so, or that hold somebody who is not there.
    pub(crate) fn read(
        &mut self,
        from: &mut Bytes<'_>,
        is_there: impl Fn(u32) -> bool,
    ) -> Result<(), Malformed> {
        let malformed = |from: &Bytes<'_>| from.malformed("a set of members");
        if usize::read(from)? != self.sets().len() {
            return Err(malformed(from));
        }
        for set in self.sets_mut() {
            let len = from.len("a set of members")?;
            let bytes = from.take(len, "a set of members")?;
            let users = RoaringBitmap::deserialize_from(bytes).map_err(|_| malformed(from))?;
            if users.serialized_size() != len || !users.iter().all(&is_there) {
                return Err(malformed(from));
            }
            set.users = Arc::new(users);
        }
        Ok(())
    }
}
