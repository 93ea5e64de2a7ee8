use crate::segment::SegmentId;
use hashbrown::HashTable;

/// The names of segments, and the numbers of segments by them. All texts lie one behind the other, because a block of
/// memory for each would take more than the names do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    texts: String,
    /// By segment: where its name ends.
    ends: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: ahash::RandomState,
}

fn name_of<'t>(texts: &'t str, ends: &[u32], number: u32) -> &'t str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &texts[start..ends[number] as usize]
}

impl Names {
    /// Enters the next segment; false where there is one of this name already.
    pub(crate) fn push(&mut self, name: &str) -> bool {
        let is_new = self.find(name).is_none();
        let Names { texts, ends, numbers, hasher } = self;
        texts.push_str(name);
        ends.push(u32::try_from(texts.len()).expect("all names together take less than 4 GiB"));
        if is_new {
            let number = ends.len() as u32 - 1;
            let hash = |number: &u32| hasher.hash_one(name_of(texts, ends, *number));
            numbers.insert_unique(hash(&number), number, hash);
        }
        is_new
    }

    pub(crate) fn get(&self, id: SegmentId) -> &str {
        name_of(&self.texts, &self.ends, id.0)
    }

    pub(crate) fn find(&self, wanted: &str) -> Option<SegmentId> {
        let is_it = |number: &u32| self.get(SegmentId(*number)) == wanted;
        self.numbers.find(self.hasher.hash_one(wanted), is_it).map(|number| SegmentId(*number))
    }

    /// In order of definition.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.ends.len() as u32).map(|number| self.get(SegmentId(number)))
    }

    /// Gives up room that nothing is in.
    pub(crate) fn shrink(&mut self) {
        let Names { texts, ends, numbers, hasher } = self;
        texts.shrink_to_fit();
        ends.shrink_to_fit();
        numbers.shrink_to_fit(|number| hasher.hash_one(name_of(texts, ends, *number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_numbers_they_came_with() {
        let mut names = Names::default();
        let all: Vec<String> =
            (0..200).map(|n| if n == 7 { String::new() } else { format!("s{n} ü") }).collect();
        assert!(all.iter().all(|name| names.push(name)));
        assert!(!names.push("s3 ü"), "there is one already");
        names.shrink();
        assert!(names.iter().take(200).eq(all.iter().map(String::as_str)));
        for (number, name) in (0..).zip(&all) {
            assert_eq!(names.find(name), Some(SegmentId(number)));
        }
        assert_eq!(names.find("s3"), None);
    }
}
