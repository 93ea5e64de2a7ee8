use crate::storage::frame::FRAME_HEAD;
use crate::storage::place::Place;
use std::collections::BTreeMap;

/// Records of the heap that nobody wants any more: how many bytes they take of each file.
#[derive(Debug, Default)]
pub(crate) struct Unwanted(BTreeMap<u32, u64>);

impl Unwanted {
    /// Adds a record; one that is nowhere takes nothing.
    pub(crate) fn add(&mut self, place: Place) {
        if !place.is_none() {
            *self.0.entry(place.file).or_default() += u64::from(FRAME_HEAD) + u64::from(place.len);
        }
    }

    /// Adds those of another, which has none then.
    pub(crate) fn append(&mut self, other: &mut Unwanted) {
        for (file, bytes) in std::mem::take(&mut other.0) {
            *self.0.entry(file).or_default() += bytes;
        }
    }

    /// The files, each with its bytes.
    pub(super) fn files(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().map(|(file, bytes)| (*file, *bytes))
    }
}

impl Extend<Place> for Unwanted {
    fn extend<I: IntoIterator<Item = Place>>(&mut self, places: I) {
        places.into_iter().for_each(|place| self.add(place));
    }
}
